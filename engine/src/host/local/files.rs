//! Files of this machine.
//!
//! Invariant: whoever looks at a path sees the old content or the new one, never a part, and never with more
//! permissions than it will have in the end.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::seat::Seat;
use crate::host::files::kind_of;
use crate::host::{Stat, StatKind};
use crate::text::KEPT;

/// How many symlinks are followed at most, as the kernel does.
const SYMLINKS_MAX: usize = 40;

/// Why a file operation was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The system said no.
    #[error("{0}")]
    System(#[from] io::Error),
    /// What is there is not what the operation is for.
    #[error("{0}")]
    Unfit(&'static str),
}

/// Reads a file of at most [`KEPT`] bytes.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let Some(found) = present(std::fs::metadata(path))? else { return Ok(None) };
    if !found.is_file() {
        return Err(FileError::Unfit("is not a regular file"));
    }
    let Some(file) = present(File::open(path))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(KEPT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > KEPT {
        return Err(FileError::Unfit("is larger than 1 MiB"));
    }
    Ok(Some(bytes))
}

/// Puts a file in place; a symlink's target is replaced, not the symlink; an owner that was there stays.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let seat = Seat::of(path)?;
    let old = seat.present()?;
    let done = seat.fill(old.as_ref(), bytes, mode).and_then(|()| seat.put());
    if done.is_err() {
        // The first error is the one to tell.
        seat.remove_new();
        return done;
    }
    seat.sync()
}

/// Facts about what is at `path`.
pub(super) fn stat(path: &Path) -> Result<Option<Stat>, FileError> {
    let Some(found) = present(std::fs::symlink_metadata(path))? else { return Ok(None) };
    let kind: StatKind = kind_of(found.mode());
    Ok(Some(Stat {
        kind,
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        size: found.size(),
        mtime_ns: i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec()),
    }))
}

/// Names in a folder, sorted.
pub(super) fn list(path: &Path) -> Result<Option<Vec<String>>, FileError> {
    let Some(found) = present(std::fs::metadata(path))? else { return Ok(None) };
    if !found.is_dir() {
        return Err(FileError::Unfit("is not a folder"));
    }
    let Some(entries) = present(std::fs::read_dir(path))? else { return Ok(None) };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().into_string();
        names.push(name.map_err(|_not_utf8| FileError::Unfit("holds a name that is not UTF-8"))?);
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// None when nothing is there.
fn present<T>(found: io::Result<T>) -> Result<Option<T>, FileError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Follows symlinks at `path`, a dangling one too.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, FileError> {
    let mut path = path.to_owned();
    for _ in 0..SYMLINKS_MAX {
        match present(std::fs::symlink_metadata(&path))? {
            Some(found) if found.is_symlink() => {
                let target = std::fs::read_link(&path)?;
                path = path.parent().map_or(target.clone(), |folder| folder.join(&target));
            }
            _ => return Ok(path),
        }
    }
    Err(FileError::Unfit("goes through too many symlinks"))
}

/// Makes missing folders with 0700 and syncs what holds each of them.
pub(super) fn make_folders(folder: &Path) -> Result<(), FileError> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
