//! One connection to a server, kept for many requests: TCP, TLS, HTTP/1.1.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::tls::in_words_of_go;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No connection.
    #[error("dial tcp {address}: connect: {}", in_words_of_the_kernel(source))]
    Connect {
        /// Whom.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// TLS was refused by one of the two.
    #[error("{0}")]
    Tls(String),
    /// The connection ended before the answer.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// Nothing came in time.
    #[error("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")]
    Late,
}

impl LineError {
    /// Whether the server can not have seen the request.
    pub fn was_never_sent(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Tls(_) => true,
            Self::Http(error) => error.is_canceled(),
            Self::Late => false,
        }
    }
}

/// A kept connection.
#[derive(Debug)]
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
}

impl Line {
    /// Connects to `address` (`host:port`); the host is the name that its certificate must have.
    pub async fn open(address: &str, tls: Arc<ClientConfig>) -> Result<Self, LineError> {
        tokio::time::timeout(CONNECT, Self::dial(address, tls)).await.map_err(|_| LineError::Late)?
    }

    async fn dial(address: &str, tls: Arc<ClientConfig>) -> Result<Self, LineError> {
        let connect = |source| LineError::Connect { address: address.to_owned(), source };
        let tcp = TcpStream::connect(address).await.map_err(connect)?;
        tcp.set_nodelay(true).map_err(connect)?;
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| LineError::Tls(format!("tls: `{host}` is no name of a server")))?;
        let stream = TlsConnector::from(tls).connect(name, tcp).await.map_err(|error| tls_error(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender, or with the peer; either way whoever sends next is told.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Whether another request can be sent on it.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, LineError> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

/// As Go writes the kernel's errors.
fn in_words_of_the_kernel(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_ascii_lowercase()
}

fn tls_error(error: &std::io::Error) -> LineError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    LineError::Tls(inner.map_or_else(|| "EOF".to_owned(), in_words_of_go))
}
