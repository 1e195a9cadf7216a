//! A file in the place of one that is known, at one instant.
//!
//! Invariant: what somebody else put there meanwhile is neither lost nor read over: the two files change places in the
//! kernel (`RENAME_EXCHANGE`), what came out is looked at, and where it is not the known one they change back.

use std::path::Path;

use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::files::{self, FileError};
use super::seat::Seat;

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
    // A folder is made for a file that is wanted there, not for one that is gone.
    if old.is_some() && files::read(path)?.is_none() {
        return Ok(Exchanged::Otherwise);
    }
    in_seat(&Seat::of(path)?, old, bytes, mode)
}

fn in_seat(seat: &Seat, old: Option<&[u8]>, bytes: &[u8], mode: u32) -> Result<Exchanged, FileError> {
    let (found, file) = seat.read()?.unzip();
    if found.as_deref() != old {
        return Ok(Exchanged::Otherwise);
    }
    if let Err(error) = seat.fill(file.as_ref(), bytes, mode) {
        // Nobody else knows of it yet; its error is the one to tell.
        seat.remove_new();
        return Err(error);
    }
    let done = match old {
        Some(old) => exchange(seat, old, bytes),
        None => take(seat),
    };
    tidy(seat, old, bytes);
    let done = done?;
    seat.sync()?;
    Ok(done)
}

/// Removes what is left beside the file where it is ours, or what was replaced; another's stays. The first error is the one
/// to tell, not one of this.
fn tidy(seat: &Seat, old: Option<&[u8]>, bytes: &[u8]) {
    if let Ok(Some(left)) = seat.read_new()
        && (left == bytes || Some(left.as_slice()) == old)
    {
        seat.remove_new();
    }
}

/// Whether the file holds this.
fn holds(seat: &Seat, content: Option<&[u8]>) -> Result<bool, FileError> {
    Ok(seat.read()?.as_ref().map(|(bytes, _)| bytes.as_slice()) == content)
}

/// Renames unless something is there.
fn take(seat: &Seat) -> Result<Exchanged, FileError> {
    match seat.rename(RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Exchanged::Done),
        Err(Errno::INVAL | Errno::NOSYS) if holds(seat, None)? => seat.put().map(|()| Exchanged::Done),
        Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => Ok(Exchanged::Otherwise),
        Err(error) => Err(std::io::Error::from(error).into()),
    }
}

/// Lets the file beside it, which holds `bytes`, and a file that should hold `old` change places.
fn exchange(seat: &Seat, old: &[u8], bytes: &[u8]) -> Result<Exchanged, FileError> {
    let change = || seat.rename(RenameFlags::EXCHANGE);
    match change() {
        Ok(()) => {}
        // A file system that cannot: what is there is looked at once more, right before it is replaced.
        Err(Errno::INVAL | Errno::NOSYS) if holds(seat, Some(old))? => {
            return seat.put().map(|()| Exchanged::Done);
        }
        Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS) => return Ok(Exchanged::Otherwise),
        Err(error) => return Err(std::io::Error::from(error).into()),
    }
    if seat.read_new()?.as_deref() == Some(old) {
        return Ok(Exchanged::Done);
    }
    for _ in 0..TRIES {
        change().map_err(std::io::Error::from)?;
        if seat.read_new()?.as_deref() == Some(bytes) {
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
            let seat = Seat::of(&path).expect("its place");
            seat.fill(None, left.as_bytes(), 0o600).expect("written");
            tidy(&seat, Some(b"old"), b"ours");
            assert_eq!(names(&folder).len(), stays, "{left}");
        }
    }

    /// What another program writes between the look and the exchange.
    #[test]
    fn a_file_that_was_put_there_in_between_comes_back() {
        let (_folder, path) = folder();
        let seat = Seat::of(&path).expect("its place");
        seat.fill(None, b"ours", 0o600).expect("written");
        std::fs::write(&path, "theirs").expect("written");
        let before = std::fs::metadata(&path).expect("a file").ino();
        assert_eq!(exchange(&seat, b"old", b"ours").expect("exchanged"), Exchanged::Otherwise);
        assert_eq!(std::fs::read(&path).expect("a file"), b"theirs");
        assert_eq!(std::fs::metadata(&path).expect("a file").ino(), before, "the very file");
        assert_eq!(take(&seat).expect("looked at"), Exchanged::Otherwise);
        assert_eq!(std::fs::read(&path).expect("a file"), b"theirs");
    }

    /// Whoever may write above the folder: nothing of what is written is theirs, and nothing of theirs is compared.
    #[test]
    fn a_folder_that_is_swapped_for_a_symlink_gets_nothing_of_the_file() {
        let (folder, _) = folder();
        let [own, theirs, away] = ["own", "theirs", "away"].map(|name| folder.path().join(name));
        for (name, content) in [(&own, "old"), (&theirs, "theirs")] {
            std::fs::create_dir(name).expect("a folder");
            std::fs::write(name.join("config"), content).expect("written");
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(theirs.join("config"), Some(65_534), Some(65_534)).expect("its owner");
        }
        let seat = Seat::of(&own.join("config")).expect("its place");
        std::fs::rename(&own, &away).expect("moved");
        std::os::unix::fs::symlink(&theirs, &own).expect("a symlink");
        assert_eq!(in_seat(&seat, Some(b"old"), b"new", 0o600).expect("replaced"), Exchanged::Done);
        assert_eq!(std::fs::read(away.join("config")).expect("a file"), b"new");
        let owner = std::fs::metadata(away.join("config")).expect("a file").uid();
        assert_eq!(owner, rustix::process::geteuid().as_raw(), "theirs");
        let theirs: Vec<_> = std::fs::read_dir(&theirs).expect("a folder").flatten().collect();
        assert_eq!((theirs.len(), std::fs::read(theirs[0].path()).expect("a file")), (1, b"theirs".to_vec()));
        // The file itself made a symlink after it was found.
        std::fs::remove_file(away.join("config")).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", away.join("config")).expect("a symlink");
        let error = in_seat(&seat, Some(b"new"), b"newer", 0o600).expect_err("a symlink");
        assert_eq!(error.to_string(), "was made a symlink just now");
    }
}
