//! Trying a new kubeconfig out, putting it in place of the old one, and putting the old one back.
//!
//! Invariant: the old file is kept (0600, its owner's, beside it, named after the run) before it is replaced, and never
//! kept twice; the new one has worked before it takes its place, and takes only that of the file that was looked at. What a
//! replacement that was cut off left beside it, keys and all, is removed by the next one, or by the undo.

use certwright_engine::host::{Command, beside};
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
    remove(cx, std::slice::from_ref(&trial)).await?;
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
    give_back(cx, path, present.owner).await?;
    // A host that has put a file in place does not fail for what it could not remove beside it.
    tidy(cx, path).await.map(drop)
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

/// The command that removes these.
pub(super) fn removal(paths: &[String]) -> Command {
    Command::mutates(["rm", "-f", "--"].into_iter().chain(paths.iter().map(String::as_str)))
}

async fn remove(cx: &Context, paths: &[String]) -> Result<(), StepError> {
    act(cx, removal(paths)).await
}

/// What replacements that were cut off left beside the file and beside the path that names it, of whichever run: one run a
/// cluster is at work at a time. Nothing where a folder does not say what it holds: that must not keep a file from being
/// replaced.
pub(super) async fn leftovers(cx: &Context, path: &str) -> Result<Vec<String>, StepError> {
    let mut found = Vec::new();
    let other = (cx.cluster.kubeconfig != path).then_some(cx.cluster.kubeconfig.as_str());
    for path in [Some(path), other].into_iter().flatten() {
        let Some((folder, file)) = path.rsplit_once('/') else { continue };
        let names = match cx.host.list(&format!("{folder}/")).await.map_err(StepError::from) {
            Ok(names) => names.unwrap_or_default(),
            Err(error) if error.class == ErrorClass::Refused => Vec::new(),
            Err(error) => return Err(error),
        };
        let left = names.into_iter().filter(|name| is_left(name, file));
        found.extend(left.map(|name| format!("{folder}/{name}")));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Whether a file of this name is a candidate, or was to become a candidate, the kept file or the file itself.
fn is_left(name: &str, file: &str) -> bool {
    let ours = |name: &str, end: &str| {
        let rest = name.strip_prefix(file).and_then(|rest| rest.strip_prefix(".certwright-"));
        rest.is_some_and(|rest| rest.ends_with(end))
    };
    ours(name, ".new") || beside(name).is_some_and(|of| of == file || ours(of, ".new") || ours(of, ".bak"))
}

/// Removes what replacements that were cut off left.
pub(super) async fn tidy(cx: &Context, path: &str) -> Result<Vec<String>, StepError> {
    let left = leftovers(cx, path).await?;
    if !left.is_empty() {
        remove(cx, &left).await?;
    }
    Ok(left)
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
    tidy(cx, path).await?;
    let now = cx.host.read(path).await?;
    if now.as_deref().map(Digest::of) == before.digest {
        return Ok(Done::new(format!("{path} is as it was")));
    }
    let Some(digest) = before.digest else {
        remove(cx, std::slice::from_ref(path)).await?;
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
    tidy(cx, path).await?;
    Ok(Done::new(format!("{path} is the old one again")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_replacement_of_this_very_file_made_is_left_over() {
        let nonce = "0123456789abcdef0123456789abcdef";
        let ours = ["config.certwright-RUN.new".to_owned()].into_iter().chain(
            ["config", "config.certwright-RUN.new", "config.certwright-RUN.bak"]
                .map(|of| format!(".{of}.certwright-{nonce}")),
        );
        for name in ours {
            assert!(is_left(&name, "config"), "{name}");
            for other in ["confi", "config2", ".config", "config.certwright-RUN"] {
                assert!(!is_left(&name, other), "{name} beside {other}");
            }
        }
        for name in
            ["config", "config.certwright-RUN.bak", "config.new", ".config.swp", ".config.certwright-1"]
        {
            assert!(!is_left(name, "config"), "{name}");
        }
    }
}
