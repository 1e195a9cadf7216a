//! Whether a restart of etcd can help where its quorum is lost: members whose certificates have expired refuse each other,
//! however often one of them is restarted.
//!
//! Invariant: reads only, and only what is known counts: a member whose certificates cannot be read may be well.

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use futures_util::future::join_all;

use crate::kinds::node::{Node, now};
use crate::kinds::peers::peers;
use crate::pki::{Certificate, Component};
use crate::span::span;
use crate::tools::survey::{self, Depth};

/// Refuses a restart of etcd while so many members have expired certificates that the others, `needed` of which must
/// be well, have no quorum among them.
pub(super) async fn can_help(cx: &Context, needed: usize) -> Result<(), StepError> {
    let hosts = peers(cx);
    let at = now(cx);
    let mut expired = Vec::new();
    for (host, told) in hosts.iter().zip(join_all(hosts.iter().map(|host| expiry(host.as_ref(), at))).await) {
        match told {
            Ok(Some(why)) => expired.push(format!("{}: {why}", host.name())),
            Err(error) if error.class == ErrorClass::Unknown => return Err(error),
            Ok(None) | Err(_) => {}
        }
    }
    let left = hosts.len() - expired.len();
    if expired.is_empty() || left >= needed {
        return Ok(());
    }
    let (own, all) = (cx.host.name(), hosts.len());
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
async fn expiry(host: &dyn Host, now: i64) -> Result<Option<String>, StepError> {
    let node = Node::look(host).await?;
    let Some(pod) = node.static_pod(Component::Etcd).await? else { return Ok(None) };
    let files: Vec<String> =
        [pod.cert_file(), pod.peer_cert_file()].into_iter().flatten().map(str::to_owned).collect();
    let surveyed = survey::survey(host, Depth::Certificates, &files).await?;
    let is_expired = |pem: &[u8]| {
        let leaf = Certificate::all_from_pem(pem).ok()?.into_iter().next()?;
        leaf.is_expired(now).then(|| span(leaf.residual(now)))
    };
    Ok(surveyed.iter().find_map(|file| {
        Some(format!("{} expired {} ago", file.path, is_expired(file.certificates.as_slice())?))
    }))
}
