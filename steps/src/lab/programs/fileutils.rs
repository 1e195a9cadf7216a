//! `rm`, `mv`, `rmdir`, `readlink` and `chown`, as far as kinds use them: on files below the host's folder.

use std::path::Path;

use crate::lab::exec::{Answer, Shell};
use crate::lab::files::Files;

/// `rm -f -- PATH...`.
pub(super) fn rm(shell: &Shell<'_>) -> Answer {
    let [force, end, paths @ ..] = shell.args() else { return gap(shell) };
    if force != "-f" || end != "--" || paths.is_empty() {
        return gap(shell);
    }
    // Those that can be removed are, whatever is with the others.
    let kept = paths.iter().filter_map(|path| {
        let removed = shell.files().path(shell.call.host, path).and_then(std::fs::remove_file);
        let error = removed.err().filter(|error| error.kind() != std::io::ErrorKind::NotFound)?;
        Some(format!("rm: cannot remove '{path}': {}\n", words(&error)))
    });
    let said: String = kept.collect();
    if said.is_empty() { Answer::default() } else { Answer::fail(1, said) }
}

/// `mv -f -T -- FROM TO`, on one file system.
pub(super) fn mv(shell: &Shell<'_>) -> Answer {
    let [force, no_folder, end, from, to] = shell.args() else { return gap(shell) };
    if (force.as_str(), no_folder.as_str(), end.as_str()) != ("-f", "-T", "--") {
        return gap(shell);
    }
    let (files, host) = (shell.files(), shell.call.host);
    let moved = files.path(host, from).and_then(|old| std::fs::rename(old, files.path(host, to)?));
    match moved {
        Ok(()) => Answer::default(),
        Err(error) => Answer::fail(1, format!("mv: cannot move '{from}' to '{to}': {}\n", words(&error))),
    }
}

/// `rmdir -- PATH`.
pub(super) fn rmdir(shell: &Shell<'_>) -> Answer {
    let [end, path] = shell.args() else { return gap(shell) };
    if end != "--" {
        return gap(shell);
    }
    match shell.files().path(shell.call.host, path).and_then(std::fs::remove_dir) {
        Ok(()) => Answer::default(),
        Err(error) => Answer::fail(1, format!("rmdir: failed to remove '{path}': {}\n", words(&error))),
    }
}

/// `readlink -f -- PATH`: the answer is a path of the host, and never one outside its folder.
pub(super) fn readlink(shell: &Shell<'_>) -> Answer {
    let [follow, end, path] = shell.args() else { return gap(shell) };
    if follow != "-f" || end != "--" {
        return gap(shell);
    }
    resolve(shell.files(), shell.call.host, path)
        .map_or_else(|| Answer::fail(1, ""), |target| Answer::ok(format!("{target}\n")))
}

/// Follows links; the last part need not exist, all before it must.
fn resolve(files: &Files, host: &str, path: &str) -> Option<String> {
    let root = std::fs::canonicalize(files.root(host)).ok()?;
    let place = files.path(host, path).ok()?;
    let real = match std::fs::canonicalize(&place) {
        Ok(real) => real,
        Err(_) => std::fs::canonicalize(place.parent()?).ok()?.join(place.file_name()?),
    };
    let inside = real.strip_prefix(&root).ok()?;
    Some(Path::new("/").join(inside).to_str()?.to_owned())
}

/// `chown -h -- UID:GID PATH`.
pub(super) fn chown(shell: &Shell<'_>) -> Answer {
    let [alone, end, owner, path] = shell.args() else { return gap(shell) };
    let ids = owner.split_once(':').and_then(|(u, g)| Some((u.parse().ok()?, g.parse().ok()?)));
    let (Some((uid, gid)), "-h", "--") = (ids, alone.as_str(), end.as_str()) else { return gap(shell) };
    let place = shell.files().path(shell.call.host, path);
    match place.and_then(|place| std::os::unix::fs::lchown(place, Some(uid), Some(gid))) {
        Ok(()) => Answer::default(),
        Err(error) => Answer::fail(1, format!("chown: changing ownership of '{path}': {}\n", words(&error))),
    }
}

/// An error as coreutils print it: without Rust's number.
fn words(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

fn gap(shell: &Shell<'_>) -> Answer {
    Answer::gap(shell.line())
}
