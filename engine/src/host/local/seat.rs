//! The place of a file: a name in a folder that is held open.
//!
//! Invariant: what is read, made and renamed here is in one and the same folder, whatever its path leads to by now: whoever
//! may put another folder, or a symlink, on the way gets nothing of what is written, and gives nothing to what is compared.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::files::{FileError, make_folders, resolved};
use crate::host::worker::Nonce;
use crate::text::KEPT;

/// A symlink at the end of the way is followed when the place is looked for; one that is there now is another's.
const SYMLINK: &str = "was made a symlink just now";

/// Between the name of a file and the nonce, in the name of what is made beside it.
const BESIDE: &str = ".certwright-";

/// The name of the file beside which `name` was made, to be put in its place: where it is still there and nobody writes, its
/// writer has died. None for any other name.
pub fn beside(name: &str) -> Option<&str> {
    let (of, nonce) = name.strip_prefix('.')?.rsplit_once(BESIDE)?;
    let is_nonce = nonce.len() == 32 && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_nonce && !of.is_empty()).then_some(of)
}

/// A name in a folder that is held.
pub(super) struct Seat {
    folder: OwnedFd,
    name: OsString,
    /// A name beside it that nobody has.
    new: OsString,
}

impl Seat {
    /// The place of the file at `path`, through symlinks; its folder is made where it is missing.
    pub(super) fn of(path: &Path) -> Result<Self, FileError> {
        let path = resolved(path)?;
        let Some(name) = path.file_name() else { return Err(FileError::Unfit("is a folder")) };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        make_folders(folder)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder, flags, Mode::empty()).map_err(io::Error::from)?;
        let new = format!(".{}{BESIDE}{}", name.to_string_lossy(), Nonce::random().as_str());
        Ok(Self { folder, name: name.to_owned(), new: new.into() })
    }

    fn open(&self, name: &OsStr, how: OFlags) -> Result<Option<File>, FileError> {
        let flags = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP) => Err(FileError::Unfit(SYMLINK)),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// What the file holds, and the file; None where there is none.
    pub(super) fn read(&self) -> Result<Option<(Vec<u8>, File)>, FileError> {
        self.content(&self.name)
    }

    /// What the file beside it holds.
    pub(super) fn read_new(&self) -> Result<Option<Vec<u8>>, FileError> {
        Ok(self.content(&self.new)?.map(|(bytes, _)| bytes))
    }

    fn content(&self, name: &OsStr) -> Result<Option<(Vec<u8>, File)>, FileError> {
        // One that is a pipe by now is not waited for.
        let Some(mut file) = self.open(name, OFlags::RDONLY | OFlags::NONBLOCK)? else { return Ok(None) };
        if !file.metadata()?.is_file() {
            return Err(FileError::Unfit("is not a regular file"));
        }
        let mut bytes = Vec::new();
        io::Read::by_ref(&mut file).take(KEPT as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > KEPT {
            return Err(FileError::Unfit("is larger than 1 MiB"));
        }
        Ok(Some((bytes, file)))
    }

    /// The file that is there, which need not be one that can be read; None where there is none.
    pub(super) fn present(&self) -> Result<Option<File>, FileError> {
        let Some(file) = self.open(&self.name, OFlags::PATH)? else { return Ok(None) };
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(FileError::Unfit("is a folder"));
        }
        if kind.is_symlink() { Err(FileError::Unfit(SYMLINK)) } else { Ok(Some(file)) }
    }

    /// Writes the file beside it, with the mode it will have and the owner of the one that it is to replace.
    pub(super) fn fill(&self, old: Option<&File>, bytes: &[u8], mode: u32) -> Result<(), FileError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, &self.new, flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(file.map_err(io::Error::from)?);
        file.write_all(bytes)?;
        if let Some(old) = old {
            let (now, old) = (file.metadata()?, old.metadata()?);
            if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
                let kept = fchown(&file, Some(old.uid()), Some(old.gid()));
                // A group the user does not belong to cannot be given back; another owner must be.
                if now.uid() != old.uid() {
                    kept?;
                }
            }
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        Ok(file.sync_all()?)
    }

    /// Puts the file beside it in its place, whatever is there.
    pub(super) fn put(&self) -> Result<(), FileError> {
        renameat(&self.folder, &self.new, &self.folder, &self.name).map_err(io::Error::from)?;
        Ok(())
    }

    /// Puts the file beside it in its place in one of the ways that the kernel has.
    pub(super) fn rename(&self, how: RenameFlags) -> Result<(), Errno> {
        renameat_with(&self.folder, &self.new, &self.folder, &self.name, how)
    }

    /// Removes the file beside it.
    pub(super) fn remove_new(&self) {
        // Whoever calls this has an error to tell already, or has done what was wanted.
        let _left = unlinkat(&self.folder, &self.new, AtFlags::empty());
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        Ok(rustix::fs::fsync(&self.folder).map_err(io::Error::from)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_beside_a_file_is_told_by_its_name_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["config", ".config", "a.certwright-b.new"] {
            let seat = Seat::of(&folder.path().join(name)).expect("its place");
            assert_eq!(beside(seat.new.to_str().expect("UTF-8")), Some(name));
        }
        let nonce = Nonce::random();
        let nonce = nonce.as_str();
        for other in [
            "config".to_owned(),
            format!("config.certwright-{nonce}"),
            format!(".config.certwright-{}", &nonce[1..]),
            format!(".config.certwright-{nonce}0"),
            format!(".config.certwright-{}G", &nonce[1..]),
            format!("..certwright-{nonce}.bak"),
        ] {
            assert_eq!(beside(&other), None, "{other}");
        }
    }
}
