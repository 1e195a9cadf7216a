//! Files and folders that are ours alone.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::JournalError;

/// Permission bits that group and others must not have.
const OTHERS: u32 = 0o077;
/// Those of them that let others change what is there.
const OTHERS_WRITE: u32 = 0o022;

/// Creates a file with 0600 that must not exist yet.
pub(super) fn create_file(path: &Path) -> Result<File, JournalError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(JournalError::io("create", path))
}

/// How an existing file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
    /// Like [`Access::ReadWrite`], created with 0600 when it is not there.
    Create,
}

/// Opens a regular file that is ours alone; None when it is not there.
pub(super) fn open_file(path: &Path, access: Access) -> Result<Option<File>, JournalError> {
    let mut options = OpenOptions::new();
    options.read(true).mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    match access {
        Access::Read => {}
        Access::ReadWrite => _ = options.write(true),
        Access::Create => _ = options.write(true).create(true),
    }
    let file = match options.open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(untrusted(path, "is a symbolic link".into(), "put the file itself there".into()));
        }
        Err(e) => return Err(JournalError::io("open", path)(e)),
    };
    let meta = file.metadata().map_err(JournalError::io("stat", path))?;
    if !meta.is_file() {
        return Err(untrusted(path, "is not a regular file".into(), "remove it".into()));
    }
    check(path, &meta, OTHERS)?;
    Ok(Some(file))
}

/// Checks a folder of ours: nobody else may even look into it.
pub(super) fn check_folder(path: &Path) -> Result<(), JournalError> {
    check_folder_bits(path, OTHERS)
}

/// Checks the state folder itself: nobody else may change what is in it.
pub(super) fn check_root(path: &Path) -> Result<(), JournalError> {
    check_folder_bits(path, OTHERS_WRITE)
}

fn check_folder_bits(path: &Path, bits: u32) -> Result<(), JournalError> {
    let meta = path.symlink_metadata().map_err(JournalError::io("stat", path))?;
    if meta.is_symlink() {
        return Err(untrusted(path, "is a symbolic link".into(), "name the folder it points to".into()));
    }
    if !meta.is_dir() {
        return Err(untrusted(path, "is not a folder".into(), "remove it".into()));
    }
    check(path, &meta, bits)
}

fn check(path: &Path, meta: &Metadata, bits: u32) -> Result<(), JournalError> {
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us {
        return Err(untrusted(
            path,
            format!("belongs to user {}, not to user {us} who runs this", meta.uid()),
            "run as that user, or use another --state-dir".into(),
        ));
    }
    if meta.mode() & bits != 0 {
        return Err(untrusted(
            path,
            format!("is open to others (mode {:03o})", meta.mode() & 0o777),
            format!("see who changed it, then `chmod go-rwx {}`", path.display()),
        ));
    }
    Ok(())
}

fn untrusted(path: &Path, why: String, remedy: String) -> JournalError {
    JournalError::Untrusted { path: path.to_owned(), why, remedy }
}

/// Creates a folder with 0700, durably, and its missing parents likewise; an existing one is left as it is.
pub(super) fn make_folder(path: &Path) -> Result<(), JournalError> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_folder(parent),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(JournalError::io("create folder", path)(e)),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), JournalError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(JournalError::io("sync folder", path))
}
