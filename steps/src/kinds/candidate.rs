//! Whether a kubeconfig may take the place of another one: pure judgement, no host.
//!
//! Invariant: what is accepted leads to the same API server through the same CAs, its certificate is valid now
//! and its key is its own. Whether it *works* is asked by the caller, who can.

use std::collections::BTreeSet;

use certwright_engine::text::{Secret, escape};

use super::facts::CertificateFacts;
use crate::pki::{Certificate, Digest, Kubeconfig, KubeconfigError};

/// A kubeconfig whose parts were found to fit each other.
pub(super) struct Examined {
    /// Rebuilt from its whitelisted fields.
    pub(super) rendered: Secret,
    /// Its client certificate.
    pub(super) certificate: Certificate,
    authorities: BTreeSet<Digest>,
    server: String,
}

/// Why a kubeconfig is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    /// It cannot be used at all.
    #[error("{0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// Certificate and key are not a pair.
    #[error("holds a key that does not belong to its client certificate")]
    Key,
    /// NotAfter has passed.
    #[error("holds a client certificate that expired {ago} ago")]
    Expired {
        /// How long ago, for people.
        ago: String,
    },
    /// NotBefore is to come.
    #[error("holds a client certificate that is not yet valid for another {left}")]
    NotYetValid {
        /// How long, for people.
        left: String,
    },
    /// It leads somewhere else.
    #[error("leads to {found}, not to {expected}")]
    Server {
        /// Its server.
        found: String,
        /// The present file's server.
        expected: String,
    },
    /// It trusts others.
    #[error("trusts other CAs than the present file")]
    Authorities,
    /// It is what is there, or older.
    #[error("is not newer than the present file")]
    NotNewer,
}

impl Examined {
    /// Parses a kubeconfig and checks that its parts fit each other; dates are judged apart.
    pub(super) fn new(text: &[u8]) -> Result<Self, Rejection> {
        let kubeconfig = Kubeconfig::parse(text)?;
        let certificate = kubeconfig.client_certificate()?;
        if kubeconfig.client_key_digest()? != certificate.public_key {
            return Err(Rejection::Key);
        }
        let authorities = kubeconfig.certificate_authorities()?.iter().map(|ca| ca.public_key).collect();
        let server = normal(kubeconfig.server()?);
        Ok(Self { rendered: kubeconfig.render(), certificate, authorities, server })
    }

    /// Whether its certificate is valid at `now` (seconds since 1970).
    pub(super) fn valid(&self, now: i64) -> Result<(), Rejection> {
        if self.certificate.is_expired(now) {
            return Err(Rejection::Expired { ago: span(-self.certificate.residual(now)) });
        }
        if self.certificate.is_not_yet_valid(now) {
            return Err(Rejection::NotYetValid { left: span(self.certificate.not_before - now) });
        }
        Ok(())
    }

    /// Whether it leads to the same API server through the same CAs as `other`.
    pub(super) fn same_cluster(&self, other: &Self) -> Result<(), Rejection> {
        if self.server != other.server {
            return Err(Rejection::Server { found: escape(&self.server), expected: escape(&other.server) });
        }
        self.trusts(&other.authorities)
    }

    /// Whether it trusts exactly these CAs, given as digests of their public keys.
    pub(super) fn trusts(&self, authorities: &BTreeSet<Digest>) -> Result<(), Rejection> {
        if self.authorities == *authorities { Ok(()) } else { Err(Rejection::Authorities) }
    }

    /// Whether it should take the place of `present`, a file that can be read.
    pub(super) fn replaces(&self, present: &Self, now: i64) -> Result<(), Rejection> {
        self.valid(now)?;
        self.same_cluster(present)?;
        if self.certificate.fingerprint == present.certificate.fingerprint
            || self.certificate.not_after <= present.certificate.not_after
        {
            return Err(Rejection::NotNewer);
        }
        Ok(())
    }

    /// What is journaled of it, standing in the file `path`.
    pub(super) fn facts(&self, path: &str) -> CertificateFacts {
        CertificateFacts::new("kubeconfig", path, &self.certificate)
    }
}

/// A server URL in one spelling: lower case, no default port, no slash at its end.
pub(crate) fn normal(url: &str) -> String {
    let url = url.trim_end_matches('/').to_ascii_lowercase();
    match url.strip_suffix(":443") {
        Some(rest) if rest.starts_with("https://") => rest.to_owned(),
        Some(_) | None => url,
    }
}

/// Seconds as people read them, in the largest unit that says enough; the sign is dropped.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match seconds {
        0..180 => format!("{seconds}s"),
        180..10_800 => format!("{}m", seconds / 60),
        10_800..259_200 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_server_are_equal_and_other_servers_are_not() {
        for (spelling, server) in [
            ("https://10.0.0.1:443", "https://10.0.0.1"),
            ("https://API.example:443/", "https://api.example"),
            ("https://10.0.0.1:6443/", "https://10.0.0.1:6443"),
            ("https://[fd00::1]:443", "https://[fd00::1]"),
        ] {
            assert_eq!(normal(spelling), server);
        }
        assert_ne!(normal("https://10.0.0.1:6443"), normal("https://10.0.0.1"));
        assert_ne!(normal("http://10.0.0.1:443"), normal("https://10.0.0.1"));
    }
}
