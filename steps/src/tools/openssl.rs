//! openssl s_client: the certificate a port of the node serves to a fresh handshake.

use std::time::Duration;

use certwright_engine::host::{Command, Output};
use certwright_engine::plan::ErrorClass;

use crate::pki::{Certificate, CertificateError};

/// Why there is no served certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServedError {
    /// Nothing listens.
    #[error("connection refused")]
    Refused,
    /// A connection, but no certificate came (closed, no TLS, no common cipher).
    #[error("the handshake brought no certificate")]
    NoCertificate,
    /// What came is no certificate.
    #[error("the served certificate {0}")]
    Invalid(#[from] CertificateError),
}

impl ServedError {
    /// The class retry policies see.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused | Self::NoCertificate => ErrorClass::Unavailable,
            Self::Invalid(_) => ErrorClass::Invalid,
        }
    }
}

/// `openssl s_client -connect 127.0.0.1:PORT </dev/null`.
///
/// The certificate is there even where the server demands one of the client and then aborts (etcd), so the exit
/// status tells nothing.
pub fn s_client(port: u16) -> Command {
    Command::reads(["openssl", "s_client", "-connect", &format!("127.0.0.1:{port}")])
        .deadline(Duration::from_secs(15))
}

/// The leaf of the served chain: the first CERTIFICATE block of stdout.
pub fn parse_served(output: &Output) -> Result<Certificate, ServedError> {
    let stdout = output.stdout.lossy();
    let block = stdout.find("-----BEGIN CERTIFICATE-----").and_then(|start| {
        let end = "-----END CERTIFICATE-----";
        let length = stdout[start..].find(end)? + end.len();
        Some(&stdout[start..start + length])
    });
    let Some(block) = block else {
        let stderr = output.stderr.lossy();
        let refused = ["errno=111", "Connection refused", "connect error"].iter().any(|s| stderr.contains(s));
        return Err(if refused { ServedError::Refused } else { ServedError::NoCertificate });
    };
    Ok(Certificate::from_pem(block.as_bytes())?)
}
