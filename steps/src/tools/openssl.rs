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
    s_client_at(&format!("127.0.0.1:{port}"))
}

/// The same for an address of the node's own: etcd's peer port is not on 127.0.0.1.
pub fn s_client_at(endpoint: &str) -> Command {
    Command::reads(["openssl", "s_client", "-connect", endpoint]).deadline(Duration::from_secs(15))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{TestCa, failed, printed, run};

    #[test]
    fn the_leaf_of_a_served_chain_is_its_first_certificate() {
        let ca = TestCa::new("etcd-ca");
        let leaf = ca.leaf("etcd", 2027).0;
        let text = format!("CONNECTED(00000003)\n---\nCertificate chain\n{leaf}---\n{}---\n", ca.pem);
        assert_eq!(parse_served(&printed(text.clone())).unwrap().common_name, "etcd");
        let mut aborted = printed(text);
        aborted.status = 1;
        assert!(
            parse_served(&aborted).is_ok(),
            "a server that demands a client certificate still shows its own"
        );
    }

    #[test]
    fn no_listener_is_told_from_no_certificate() {
        let closed = run(&s_client(1).argv);
        assert_eq!(parse_served(&closed), Err(ServedError::Refused), "a real openssl at a closed port");
        let old = failed(1, "connect: Connection refused\nconnect:errno=111\n");
        assert_eq!(parse_served(&old), Err(ServedError::Refused));
        let plain = failed(1, "error:0A00010B:SSL routines:ssl3_get_record:wrong version number");
        assert_eq!(parse_served(&plain), Err(ServedError::NoCertificate));
        let cut = printed("-----BEGIN CERTIFICATE-----\nMIID");
        assert_eq!(parse_served(&cut), Err(ServedError::NoCertificate));
        let garbage = printed("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(matches!(parse_served(&garbage), Err(ServedError::Invalid(_))));
    }
}
