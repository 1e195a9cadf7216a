//! TLS from PEM: what a client trusts and shows, and what went wrong in the words of Go's crypto/tls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use time::OffsetDateTime;

use super::moment;

/// Why no TLS can be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There is no certificate, or no key, in the PEM.
    #[error("tls: failed to find any PEM data in {what}")]
    Empty {
        /// What was looked for, where.
        what: String,
    },
    /// What is there cannot be used.
    #[error("tls: {0}")]
    Unusable(#[from] rustls::Error),
}

/// A certificate chain with its key, PEM.
#[derive(Clone)]
pub struct Pair {
    /// The chain, leaf first.
    pub certificate: Vec<u8>,
    /// The leaf's private key.
    pub key: Vec<u8>,
}

impl Pair {
    /// Reads both files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self { certificate: file(certificate)?, key: file(key)? })
    }
}

/// Reads a file, and names it when that fails.
pub fn file(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// The certificates of a PEM, at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let empty = || TlsError::Empty { what: "certificate input".to_owned() };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or_else(empty)
}

/// The first private key of a PEM.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Empty { what: "key input".to_owned() })
}

/// The CAs of a PEM.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// A client that trusts these CAs and shows this pair, if any.
pub fn client(ca: &[u8], pair: Option<&Pair>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca)?);
    Ok(Arc::new(match pair {
        Some(pair) => {
            builder.with_client_auth_cert(certificates(&pair.certificate)?, private_key(&pair.key)?)?
        }
        None => builder.with_no_client_auth(),
    }))
}

/// The one crypto provider.
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A failed handshake in the words of Go's crypto/tls, as the logs of the real components have it.
pub fn in_words_of_go(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            format!("tls: failed to verify certificate: {}", certificate_in_words_of_go(reason))
        }
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_in_words_of_go(*alert)),
        other => format!("tls: {other}"),
    }
}

fn alert_in_words_of_go(alert: rustls::AlertDescription) -> String {
    use rustls::AlertDescription as Alert;
    match alert {
        Alert::BadCertificate => "bad certificate".to_owned(),
        Alert::CertificateExpired => "expired certificate".to_owned(),
        Alert::UnknownCA => "unknown certificate authority".to_owned(),
        Alert::CertificateRequired => "certificate required".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Why a certificate is refused, in the words of Go's crypto/x509.
pub fn certificate_in_words_of_go(reason: &CertificateError) -> String {
    let expired = "x509: certificate has expired or is not yet valid";
    match reason {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("{expired}: current time {} is after {}", stamp(*time), stamp(*not_after))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("{expired}: current time {} is before {}", stamp(*time), stamp(*not_before))
        }
        CertificateError::Expired | CertificateError::NotValidYet => expired.to_owned(),
        CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority".to_owned(),
        other => format!("x509: {other:?}"),
    }
}

fn stamp(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    moment::render_seconds(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// A client that trusts whoever serves: for looks at health, where nothing secret is sent.
pub fn unverified() -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = Arc::new(Unverified(provider.signature_verification_algorithms));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

#[derive(Debug)]
struct Unverified(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
