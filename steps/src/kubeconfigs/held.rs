//! What the entry in use of a kubeconfig holds, and what makes it another than that of another kubeconfig.

use std::collections::BTreeSet;

use certwright_engine::text::line;

use crate::pki::{Certificate, Digest, Kubeconfig, KubeconfigError};
use crate::span::span;

/// Server, CAs and certificate of the entry in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// URL of its API server in one spelling, escaped.
    pub server: String,
    /// The CAs that it trusts.
    pub authorities: Vec<Certificate>,
    /// Its client certificate.
    pub certificate: Certificate,
    /// False where its key is known to be another's.
    pub key_fits: bool,
}

/// Why a kubeconfig is of no use, or may not take the place of another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It cannot be used at all.
    #[error("{0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// What was learnt of it elsewhere.
    #[error("{0}")]
    Unreadable(String),
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
    /// It is beside RBAC.
    #[error("is for emergencies on its node, and never taken")]
    Reserved,
}

/// What makes a kubeconfig another one; the first that does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Nothing: the same certificate for the same server.
    Nothing,
    /// They lead to different servers.
    Server,
    /// They trust different authorities, by their public keys.
    Authorities,
    /// They hold different certificates.
    Certificate {
        /// How much later the first one's ends, seconds.
        later_s: i64,
    },
}

impl Held {
    /// Takes the entry in use apart; the parts must be embedded. Dates are judged apart.
    pub fn of(kubeconfig: &Kubeconfig) -> Result<Self, Unfit> {
        let certificate = kubeconfig.client_certificate()?;
        if kubeconfig.client_key_digest()? != certificate.public_key {
            return Err(Unfit::Key);
        }
        let authorities = kubeconfig.certificate_authorities()?;
        let server = normal(&line(kubeconfig.server()?));
        Ok(Self { server, authorities, certificate, key_fits: true })
    }

    /// The public keys of the CAs that it trusts.
    pub fn trusts(&self) -> BTreeSet<Digest> {
        self.authorities.iter().map(|ca| ca.public_key).collect()
    }

    /// Whether its certificate is valid at `now` (seconds since 1970), and its key its own.
    pub fn valid(&self, now: i64) -> Result<(), Unfit> {
        if !self.key_fits {
            return Err(Unfit::Key);
        }
        if self.certificate.is_expired(now) {
            return Err(Unfit::Expired { ago: span(-self.certificate.residual(now)) });
        }
        if self.certificate.is_not_yet_valid(now) {
            return Err(Unfit::NotYetValid { left: span(self.certificate.not_before - now) });
        }
        Ok(())
    }

    /// What makes it another one than `other`.
    pub fn difference(&self, other: &Self) -> Difference {
        if self.server != other.server {
            Difference::Server
        } else if self.trusts() != other.trusts() {
            Difference::Authorities
        } else if self.certificate.fingerprint != other.certificate.fingerprint {
            Difference::Certificate { later_s: self.certificate.not_after - other.certificate.not_after }
        } else {
            Difference::Nothing
        }
    }
}

impl Difference {
    /// Its name for programs, of the first of the two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "same",
            Self::Server => "other-server",
            Self::Authorities => "other-authorities",
            Self::Certificate { later_s } if later_s > 0 => "newer",
            Self::Certificate { .. } => "older",
        }
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
