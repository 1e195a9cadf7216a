//! What only a look at all nodes shows. The first node of the group looks, for all of them.

use std::collections::BTreeSet;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use futures_util::future::join_all;

use super::etcd::Membership;
use crate::kinds::facts::Warning;
use crate::kinds::finding::Finding;
use crate::kinds::node::Node;
use crate::kinds::peers::{Group, peers};
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
pub(super) async fn cluster(cx: &Context, node: &Node<'_>, cert_dir: &str) -> Result<Cluster, StepError> {
    let peers = peers(cx);
    if peers.first().is_none_or(|first| first.name() != cx.host.name()) {
        return Ok(Cluster::default());
    }
    let paths = Authority::ALL.map(|authority| authority.certificate(cert_dir));
    let read = join_all(peers.iter().map(|peer| authorities(peer.as_ref(), &paths))).await;
    let mut findings = Vec::new();
    let mut own = Vec::new();
    for (peer, read) in peers.iter().zip(read) {
        let theirs = match read {
            Ok(theirs) => theirs,
            Err(error) if error.class == ErrorClass::Unknown || peer.name() == cx.host.name() => {
                return Err(error);
            }
            // It says so in its own preflight.
            Err(_) => continue,
        };
        if peer.name() == cx.host.name() {
            own = theirs;
            continue;
        }
        for ((path, own), theirs) in paths.iter().zip(&own).zip(theirs) {
            if own.as_ref().zip(theirs).is_some_and(|(own, theirs)| *own != theirs) {
                let (name, other) = (cx.host.name(), peer.name());
                findings.push(Finding::new(
                    format!("{path} of {other} is not {name}'s: the two hold different CAs"),
                    "find out which of them the cluster trusts (the ca of kube-root-ca.crt), and put it and its key back \
                     on the other node before anything is renewed",
                ));
            }
        }
    }
    let group = Group::look(&peers, node).await?;
    let outage = static_pods::outage(&group).await?;
    let members = Membership::look(&group).await?;
    let warnings = members.foreign().into_iter().collect();
    Ok(Cluster { findings, warnings, outage, etcd: members.summary() })
}

/// The fingerprints of CA files, in their order.
async fn authorities(host: &dyn Host, paths: &[String]) -> Result<Vec<Option<BTreeSet<Digest>>>, StepError> {
    let read = host.read_all(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(read.into_iter().map(|pem| fingerprints(&pem?)).collect())
}

/// The fingerprints of one; None when it holds none, which the node's own findings tell.
fn fingerprints(pem: &[u8]) -> Option<BTreeSet<Digest>> {
    let all = Certificate::all_from_pem(pem).ok()?;
    let prints: BTreeSet<Digest> = all.iter().map(|certificate| certificate.fingerprint).collect();
    (!prints.is_empty()).then_some(prints)
}
