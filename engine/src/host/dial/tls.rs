//! A TLS handshake that records what the server shows and checks that it holds the key.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::DialError;
use crate::text::escape;

/// What came of a handshake.
pub(super) struct Shaken<S> {
    /// What the server presented, DER, its own certificate first; only where it proved that it holds its key.
    pub(super) chain: Option<Vec<Vec<u8>>>,
    /// The connection, or why there is none; the chain may be there all the same.
    pub(super) stream: Result<TlsStream<S>, DialError>,
}

/// Shakes hands over `stream`, without a server name and without a certificate of ours.
pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Shaken<S> {
    let provider = Arc::new(ring::default_provider());
    let seen =
        Arc::new(Seen { provider: Arc::clone(&provider), chain: OnceLock::new(), proven: OnceLock::new() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    // Neither sent nor compared with anything.
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let proven = seen.proven.get().copied();
    let chain = seen.chain.get().filter(|_| proven == Some(true)).cloned();
    let why = |error| if proven == Some(false) { DialError::Unproven } else { meaning(&error) };
    Shaken { chain, stream: stream.map_err(why) }
}

fn meaning(error: &io::Error) -> DialError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(by_tls) => DialError::Handshake(escape(&by_tls.to_string())),
        None => DialError::of_io(error),
    }
}

/// Records a server's certificates, trusting none, and whether its handshake is signed with the first one's key.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    chain: OnceLock<Vec<Vec<u8>>>,
    /// Whether the signature holds; unset while none was seen.
    proven: OnceLock<bool>,
}

impl Seen {
    fn proof(
        &self,
        checked: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proven.get_or_init(|| checked.is_ok());
        checked
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = || std::iter::once(leaf).chain(intermediates).map(|one| one.to_vec()).collect();
        self.chain.get_or_init(chain);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.proof(verify_tls12_signature(message, leaf, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.proof(verify_tls13_signature(message, leaf, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
