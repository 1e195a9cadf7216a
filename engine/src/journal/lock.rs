//! One owner a run, one run a cluster.
//!
//! A lock is the kernel's (flock), gone with the process that held it however it ended; what is written in a
//! lock file is for messages only. There are no pid files and there is no forced unlocking.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::trust::{self, Access};
use super::{JournalError, RunId};

/// A listing of runs tries a lock for an instant: who really wants it looks this often before giving up.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Ownership of a run; ends when dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Ownership of a cluster by a run; ends when dropped.
#[derive(Debug)]
pub struct ClusterLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run, or says that it is taken.
    pub(super) fn take(path: &Path, run: &RunId) -> Result<Self, JournalError> {
        let file = open(path)?;
        if try_lock(&file, path)? {
            Ok(Self { _file: file })
        } else {
            Err(JournalError::RunBusy { run: run.to_string(), path: path.to_owned() })
        }
    }

    /// Whether some process holds the lock of a run now.
    pub(super) fn is_held(path: &Path) -> Result<bool, JournalError> {
        let Some(file) = trust::open_file(path, Access::Read)? else { return Ok(false) };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(e)) => Err(JournalError::io("lock", path)(e)),
        }
    }
}

impl ClusterLock {
    /// Takes the lock of a cluster for a run, or says which run has it.
    pub(super) fn take(path: &Path, cluster: &str, run: &RunId) -> Result<Self, JournalError> {
        let mut file = open(path)?;
        if !try_lock(&file, path)? {
            let mut owner = String::new();
            file.read_to_string(&mut owner).map_err(JournalError::io("read", path))?;
            let owner = crate::text::escape(owner.trim());
            return Err(JournalError::ClusterBusy {
                cluster: cluster.to_owned(),
                run: if owner.is_empty() { "of unknown id".to_owned() } else { owner },
                path: path.to_owned(),
            });
        }
        let told = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{run}"));
        told.map_err(JournalError::io("write", path))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, JournalError> {
    Ok(trust::open_file(path, Access::Create)?.expect("a file opened with create exists"))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, JournalError> {
    for attempt in 1..=TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(JournalError::io("lock", path)(e)),
        }
    }
    Ok(false)
}
