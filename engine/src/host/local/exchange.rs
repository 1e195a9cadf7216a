//! A file in the place of one that is known, at one instant.
//!
//! Invariant: what somebody else put there meanwhile is neither lost nor read over: the two files change places in the
//! kernel (`RENAME_EXCHANGE`), what came out is looked at, and where it is not the known one they change back.

use std::fs::File;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::files::{self, FileError};

/// How often a file that is in the way is put back; somebody else would have to write as often in between.
const TRIES: u32 = 8;

/// What became of a file that was to be put in place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchanged {
    /// It is there.
    Done,
    /// Another file than the known one is there, and stays.
    Otherwise,
}

/// Puts `bytes` in the place of a file that holds `old` (None: there is none); modes and owner as for a write.
pub(super) fn replace(
    path: &Path,
    old: Option<&[u8]>,
    bytes: &[u8],
    mode: u32,
) -> Result<Exchanged, FileError> {
    if files::read(path)?.as_deref() != old {
        return Ok(Exchanged::Otherwise);
    }
    let (path, folder, new) = files::beside(path)?;
    if let Err(error) = files::fill(&new, &path, bytes, mode) {
        // Nobody else knows of it yet; its error is the one to tell.
        let _left = std::fs::remove_file(&new);
        return Err(error);
    }
    let done = match old {
        Some(old) => exchange(&new, &path, old, bytes),
        None => take(&new, &path),
    };
    tidy(&new, old, bytes);
    let done = done?;
    File::open(folder)?.sync_all()?;
    Ok(done)
}

/// Removes what is left beside the file where it is ours, or what was replaced; another's stays. The first error is the one
/// to tell, not one of this.
fn tidy(new: &Path, old: Option<&[u8]>, bytes: &[u8]) {
    if let Ok(Some(left)) = files::read(new)
        && (left == bytes || Some(left.as_slice()) == old)
    {
        let _left = std::fs::remove_file(new);
    }
}

/// Renames unless something is there.
fn take(new: &Path, path: &Path) -> Result<Exchanged, FileError> {
    match renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Exchanged::Done),
        Err(Errno::INVAL | Errno::NOSYS) if files::read(path)?.is_none() => {
            Ok(std::fs::rename(new, path).map(|()| Exchanged::Done)?)
        }
        Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => Ok(Exchanged::Otherwise),
        Err(error) => Err(std::io::Error::from(error).into()),
    }
}

/// Lets `new`, which holds `bytes`, and a file that should hold `old` change places.
fn exchange(new: &Path, path: &Path, old: &[u8], bytes: &[u8]) -> Result<Exchanged, FileError> {
    let change = || renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE);
    match change() {
        Ok(()) => {}
        // A file system that cannot: what is there is looked at once more, right before it is replaced.
        Err(Errno::INVAL | Errno::NOSYS) if files::read(path)?.as_deref() == Some(old) => {
            return Ok(std::fs::rename(new, path).map(|()| Exchanged::Done)?);
        }
        Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS) => return Ok(Exchanged::Otherwise),
        Err(error) => return Err(std::io::Error::from(error).into()),
    }
    if files::read(new)?.as_deref() == Some(old) {
        return Ok(Exchanged::Done);
    }
    for _ in 0..TRIES {
        change().map_err(std::io::Error::from)?;
        if files::read(new)?.as_deref() == Some(bytes) {
            return Ok(Exchanged::Otherwise);
        }
    }
    Err(FileError::Unfit("is written again and again by somebody else"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        (folder, path)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
    }

    #[test]
    fn a_known_file_gives_way_with_its_owner_and_nothing_is_left_beside_it() {
        let (folder, path) = folder();
        std::fs::write(&path, "old").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("its mode");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65_534), Some(65_534)).expect("its owner");
        }
        let owner = std::fs::metadata(&path).expect("a file").uid();
        assert_eq!(replace(&path, Some(b"old"), b"new", 0o600).expect("replaced"), Exchanged::Done);
        let found = std::fs::metadata(&path).expect("a file");
        assert_eq!((found.mode() & 0o7777, found.uid()), (0o600, owner));
        assert_eq!(std::fs::read(&path).expect("a file"), b"new");
        assert_eq!(names(&folder), ["config"]);
        // Through a symlink its target.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("config", &link).expect("a symlink");
        assert_eq!(replace(&link, Some(b"new"), b"newer", 0o600).expect("replaced"), Exchanged::Done);
        assert_eq!(std::fs::read(&path).expect("a file"), b"newer");
        assert!(link.is_symlink());
    }

    #[test]
    fn whatever_else_is_there_stays() {
        let (folder, path) = folder();
        assert_eq!(replace(&path, Some(b"old"), b"new", 0o600).expect("looked at"), Exchanged::Otherwise);
        assert!(names(&folder).is_empty(), "nothing was there, nothing is");
        assert_eq!(replace(&path, None, b"made", 0o600).expect("made"), Exchanged::Done);
        assert_eq!(replace(&path, None, b"new", 0o600).expect("looked at"), Exchanged::Otherwise);
        assert_eq!(replace(&path, Some(b"old"), b"new", 0o600).expect("looked at"), Exchanged::Otherwise);
        assert_eq!(std::fs::read(&path).expect("a file"), b"made");
        assert_eq!(names(&folder), ["config"]);
    }

    #[test]
    fn what_another_wrote_is_not_tidied_away() {
        let (folder, path) = folder();
        for (left, stays) in [("ours", 0), ("old", 0), ("theirs", 1)] {
            std::fs::write(&path, left).expect("written");
            tidy(&path, Some(b"old"), b"ours");
            assert_eq!(names(&folder).len(), stays, "{left}");
        }
    }

    /// What another program writes between the look and the exchange.
    #[test]
    fn a_file_that_was_put_there_in_between_comes_back() {
        let (folder, path) = folder();
        let new = folder.path().join("new");
        std::fs::write(&new, "ours").expect("written");
        std::fs::write(&path, "theirs").expect("written");
        let before = std::fs::metadata(&path).expect("a file").ino();
        assert_eq!(exchange(&new, &path, b"old", b"ours").expect("exchanged"), Exchanged::Otherwise);
        assert_eq!(std::fs::read(&path).expect("a file"), b"theirs");
        assert_eq!(std::fs::metadata(&path).expect("a file").ino(), before, "the very file");
        assert_eq!(take(&new, &path).expect("looked at"), Exchanged::Otherwise);
        assert_eq!(std::fs::read(&path).expect("a file"), b"theirs");
    }
}
