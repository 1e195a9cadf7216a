//! The certificate that a kubelet serves with: its own, or, with `serverTLSBootstrap`, one that it asks the cluster for.
//!
//! Nobody approves that request by himself, and until somebody has there is nothing to serve with: a handshake on 10250
//! fails, as with the real one.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use certwright_steps::pki::Certificate;
use rcgen::SanType;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::identity::Identity;
use super::request::Asked;
use super::store::Purpose;
use crate::said::now_ms;
use crate::wire::klog::{Level, say};
use crate::wire::pace::paced;
use crate::wire::tls::{self, Pair, TlsError};

/// The certificate and key that a kubelet makes itself.
const OWN: [&str; 2] = ["/var/lib/kubelet/pki/kubelet.crt", "/var/lib/kubelet/pki/kubelet.key"];
/// How often it looks at what it serves with, ms.
const LOOKS: u64 = 1_000;
/// How long it waits for the signature under a request before it makes another, ms.
const SIGNED: u64 = 900_000;

/// What it serves with now; nothing as long as there is none.
#[derive(Debug, Clone)]
pub(super) struct Served(watch::Receiver<Option<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.borrow().clone()
    }
}

impl Served {
    /// The one that the kubelet has made itself; read now and not again.
    pub(super) fn own() -> Result<Self, TlsError> {
        let own = certified(&Pair::read(Path::new(OWN[0]), Path::new(OWN[1]))?)?;
        Ok(Self(watch::channel(Some(own)).1))
    }

    /// The cluster's, kept by a task of its own.
    pub(super) fn of_cluster(keeper: Keeper) -> Self {
        let (keeps, served) = watch::channel(None);
        tokio::spawn(keeper.keep(keeps));
        Self(served)
    }
}

/// Who keeps the cluster's certificate.
pub(super) struct Keeper {
    pub(super) identity: watch::Receiver<Identity>,
    pub(super) host: String,
    pub(super) address: Ipv4Addr,
}

impl Keeper {
    async fn keep(self, serves: watch::Sender<Option<Arc<CertifiedKey>>>) {
        loop {
            if let Some(stored) = stored() {
                serves.send_replace(Some(stored));
            } else if let Err(why) = self.ask().await {
                let words = "\"Failed while requesting a signed certificate from the control plane\"";
                say(Level::Error, "certificate_manager.go:596", &format!("{words} err=\"{why}\""));
            }
            tokio::time::sleep(paced(LOOKS)).await;
        }
    }

    async fn ask(&self) -> Result<(), String> {
        let name = self.host.as_str().try_into().map_err(|error: rcgen::Error| error.to_string())?;
        let asked = Asked {
            purpose: Purpose::Server,
            host: &self.host,
            sans: vec![SanType::DnsName(name), SanType::IpAddress(self.address.into())],
            within: paced(SIGNED),
        };
        let identity = self.identity.borrow().clone();
        let pem = asked.signed(&identity).await?;
        Purpose::Server.keep(&pem).map_err(|error| error.to_string())
    }
}

/// The one in the store, where it is valid.
fn stored() -> Option<Arc<CertifiedKey>> {
    let pem = std::fs::read(Purpose::Server.current()).ok()?;
    let now = (now_ms() / 1000).cast_signed();
    Certificate::from_pem(&pem).ok().filter(|certificate| !certificate.is_expired(now))?;
    certified(&Pair { certificate: pem.clone(), key: pem }).ok()
}

fn certified(pair: &Pair) -> Result<Arc<CertifiedKey>, TlsError> {
    let (chain, key) = (tls::certificates(&pair.certificate)?, tls::private_key(&pair.key)?);
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &tls::provider())?))
}
