//! What only a look at all nodes shows. The first node of the group looks, for all of them.

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};

use super::etcd::Membership;
use crate::kinds::facts::Warning;
use crate::kinds::finding::Finding;
use crate::kinds::peers::peers;
use crate::kinds::static_pods;
use crate::pki::{Authority, Certificate, Digest};

/// What the look of a whole cluster told.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    /// What must be mended.
    pub(super) findings: Vec<Finding>,
    /// What holds nothing up.
    pub(super) warnings: Vec<Warning>,
    /// What the restarts will cost, in a few words.
    pub(super) outage: Option<String>,
    /// Who leads etcd, in a few words.
    pub(super) etcd: Option<String>,
}

/// Looks at all peers, where the step's own node is the first of them.
pub(super) async fn cluster(cx: &Context, cert_dir: &str) -> Result<Cluster, StepError> {
    let peers = peers(cx);
    if peers.first().is_none_or(|first| first.name() != cx.host.name()) {
        return Ok(Cluster::default());
    }
    let mut findings = Vec::new();
    for authority in Authority::ALL {
        let path = authority.certificate(cert_dir);
        let Some(own) = authorities(cx.host.as_ref(), &path).await? else { continue };
        for peer in &peers[1..] {
            let theirs = match authorities(peer.as_ref(), &path).await {
                Ok(Some(theirs)) => theirs,
                Err(error) if error.class == ErrorClass::Unknown => return Err(error),
                // It says so in its own preflight.
                Ok(None) | Err(_) => continue,
            };
            if theirs != own {
                let (name, other) = (cx.host.name(), peer.name());
                findings.push(Finding::new(
                    format!("{path} of {other} is not {name}'s: the two hold different CAs"),
                    "find out which of them the cluster trusts (the ca of kube-root-ca.crt), and put it and its key back \
                     on the other node before anything is renewed",
                ));
            }
        }
    }
    let outage = static_pods::outage(cx).await?;
    let members = Membership::look(cx).await?;
    let warnings = members.foreign().into_iter().collect();
    Ok(Cluster { findings, warnings, outage, etcd: members.summary() })
}

/// The fingerprints of a CA file; None when it is not there or holds none, which the node's own findings tell.
async fn authorities(host: &dyn Host, path: &str) -> Result<Option<Vec<Digest>>, StepError> {
    let Some(pem) = host.read(path).await? else { return Ok(None) };
    let Ok(all) = Certificate::all_from_pem(&pem) else { return Ok(None) };
    let mut prints: Vec<Digest> = all.iter().map(|certificate| certificate.fingerprint).collect();
    prints.sort();
    prints.dedup();
    Ok((!prints.is_empty()).then_some(prints))
}
