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

/// A listing of runs tries a lock for an instant, and what an owner was just starting when it was killed holds all its locks
/// until it has become another program: who really wants one looks this often before giving up, for 2 s in all.
const TRIES: u32 = 101;
const PAUSE: Duration = Duration::from_millis(20);

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
    let look = || match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(JournalError::io("lock", path)(e)),
    };
    patiently(look, || std::thread::sleep(PAUSE))
}

/// Looks until it succeeds, with a pause between two looks; false where none of them did.
fn patiently<E>(mut look: impl FnMut() -> Result<bool, E>, mut pause: impl FnMut()) -> Result<bool, E> {
    for left in (0..TRIES).rev() {
        if look()? {
            return Ok(true);
        }
        if left > 0 {
            pause();
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A killed owner's lock lives for as long as a child of it has not yet become another program.
    #[test]
    fn a_lock_that_its_dead_owner_just_leaves_is_waited_for_and_one_that_stays_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (ours, theirs) = (open(&path).unwrap(), open(&path).unwrap());
        theirs.try_lock().unwrap();
        let left = theirs.try_clone().unwrap();
        drop(theirs);
        let mut left = Some(left);
        let mut pauses = 0;
        let look = || Ok::<_, JournalError>(ours.try_lock().is_ok());
        let got = patiently(look, || {
            pauses += 1;
            drop(left.take_if(|_| pauses == 40));
        });
        assert!(got.unwrap(), "it is free by then");
        assert_eq!(pauses, 40, "what the owner left held it meanwhile");

        let mut pauses = 0;
        let other = open(&path).unwrap();
        let got = patiently(|| Ok::<_, JournalError>(other.try_lock().is_ok()), || pauses += 1);
        assert!(!got.unwrap(), "its owner lives");
        assert_eq!(PAUSE * pauses, Duration::from_secs(2), "and that is found out within two seconds");
    }
}
