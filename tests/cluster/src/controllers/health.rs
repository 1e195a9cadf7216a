//! The health endpoints of both, over TLS with a certificate that is made at the start and signed by nobody else.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::program::Role;
use crate::wire::tls;

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    /// The certificate.
    #[error(transparent)]
    Mint(#[from] rcgen::Error),
    /// TLS with it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The port.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// The endpoints, listening.
pub(super) struct Health {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    state: State,
}

#[derive(Clone)]
struct State {
    role: Role,
    synced: Arc<AtomicBool>,
}

impl Health {
    /// Listens; `synced` tells whether the API has answered with what is needed once.
    pub(super) async fn open(
        role: Role,
        address: &str,
        synced: Arc<AtomicBool>,
    ) -> Result<Self, HealthError> {
        let listen = |source| HealthError::Listen { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, format!("{}@self", role.name()));
        let certificate = params.self_signed(&key)?.der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { listener, acceptor, state: State { role, synced } })
    }

    /// Answers for ever.
    pub(super) async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok((tcp, _)) => {
                    tokio::spawn(connection(self.acceptor.clone(), tcp, self.state.clone()));
                }
                // Out of file descriptors: the next one may find some.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

async fn connection(acceptor: TlsAcceptor, tcp: TcpStream, state: State) {
    let Ok(stream) = acceptor.accept(tcp).await else { return };
    let service = service_fn(move |request| {
        let answer = state.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    // How a connection ends is its client's matter.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl State {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let synced = self.synced.load(Ordering::Relaxed);
        let (code, body) = match (request.uri().path(), self.role) {
            ("/healthz", _) | ("/livez", Role::Scheduler) => (StatusCode::OK, "ok".to_owned()),
            ("/readyz", Role::Scheduler) if synced => (StatusCode::OK, "ok".to_owned()),
            ("/readyz", Role::Scheduler) => {
                let list = "[+]ping ok\n[+]shutdown ok\n[-]scheduler-informer-sync failed: reason withheld\n";
                (StatusCode::INTERNAL_SERVER_ERROR, format!("{list}readyz check failed\n"))
            }
            _others => (StatusCode::NOT_FOUND, "404 page not found\n".to_owned()),
        };
        let builder = Response::builder().status(code).header("content-type", "text/plain; charset=utf-8");
        builder.body(Full::new(body.into())).expect("a status and a plain header make an answer")
    }
}
