//! TLS of the server: its certificate, reloaded from disk, and the CA of its clients.
//!
//! Invariant: a client certificate that no CA signed, or that expired, does not break the handshake; each request on
//! the connection is judged by itself ([`Gate::judge`]). A pair that does not fit (a renewal that is half written) leaves
//! the one before in force.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use crate::wire::klog::{self, Level};
use crate::wire::tls::{self, Pair, TlsError};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The files that the gate is made of.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The serving certificate.
    pub(super) certificate: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
    /// The CA of clients.
    pub(super) client_ca: PathBuf,
}

#[derive(Clone, PartialEq, Eq)]
struct Bytes {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Vec<u8>,
}

struct Made {
    from: Bytes,
    config: Arc<ServerConfig>,
    clients: Arc<dyn ClientCertVerifier>,
}

/// What stands between a connection and the server.
pub(super) struct Gate {
    files: Files,
    made: RwLock<Made>,
}

impl Gate {
    /// Reads the files; that they can be read and fit is needed once.
    pub(super) fn open(files: Files) -> Result<Self, TlsError> {
        let made = RwLock::new(make(read(&files)?)?);
        Ok(Self { files, made })
    }

    /// TLS for the next connection.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.made.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    /// Judges the certificate of a client now.
    pub(super) fn judge(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let clients = self.made.read().unwrap_or_else(PoisonError::into_inner).clients.clone();
        let (leaf, rest) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        clients.verify_client_cert(leaf, rest, UnixTime::now()).map(drop)
    }

    /// Looks at the files until the server ends, and takes up what changed.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let Ok(bytes) = read(&self.files) else { continue };
            if bytes == self.made.read().unwrap_or_else(PoisonError::into_inner).from {
                continue;
            }
            match make(bytes) {
                Ok(made) => {
                    *self.made.write().unwrap_or_else(PoisonError::into_inner) = made;
                    let text = format!(
                        "\"Loaded a new cert/key pair\" name=\"serving-cert::{}::{}\"",
                        self.files.certificate.display(),
                        self.files.key.display()
                    );
                    klog::say(Level::Info, "tlsconfig.go:181", &text);
                }
                Err(error) => klog::say(Level::Error, "dynamic_serving_content.go:165", &error.to_string()),
            }
        }
    }
}

fn read(files: &Files) -> Result<Bytes, TlsError> {
    let Pair { certificate, key } = Pair::read(&files.certificate, &files.key)?;
    Ok(Bytes { certificate, key, client_ca: tls::file(&files.client_ca)? })
}

fn make(from: Bytes) -> Result<Made, TlsError> {
    let roots = Arc::new(tls::roots(&from.client_ca)?);
    let hints = roots.subjects();
    let clients = WebPkiClientVerifier::builder_with_provider(roots, tls::provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let anyone = Arc::new(Anyone { hints, algorithms: tls::provider().signature_verification_algorithms });
    // Keys that do not fit are refused here.
    let config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(anyone)
        .with_single_cert(tls::certificates(&from.certificate)?, tls::private_key(&from.key)?)?;
    Ok(Made { from, config: Arc::new(config), clients })
}

/// Lets every client in that holds the key of what it shows, and whoever shows nothing.
#[derive(Debug)]
struct Anyone {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Anyone {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _rest: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
