//! Whether a restart of etcd can help where its quorum is lost: members whose certificates have expired refuse each other,
//! however often one of them is restarted.
//!
//! Invariant: reads only, and only what is known counts: a member whose certificates cannot be read may be well.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use futures_util::future::join_all;

use crate::kinds::node::now;
use crate::kinds::peers::{Group, Peer};
use crate::pki::{Certificate, Component};
use crate::span::span;
use crate::tools::survey::{self, Depth};

/// Refuses a restart of etcd while so many members have expired certificates that the others, `needed` of which must
/// be well, have no quorum among them.
pub(super) async fn can_help(cx: &Context, group: &Group<'_>, needed: usize) -> Result<(), StepError> {
    let at = now(cx);
    let mut expired = Vec::new();
    for (peer, told) in group.iter().zip(join_all(group.iter().map(|peer| expiry(peer, at))).await) {
        match told {
            Ok(Some(why)) => expired.push(format!("{}: {why}", peer.host.name())),
            Err(error) if error.class == ErrorClass::Unknown => return Err(error),
            Ok(None) | Err(_) => {}
        }
    }
    let left = group.len() - expired.len();
    if expired.is_empty() || left >= needed {
        return Ok(());
    }
    let (own, all) = (cx.host.name(), group.len());
    let message = format!(
        "stopping etcd on {own} would bring no quorum back: {left} of {all} members can have valid certificates, {needed} \
         must: {}",
        expired.join("; ")
    );
    Err(StepError::new(ErrorClass::Unavailable, message).remedy(
        "renew the certificates of all control-plane nodes before anything is restarted: in one run, without --limit",
    ))
}

/// Which certificate of a host's member has expired; None where none has, or the host runs no member.
async fn expiry(peer: &Peer<'_>, now: i64) -> Result<Option<String>, StepError> {
    let node = peer.node().await?;
    let Some(pod) = node.static_pod(Component::Etcd)? else { return Ok(None) };
    let files: Vec<String> =
        [pod.cert_file(), pod.peer_cert_file()].into_iter().flatten().map(str::to_owned).collect();
    let surveyed = survey::survey(peer.host, Depth::Certificates, &files).await?;
    let is_expired = |pem: &[u8]| {
        let leaf = Certificate::all_from_pem(pem).ok()?.into_iter().next()?;
        leaf.is_expired(now).then(|| span(leaf.residual(now)))
    };
    Ok(surveyed.iter().find_map(|file| {
        Some(format!("{} expired {} ago", file.path, is_expired(file.certificates.as_slice())?))
    }))
}
