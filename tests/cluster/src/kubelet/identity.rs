//! The kubelet's client certificate: from kubelet.conf, or from the store of rotated ones.
//!
//! Read when the kubelet starts and when it rotates, never between. kubelet.conf leads to a file or holds the data
//! itself; held data only count as long as the store has no valid certificate.

use std::path::Path;

use certwright_steps::pki::kubeconfig::Source;
use certwright_steps::pki::{Certificate, CertificateError, Kubeconfig, KubeconfigError};

use super::store::Purpose;
use crate::said::now_ms;
use crate::wire::client::Client;
use crate::wire::moment;
use crate::wire::tls::{self, Pair, TlsError};

/// Where the kubelet looks for its access.
const CONF: &str = "/etc/kubernetes/kubelet.conf";

/// When a kubelet was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Started {
    /// Now: an expired certificate ends it.
    Now,
    /// When its certificate was valid.
    LongAgo,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The store, or a file that kubelet.conf names.
    Store,
    /// The data in kubelet.conf, which are rotated as soon as that is possible.
    Conf,
}

/// Why there is no usable client certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdentityError {
    /// kubelet.conf is not there, or is none.
    #[error("unable to load bootstrap kubeconfig: {CONF}: {0}")]
    Conf(#[from] KubeconfigError),
    /// A file of it.
    #[error("unable to load client certificate")]
    File(#[from] TlsError),
    /// It is no certificate.
    #[error("unable to load client certificate")]
    Certificate(#[from] CertificateError),
    /// It has expired.
    #[error(
        "part of the existing bootstrap client certificate in {CONF} is expired: {at}; unable to load bootstrap \
         kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"
    )]
    Expired {
        /// When.
        at: String,
    },
    /// A rotated one cannot be written.
    #[error("keep the new client certificate")]
    Keep(#[source] std::io::Error),
}

/// A client certificate with its key, and whom it is shown to.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) certificate: Certificate,
    pub(super) origin: Origin,
    pair: Pair,
    server: String,
    ca: Vec<u8>,
}

fn now() -> i64 {
    (now_ms() / 1000).cast_signed()
}

fn bytes_of(source: Option<&Source<Vec<u8>>>, what: &'static str) -> Result<Vec<u8>, IdentityError> {
    match source {
        Some(Source::Data(bytes)) => Ok(bytes.clone()),
        Some(Source::File(path)) => Ok(tls::file(Path::new(path))?),
        None => Err(KubeconfigError::Absent(what).into()),
    }
}

impl Identity {
    /// Reads it as a kubelet that starts does.
    pub(super) fn load(started: Started) -> Result<Self, IdentityError> {
        let conf = Kubeconfig::parse(&tls::file(Path::new(CONF))?)?;
        let (cluster, user) = conf.current()?;
        let held = matches!(user.entry.client_certificate, Some(Source::Data(_)));
        let certificate = bytes_of(user.entry.client_certificate.as_ref(), "client certificate")?;
        let key = match &user.entry.client_key {
            Some(Source::Data(key)) => key.reveal().to_vec(),
            Some(Source::File(path)) => tls::file(Path::new(path))?,
            None => return Err(KubeconfigError::Absent("client key").into()),
        };
        let identity = Self {
            certificate: Certificate::from_pem(&certificate)?,
            origin: if held { Origin::Conf } else { Origin::Store },
            pair: Pair { certificate, key },
            server: cluster.entry.server.trim_start_matches("https://").trim_end_matches('/').to_owned(),
            ca: bytes_of(cluster.entry.certificate_authority.as_ref(), "certificate authority")?,
        };
        if started == Started::Now && identity.is_expired() {
            let at = time::OffsetDateTime::from_unix_timestamp(identity.certificate.not_after);
            let at = at.map(moment::render_seconds).unwrap_or_default();
            return Err(IdentityError::Expired { at });
        }
        Ok(match identity.stored() {
            Some(stored) if held => stored,
            Some(_) | None => identity,
        })
    }

    /// The same with the store's certificate, where that is valid.
    fn stored(&self) -> Option<Self> {
        let pem = std::fs::read(Purpose::Client.current()).ok()?;
        let certificate = Certificate::from_pem(&pem).ok().filter(|c| !c.is_expired(now()))?;
        let pair = Pair { certificate: pem.clone(), key: pem };
        Some(Self { certificate, origin: Origin::Store, pair, ..self.clone() })
    }

    /// Whether it has expired.
    pub(super) fn is_expired(&self) -> bool {
        self.certificate.is_expired(now())
    }

    /// Whether it is time for a new one: late in its life, or it is only held by kubelet.conf.
    pub(super) fn is_due(&self) -> bool {
        let life = self.certificate.not_after - self.certificate.not_before;
        !self.is_expired()
            && (self.origin == Origin::Conf || now() > self.certificate.not_before + life * 8 / 10)
    }

    /// A client of the API with it.
    pub(super) fn client(&self) -> Result<Client, TlsError> {
        Client::new(&self.server, &self.ca, Some(&self.pair))
    }

    /// The same with a new certificate, which is in the store then.
    pub(super) fn rotated(&self, pem: &str) -> Result<Self, IdentityError> {
        let certificate = Certificate::from_pem(pem.as_bytes())?;
        Purpose::Client.keep(pem).map_err(IdentityError::Keep)?;
        let pair = Pair { certificate: pem.as_bytes().to_vec(), key: pem.as_bytes().to_vec() };
        Ok(Self { certificate, origin: Origin::Store, pair, ..self.clone() })
    }
}
