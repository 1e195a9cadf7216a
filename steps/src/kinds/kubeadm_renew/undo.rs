//! The undo of a renewal: the files of the run's backup put back *and* what reads them restarted, as one.
//!
//! Restored files have their old times, so their age does not say which container has read them. The time of the
//! restore is therefore kept beside the backup (`RUN.restored`): a container older than that is restarted, a newer
//! one is not, however often the undo is interrupted and taken up again.

use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Done, StepError};

use super::RenewFacts;
use crate::kinds::archives;
use crate::kinds::facts::CertificateFacts;
use crate::kinds::holdings::Holdings;
use crate::kinds::node::{Node, now};
use crate::kinds::peers::{Group, peers};
use crate::kinds::static_pods::{Proof, Restart, Restarts, Written};
use crate::pki::Component;
use crate::tools::archive;
use crate::tools::output::plural;

/// Time a container has before it is killed; the restart step's default.
const GRACE: Duration = Duration::from_secs(5);
/// How long a component may take; longer than the kubelet's longest back-off.
const WITHIN: Duration = Duration::from_secs(6 * 60);

/// What the marker holds before and after the restore.
const RESTORING: &[u8] = b"restoring\n";
const RESTORED: &[u8] = b"restored at the time of this file\n";

pub(super) async fn undo(
    cx: &Context,
    cert_dir: &str,
    backups: &str,
    before: &RenewFacts,
) -> Result<Done, StepError> {
    let host = cx.host.as_ref();
    let node = Node::look(host).await?;
    let marker = format!("{}/{}.restored", backups.trim_end_matches('/'), cx.run);
    let held = Holdings::survey(&node, cert_dir).await?.facts();
    let is_changed = !changed(&before.certificates, &held).is_empty();
    let mark = host.read(&marker).await?;
    if !is_changed && mark.is_none() {
        return Ok(Done::new("nothing had been renewed"));
    }
    if is_changed {
        let archive = archives::find(host, backups, &cx.run).await?.ok_or_else(|| no_backup(cx, backups))?;
        cx.progress.tell(&format!("restoring {} files from {}", before.files.len(), archive.path));
        // An undo that is cut off right after the restore must not take the files for never renewed.
        host.write(&marker, RESTORING, 0o600).await?;
        archive::restore(host, &archive.path, &before.files).await?;
    }
    if is_changed || mark.as_deref() != Some(RESTORED) {
        host.write(&marker, RESTORED, 0o600).await?;
    }
    let restored = written(host, &marker).await?;
    let held = Holdings::survey(&node, cert_dir).await?.facts();
    let wrong = changed(&before.certificates, &held);
    if !wrong.is_empty() {
        let message = format!("{}: not as before after the restore: {}", host.name(), wrong.join(", "));
        return Err(StepError::new(ErrorClass::Unsatisfied, message));
    }
    // What was put back may have been another manifest.
    let node = Node::look(host).await?;
    let restarted = restart(cx, &node, &restored, &before.certificates).await?;
    let restarted = if restarted.is_empty() { "nothing".to_owned() } else { restarted.join(", ") };
    Ok(Done::new(format!(
        "restored {}, restarted {restarted}",
        plural(before.certificates.len(), "certificate")
    )))
}

/// Restarts what is older than the restore.
///
/// With files that have expired no component can be as ready as with good ones: then a new container is all that
/// is waited for.
async fn restart(
    cx: &Context,
    node: &Node<'_>,
    restored: &Written,
    certificates: &[CertificateFacts],
) -> Result<Vec<String>, StepError> {
    let expired = certificates.iter().any(|certificate| certificate.not_after < now(cx));
    let hosts = peers(cx);
    let restart = Restart {
        cx,
        node,
        group: &Group::look(&hosts, node).await?,
        grace: GRACE,
        within: WITHIN,
        restarts: Restarts::All,
        proof: if expired { Proof::Started } else { Proof::Ready },
        since: Some(restored),
        taken: None,
    };
    restart.run(&Component::ALL).await
}

async fn written(host: &dyn Host, path: &str) -> Result<Written, StepError> {
    match host.stat(path).await? {
        Some(stat) => Ok(Written { path: path.to_owned(), ns: stat.mtime_ns }),
        None => Err(StepError::new(ErrorClass::Unavailable, format!("{}: {path} is gone", host.name()))),
    }
}

/// The names of certificates that are not what the first probe saw.
fn changed(before: &[CertificateFacts], now: &[CertificateFacts]) -> Vec<String> {
    before
        .iter()
        .filter(|old| {
            now.iter()
                .find(|new| new.name == old.name)
                .is_none_or(|new| new.fingerprint != old.fingerprint || new.key_matches != old.key_matches)
        })
        .map(|old| old.name.clone())
        .collect()
}

fn no_backup(cx: &Context, backups: &str) -> StepError {
    let path = archives::path(backups, &cx.run);
    let message = format!("{}: there is no sound {path} to restore from", cx.host.name());
    StepError::new(ErrorClass::Invalid, message)
        .remedy("restore the certificates from a backup of your own, then restart the static pods")
}
