//! Trying a new kubeconfig out, putting it in place of the old one, and putting the old one back.
//!
//! Invariant: the old file is kept (0600, its owner's, beside it, named after the run) before it is replaced, and never
//! kept twice; the new one has worked before it takes its place, and takes only that of the file that was looked at.

use certwright_engine::host::Command;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Done, StepError, refused};
use certwright_engine::text::Secret;

use super::KubeconfigFacts;
use super::present::Present;
use crate::pki::Digest;
use crate::tools::kubectl::{self, Kubectl};

/// Where a candidate stands while it is tried out.
///
/// Beside the path that kubectl is handed, symlink or not: the files that it names are looked for from there.
pub(super) fn trial(cx: &Context) -> String {
    format!("{}.certwright-{}.new", cx.cluster.kubeconfig, cx.run)
}

/// Where the old file is kept.
pub(super) fn kept(cx: &Context, path: &str) -> String {
    format!("{path}.certwright-{}.bak", cx.run)
}

/// Why a candidate does not work; None when it does.
pub(super) async fn try_out(cx: &Context, text: &Secret) -> Result<Option<StepError>, StepError> {
    let trial = trial(cx);
    cx.host.write(&trial, text.reveal(), 0o600).await?;
    let command = Kubectl::new(&trial).nodes_text();
    let output = cx.run(&command).await;
    remove(cx, &trial).await?;
    let output = output?;
    Ok(kubectl::classify(&output).map(|_| kubectl::step_error("kubectl get nodes", &command, &output)))
}

/// Puts `text` in place of the present file, unless someone has changed that meanwhile.
pub(super) async fn replace(cx: &Context, present: &Present, text: &Secret) -> Result<(), StepError> {
    let path = &present.path;
    if let Some(old) = &present.bytes {
        let kept = kept(cx, path);
        if cx.host.stat(&kept).await?.is_none() {
            cx.host.write(&kept, old, 0o600).await?;
        }
        // Whoever owns the file may put it back.
        give_back(cx, &kept, present.owner).await?;
    }
    if !cx.host.replace(path, present.bytes.as_deref(), text.reveal(), 0o600).await? {
        return Err(changed(cx, path));
    }
    give_back(cx, path, present.owner).await
}

/// The error of a file that is another than it was when it was looked at: the next attempt looks at it anew.
fn changed(cx: &Context, path: &str) -> StepError {
    let message = format!("{}: {path} was changed by someone else just now", cx.host.name());
    StepError::new(ErrorClass::Unavailable, message)
}

/// Restores the owner where the file changed hands (certwright run as root for someone else's file).
async fn give_back(cx: &Context, path: &str, owner: Option<(u32, u32)>) -> Result<(), StepError> {
    let (Some(owner), Some(stat)) = (owner, cx.host.stat(path).await?) else {
        return Ok(());
    };
    if (stat.uid, stat.gid) == owner {
        return Ok(());
    }
    act(cx, Command::mutates(["chown", "-h", "--", &format!("{}:{}", owner.0, owner.1), path])).await
}

async fn remove(cx: &Context, path: &str) -> Result<(), StepError> {
    act(cx, Command::mutates(["rm", "-f", "--", path])).await
}

async fn act(cx: &Context, command: Command) -> Result<(), StepError> {
    let output = cx.run(&command).await?;
    if output.success() {
        return Ok(());
    }
    let message = format!("{}: {} failed", cx.host.name(), command.argv[0]);
    Err(refused(ErrorClass::Refused, message, &command, &output))
}

/// Puts back what the first probe saw.
pub(super) async fn undo(cx: &Context, before: &KubeconfigFacts) -> Result<Done, StepError> {
    let path = &before.path;
    let trial = trial(cx);
    if cx.host.stat(&trial).await?.is_some() {
        remove(cx, &trial).await?;
    }
    let now = cx.host.read(path).await?;
    if now.as_deref().map(Digest::of) == before.digest {
        return Ok(Done::new(format!("{path} is as it was")));
    }
    let Some(digest) = before.digest else {
        remove(cx, path).await?;
        return Ok(Done::new(format!("removed {path}; there was none before")));
    };
    let kept = kept(cx, path);
    let old = cx.host.read(&kept).await?.filter(|old| Digest::of(old) == digest).ok_or_else(|| {
        let message = format!("{}: {kept} is not the file that was replaced", cx.host.name());
        StepError::new(ErrorClass::Invalid, message)
            .remedy(format!("restore {path} from a backup of your own"))
    })?;
    let owner = cx.host.stat(path).await?.map(|stat| (stat.uid, stat.gid));
    if !cx.host.replace(path, now.as_deref(), &old, before.mode).await? {
        return Err(changed(cx, path));
    }
    give_back(cx, path, owner).await?;
    Ok(Done::new(format!("{path} is the old one again")))
}
