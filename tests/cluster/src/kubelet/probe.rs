//! Readiness, asked where the manifests of kubeadm ask it; whoever asks looks at no certificate.

use std::net::Ipv4Addr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::wire::tls;

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(2);
/// How much of an answer is read, bytes.
const ENOUGH: u64 = 4096;

/// Whether the container of this name is ready; one without a probe is ready as long as it runs.
pub(super) async fn is_ready(container: &str, address: Ipv4Addr) -> bool {
    let asked = async {
        match container {
            "etcd" => plain(2381, "/health").await.is_some_and(|body| body.contains("\"health\":\"true\"")),
            "kube-apiserver" => served(address, 6443, "/readyz").await.is_some(),
            "kube-scheduler" => served(Ipv4Addr::LOCALHOST, 10_259, "/readyz").await.is_some(),
            _other => true,
        }
    };
    tokio::time::timeout(WITHIN, asked).await.unwrap_or(false)
}

async fn plain(port: u16, path: &str) -> Option<String> {
    get(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?, path).await
}

async fn served(address: Ipv4Addr, port: u16, path: &str) -> Option<String> {
    let stream = TcpStream::connect((address, port)).await.ok()?;
    let connector = TlsConnector::from(tls::unverified().ok()?);
    get(connector.connect(ServerName::from(std::net::IpAddr::from(address)), stream).await.ok()?, path).await
}

/// The whole of an answer with status 200.
async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // A peer that ends without a close of TLS has answered all the same.
    let _end = stream.take(ENOUGH).read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.starts_with("HTTP/1.1 200").then_some(text)
}
