//! Plans and inventories as text: shipped ones by name, others from files that only their owner can change.
//!
//! Invariant: text comes from the very file whose owner and mode were looked at (one open, then fstat), since
//! what it says will run as root. Deliberately absent: what the text means.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, FileType, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use certwright_engine::plan::{Diagnostics, decode, limits};
use rustix::fs::OFlags;

use crate::failure::words;

/// A plan that comes with the program.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// Its name, by which it is found.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
}

/// Every shipped plan.
pub(crate) const SHIPPED: &[Shipped] =
    &[Shipped { name: "renew-control-plane", text: include_str!("../plans/renew-control-plane.toml") }];

/// Largest file of others that is read, bytes.
const LARGEST: u64 = 16 << 20;

/// A text and its name for people.
#[derive(Debug)]
pub(crate) struct Text {
    /// The path, or `renew-control-plane (shipped)`.
    pub(crate) name: String,
    /// The text.
    pub(crate) text: String,
}

/// Why a plan or an inventory was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// Neither a shipped name nor a file.
    #[error("there is no plan `{name}`: neither a shipped plan nor a file")]
    NoSuchPlan {
        /// What was asked for.
        name: String,
    },
    /// There is no such file.
    #[error("read `{}`: no such file or directory", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("read `{}`: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// It is no regular file, so nobody's to change; what it is instead.
    #[error("read `{}`: {why}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// It cannot be the text of a plan or an inventory, whatever that would say.
    #[error("{0}")]
    Mistakes(Box<Diagnostics>),
    /// Someone else could change it.
    #[error("`{}` is not trusted: {why}", path.display())]
    Writable {
        /// The file that was asked for.
        path: PathBuf,
        /// Who could change what.
        why: String,
        /// The command that mends it.
        mend: String,
    },
}

/// A plan by shipped name or path. A name without a slash is looked up among the shipped plans first.
pub(crate) fn plan(name: &str) -> Result<Text, SourceError> {
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == name) {
        return Ok(Text { name: format!("{name} (shipped)"), text: shipped.text.to_owned() });
    }
    let path = Path::new(name);
    if !name.contains('/') && !path.exists() {
        return Err(SourceError::NoSuchPlan { name: certwright_engine::text::escape(name) });
    }
    file(path)
}

/// The shipped plan that a name most likely was meant to be.
pub(crate) fn near(name: &str) -> Option<&'static str> {
    const FAR: usize = 4;
    let distance = |plan: &Shipped| strsim::osa_distance(name, plan.name);
    SHIPPED
        .iter()
        .filter(|plan| distance(plan) <= FAR)
        .min_by_key(|plan| distance(plan))
        .map(|plan| plan.name)
}

/// A plan or an inventory from a file.
pub(crate) fn file(path: &Path) -> Result<Text, SourceError> {
    let (size, bytes) = read(path, limits::FILE_BYTES as u64)?;
    let name = path.display().to_string();
    let text = decode(&name, size, bytes).map_err(|mistakes| SourceError::Mistakes(Box::new(mistakes)))?;
    Ok(Text { name, text })
}

/// A file of another program, which says who is trusted or what goes into an inventory.
pub(crate) fn of_others(path: &Path) -> Result<Text, SourceError> {
    let unreadable = |why: String| SourceError::Unreadable { path: path.to_owned(), why };
    let (_, bytes) = read(path, LARGEST)?;
    if bytes.len() as u64 > LARGEST {
        return Err(unreadable(format!("larger than {} MiB", LARGEST >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("not UTF-8 text at byte {}", error.utf8_error().valid_up_to()))
    })?;
    Ok(Text { name: path.display().to_string(), text })
}

/// How large a file is, and its first bytes: one more than `most`, where it has as many.
fn read(path: &Path, most: u64) -> Result<(u64, Vec<u8>), SourceError> {
    let unreadable = |why: String| SourceError::Unreadable { path: path.to_owned(), why };
    let not_a_file = |facts: &Metadata| SourceError::NotAFile {
        path: path.to_owned(),
        why: not_regular(facts.file_type()),
    };
    let real = path.canonicalize().map_err(|error| match (error.kind(), path.metadata()) {
        // What /dev/stdin and <(...) stand for has no name of its own.
        (std::io::ErrorKind::NotFound, Ok(facts)) => not_a_file(&facts),
        (std::io::ErrorKind::NotFound, Err(_)) => SourceError::Missing { path: path.to_owned() },
        _ => unreadable(words(&error)),
    })?;
    let only_a_file = |facts: &Metadata| if facts.is_file() { Ok(()) } else { Err(not_a_file(facts)) };
    // Before it is opened: that can wait for ever for who writes to a pipe, and can wake up a device.
    only_a_file(&real.metadata().map_err(|error| unreadable(words(&error)))?)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).expect("flags of open are an int");
    let handle = File::options().read(true).custom_flags(flags).open(&real);
    let handle = handle.map_err(|error| unreadable(words(&error)))?;
    let facts = handle.metadata().map_err(|error| unreadable(words(&error)))?;
    only_a_file(&facts)?;
    let not_trusted =
        |(why, mend): (String, String)| SourceError::Writable { path: path.to_owned(), why, mend };
    trusted(&real, &facts, What::File).map_err(not_trusted)?;
    let named = std::path::absolute(path).map_err(|error| unreadable(words(&error)))?;
    for folder in passed(&named).map_err(|error| unreadable(words(&error)))? {
        let facts = folder.metadata().map_err(|error| unreadable(words(&error)))?;
        let what = if real.parent() == Some(&folder) { What::Folder } else { What::Above };
        trusted(&folder, &facts, what).map_err(not_trusted)?;
    }
    let mut bytes = Vec::new();
    handle.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(words(&error)))?;
    Ok((facts.len().max(bytes.len() as u64), bytes))
}

/// What is said of something that is no regular file: none of these is read, whatever is in it.
pub(crate) fn not_regular(is: FileType) -> String {
    let noun = if is.is_dir() {
        "a folder"
    } else if is.is_fifo() {
        "a pipe"
    } else if is.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    format!("{noun}, not a regular file")
}

/// Every folder in which a name is looked up on the way to a file, those of symlinks too: who may write in one of them
/// may put another file, folder or link in its place.
fn passed(path: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    const SYMLINKS_MAX: u32 = 40;
    let mut left: Vec<OsString> = names(path);
    let (mut at, mut folders, mut symlinks) = (PathBuf::from("/"), BTreeSet::new(), 0);
    while let Some(name) = left.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        folders.insert(at.clone());
        let next = at.join(name);
        if !next.symlink_metadata()?.is_symlink() {
            at = next;
            continue;
        }
        symlinks += 1;
        if symlinks > SYMLINKS_MAX {
            return Err(std::io::Error::other("too many symlinks"));
        }
        let target = next.read_link()?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(names(&target));
    }
    Ok(folders)
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.rev().map(|part| part.as_os_str().to_owned()).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    File,
    Folder,
    Above,
}

/// Refuses what somebody else may change: another owner than us and root, world-writable, or writable by a
/// group that has other members. In a folder with the sticky bit others cannot replace our files.
fn trusted(path: &Path, facts: &std::fs::Metadata, what: What) -> Result<(), (String, String)> {
    const STICKY: u32 = 0o1000;
    let shown = path.display();
    let noun = match what {
        What::File => "it".to_owned(),
        What::Folder => "its folder".to_owned(),
        What::Above => format!("the folder {shown} on the way to it"),
    };
    let us = rustix::process::geteuid().as_raw();
    let mode = facts.mode();
    if facts.uid() != us && facts.uid() != 0 {
        let why = format!("{noun} belongs to user {}, who could change it", facts.uid());
        return Err((why, format!("chown {us} {shown}")));
    }
    if what != What::File && mode & STICKY != 0 {
        return Ok(());
    }
    if mode & 0o002 != 0 {
        return Err((format!("{noun} is writable by everyone"), format!("chmod o-w {shown}")));
    }
    if mode & 0o020 != 0 && !is_private_group(facts.gid(), us) {
        let why = format!("{noun} is writable by group {}", facts.gid());
        return Err((why, format!("chmod g-w {shown}")));
    }
    Ok(())
}

/// True for a group of the user's own: it has the user's number and `/etc/group` lists nobody else in it.
fn is_private_group(gid: u32, uid: u32) -> bool {
    if gid != uid {
        return false;
    }
    let user = crate::place::user_name(uid);
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    groups.lines().map(|line| line.split(':').collect::<Vec<_>>()).all(|fields| {
        let ours = fields.get(2).is_some_and(|field| *field == gid.to_string());
        let members = fields.get(3).copied().unwrap_or_default();
        !ours || members.split(',').all(|member| member.is_empty() || user.as_deref() == Some(member))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_plan_is_found_by_name_and_a_wrong_name_is_named() {
        assert_eq!(plan("renew-control-plane").unwrap().name, "renew-control-plane (shipped)");
        let error = plan("renew-everything").unwrap_err().to_string();
        assert_eq!(error, "there is no plan `renew-everything`: neither a shipped plan nor a file");
    }

    /// A lost line, a busy runtime or a server that is just starting must not end a renewal half-way.
    #[test]
    fn every_step_of_the_renewal_outlives_what_passes_by_itself() {
        use certwright_engine::plan::{Choices, ErrorClass, Nature, Source, resolve};
        let shipped = Source { name: SHIPPED[0].name, text: SHIPPED[0].text };
        let text = certwright_steps::lab::LabSpec::default().inventory();
        let inventory = Source { name: "inventory", text: &text };
        let registry = certwright_steps::registry();
        let plan = resolve(shipped, inventory, &Choices::default(), &registry).unwrap();
        for step in &plan.steps {
            let name = format!("{}/{}", step.stage, step.id);
            let mut passing =
                vec![ErrorClass::Unavailable, ErrorClass::Unknown, ErrorClass::DeadlineExceeded];
            // What a component, a pod or a server looks like a moment after a restart.
            if step.nature == Nature::Acting && !matches!(step.kind.as_str(), "backup" | "kubeadm-renew") {
                passing.push(ErrorClass::Unsatisfied);
            }
            for class in passing {
                assert!(step.retry.on.contains(&class), "{name} ends at a passing {}", class.name());
            }
            assert!(step.retry.attempts > 1, "{name} has one attempt");
        }
    }

    #[test]
    fn a_folder_is_not_a_plan() {
        let error = file(Path::new("/usr")).unwrap_err().to_string();
        assert_eq!(error, "read `/usr`: a folder, not a regular file");
    }

    /// Whoever opens a pipe to read waits for a writer, and takes no signal meanwhile.
    #[test]
    fn a_pipe_is_refused_at_once_and_not_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("p.fifo");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let link = dir.path().join("link.toml");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [pipe, link] {
            let expected = format!("read `{}`: a pipe, not a regular file", path.display());
            let (told, tells) = std::sync::mpsc::channel();
            std::thread::spawn(move || told.send(file(&path).unwrap_err().to_string()));
            let error = tells.recv_timeout(std::time::Duration::from_secs(60)).expect("it does not wait");
            assert_eq!(error, expected);
        }
        let error = file(Path::new("/dev/null")).unwrap_err().to_string();
        assert_eq!(error, "read `/dev/null`: a device, not a regular file");
    }

    #[test]
    fn somebody_elses_number_is_not_a_private_group() {
        assert!(!is_private_group(100, 1000));
    }
}
