//! What a kubelet serves: TLS on 10250, where nobody is known, and its health on 127.0.0.1:10248.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::KubeletError;
use super::bootstrap::Served;
use crate::wire::tls::{self, TlsError};

/// How long a caller may take for its request.
const REQUEST: Duration = Duration::from_secs(10);
/// The longest head of a request, bytes.
const HEAD: usize = 16 * 1024;

/// Both ports, open.
pub(super) struct Serving {
    health: TcpListener,
    pods: TcpListener,
    acceptor: TlsAcceptor,
}

impl Serving {
    /// Opens the ports.
    pub(super) async fn open(served: Served) -> Result<Self, KubeletError> {
        let acceptor = TlsAcceptor::from(Arc::new(config(served)?));
        let open = async |address: Ipv4Addr, port: u16, name: &'static str| {
            let bound = TcpListener::bind(SocketAddr::from((address, port))).await;
            bound.map_err(|source| KubeletError::Listen(name, source))
        };
        let health = open(Ipv4Addr::LOCALHOST, 10_248, "127.0.0.1:10248").await?;
        let pods = open(Ipv4Addr::UNSPECIFIED, 10_250, "0.0.0.0:10250").await?;
        Ok(Self { health, pods, acceptor })
    }

    /// Serves for ever.
    pub(super) async fn run(self) {
        loop {
            tokio::select! {
                Ok((stream, _)) = self.health.accept() => {
                    tokio::spawn(answer(stream, "200 OK", "ok"));
                }
                Ok((stream, _)) = self.pods.accept() => {
                    let acceptor = self.acceptor.clone();
                    tokio::spawn(async move {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            answer(stream, "401 Unauthorized", "Unauthorized").await;
                        }
                    });
                }
                else => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

fn config(served: Served) -> Result<ServerConfig, TlsError> {
    Ok(ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(served)))
}

/// Reads one request and gives it this answer.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: &str, body: &str) {
    let mut head = Vec::new();
    let read = async {
        let mut piece = [0; 1024];
        while head.len() < HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(n) => head.extend_from_slice(&piece[..n]),
            }
        }
    };
    if tokio::time::timeout(REQUEST, read).await.is_ok() {
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: \
             close\r\n\r\n{body}",
            body.len()
        );
        // Whoever has gone does not hear it.
        let _gone = stream.write_all(text.as_bytes()).await;
        let _gone = stream.shutdown().await;
    }
}
