//! The lab's state on disk: one file, one lock.
//!
//! `DIR/.lab/lock` is held for the time of one command, so programs of several processes take turns. What a command starts
//! for real inherits it: it is held until that has ended, also where the process that started it was killed.
//! `DIR/.lab/state.json` (0600: it holds a kubeconfig) is replaced atomically, so its file number tells whether what a
//! process remembers is still what is there. A lab in the making has no state yet, and `DIR/.lab/making` names its folders: whoever
//! finds that without the lock's holder finds what was cut off. What time alone does is not written until a command does something: it follows
//! from the state and the files, and this process remembers it. Deliberately absent: fsync. A lab need not survive a
//! power cut.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LabError;
use super::state::State;

/// The version of the state's format.
pub(super) const FORMAT: u32 = 1;

/// A lab's state, remembered by one process between two commands.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    remembered: Mutex<Option<Remembered>>,
}

/// What was read or written last.
#[derive(Debug, Clone)]
struct Remembered {
    stamp: Stamp,
    state: Arc<State>,
}

/// File number, size and modification time of the state's file.
type Stamp = (u64, u64, i64, i64);

impl Store {
    /// The state of the lab in `dir`.
    pub(super) fn new(dir: &Path) -> Self {
        Self { folder: dir.join(".lab"), remembered: Mutex::new(None) }
    }

    /// Waits for the lock and reads the state.
    pub(super) fn open(&self) -> Result<Locked<'_>, LabError> {
        let lock = lock(&self.folder)?;
        let path = self.folder.join("state.json");
        let stamp = stamp(&path)?;
        let remembered = self.memory().as_ref().filter(|r| r.stamp == stamp).map(|r| Arc::clone(&r.state));
        let before = match remembered {
            Some(state) => state,
            None => Arc::new(read(&path)?),
        };
        let state = State::clone(&before);
        Ok(Locked { store: self, before, stamp, state, lock })
    }

    /// True when this process remembers the state as it is on disk, brought up to `now` or later.
    pub(super) fn is_at(&self, now: u64) -> Result<bool, LabError> {
        let stamp = stamp(&self.folder.join("state.json"))?;
        Ok(self.memory().as_ref().is_some_and(|r| r.stamp == stamp && r.state.now >= now))
    }

    fn memory(&self) -> MutexGuard<'_, Option<Remembered>> {
        // What is remembered is replaced whole, so a panic elsewhere leaves it sound.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state under its lock.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    store: &'a Store,
    before: Arc<State>,
    stamp: Stamp,
    /// The state; written back by [`Locked::save`].
    pub(super) state: State,
    /// The lock, for what a command starts for real.
    pub(super) lock: File,
}

impl Locked<'_> {
    /// Remembers the state after a command that did nothing, and writes it only where time has done what it could
    /// not do again: hand out an id, or let a fault happen.
    pub(super) fn pass(self) -> Result<(), LabError> {
        if self.state.is_only_older_than(&self.before) {
            let Self { store, stamp, state, .. } = self;
            *store.memory() = Some(Remembered { stamp, state: Arc::new(state) });
            return Ok(());
        }
        self.save()
    }

    /// Writes the state where more than its clock has changed.
    pub(super) fn save(mut self) -> Result<(), LabError> {
        let now = std::mem::replace(&mut self.state.now, self.before.now);
        let changed = self.state != *self.before;
        self.state.now = now;
        if changed {
            return self.save_with_time();
        }
        let Self { store, stamp, state, .. } = self;
        *store.memory() = Some(Remembered { stamp, state: Arc::new(state) });
        Ok(())
    }

    /// Writes the state with its clock, whatever has changed.
    pub(super) fn save_with_time(self) -> Result<(), LabError> {
        // The lock is held to the end.
        let Self { store, state, lock: _held, .. } = self;
        replace(&store.folder, &serde_json::to_vec(&state).expect("the state serializes to JSON"))?;
        let stamp = self::stamp(&store.folder.join("state.json"))?;
        *store.memory() = Some(Remembered { stamp, state: Arc::new(state) });
        Ok(())
    }
}

fn read(path: &Path) -> Result<State, LabError> {
    let bytes = std::fs::read(path).map_err(|e| LabError::io("read", path, e))?;
    let state: State =
        serde_json::from_slice(&bytes).map_err(|source| LabError::State { path: path.to_owned(), source })?;
    if state.format != FORMAT {
        return Err(LabError::Format { path: path.to_owned(), found: state.format });
    }
    Ok(state)
}

fn stamp(path: &Path) -> Result<Stamp, LabError> {
    let meta = std::fs::metadata(path).map_err(|e| LabError::io("read", path, e))?;
    Ok((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// What a folder is to somebody who wants a lab in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing is there, or an empty folder.
    Nothing,
    /// Something else than a lab.
    Other,
    /// A lab that a living process makes.
    Making,
    /// What a process left that was cut off while it made a lab.
    HalfMade,
    /// A lab.
    Lab,
}

/// Looks what is there; changes nothing.
pub(super) fn look(dir: &Path) -> Result<Found, LabError> {
    let folder = dir.join(".lab");
    let is_lab = || folder.join("state.json").is_file();
    if is_lab() {
        return Ok(Found::Lab);
    }
    if !folder.is_dir() {
        let is_empty = match std::fs::read_dir(dir) {
            Ok(mut names) => names.next().is_none(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        return Ok(if is_empty { Found::Nothing } else { Found::Other });
    }
    let path = folder.join("lock");
    let held = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(LabError::io("open", &path, error)),
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
    };
    // It may have been made since the first look.
    Ok(match (is_lab(), held) {
        (true, _) => Found::Lab,
        (false, true) => Found::Making,
        (false, false) => Found::HalfMade,
    })
}

/// A lab in the making: its lock is ours.
pub(super) struct Making {
    folder: PathBuf,
    _lock: File,
}

impl Making {
    /// Begins a lab with these folders in `dir`; what a process left that was cut off within this is removed. Refuses where
    /// a lab is, or one is being made.
    pub(super) fn begin(dir: &Path, folders: &[String]) -> Result<Self, LabError> {
        let folder = dir.join(".lab");
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|e| LabError::io("create", &folder, e))?;
        let path = folder.join("lock");
        let lock = open_lock(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if !folder.join("state.json").exists() => {
                return Err(LabError::Making { dir: dir.to_owned() });
            }
            Err(TryLockError::WouldBlock) => return Err(LabError::Exists { dir: dir.to_owned() }),
            Err(TryLockError::Error(e)) => return Err(LabError::io("lock", &path, e)),
        }
        if folder.join("state.json").exists() {
            return Err(LabError::Exists { dir: dir.to_owned() });
        }
        let (making, text) = (folder.join("making"), folders.iter().map(|name| format!("{name}\n")));
        for left in std::fs::read_to_string(&making).unwrap_or_default().lines() {
            let place = dir.join(left);
            match std::fs::remove_dir_all(&place) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(LabError::io("remove", &place, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        std::fs::write(&making, text.collect::<String>()).map_err(|e| LabError::io("write", &making, e))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Writes its first state: from here on it is a lab.
    pub(super) fn end(self, state: &State) -> Result<(), LabError> {
        replace(&self.folder, &serde_json::to_vec(state).expect("the state serializes to JSON"))?;
        let making = self.folder.join("making");
        std::fs::remove_file(&making).map_err(|e| LabError::io("remove", &making, e))
    }
}

fn open_lock(path: &Path) -> Result<File, LabError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options.open(path).map_err(|e| LabError::io("open", path, e))
}

fn lock(folder: &Path) -> Result<File, LabError> {
    let path = folder.join("lock");
    let file = open_lock(&path)?;
    file.lock().map_err(|e| LabError::io("lock", &path, e))?;
    Ok(file)
}

fn replace(folder: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let new = folder.join("state.json.new");
    let path = folder.join("state.json");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        std::fs::rename(&new, &path)
    };
    write().map_err(|e| LabError::io("write", &path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(dir: &Path, folders: &[&str]) -> Result<Making, LabError> {
        let folders: Vec<String> = folders.iter().map(|&name| name.to_owned()).collect();
        Making::begin(dir, &folders)
    }

    #[test]
    fn what_is_left_of_a_lab_is_told_from_one_that_is_being_made_and_only_that_is_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        assert_eq!(look(dir).unwrap(), Found::Nothing);
        assert_eq!(look(&dir.join("absent")).unwrap(), Found::Nothing);
        let making = begin(dir, &["cp-1", "cp-2"]).unwrap();
        std::fs::create_dir_all(dir.join("cp-1/etc")).unwrap();
        std::fs::create_dir_all(dir.join("mine")).unwrap();
        assert_eq!(look(dir).unwrap(), Found::Making);
        assert!(matches!(begin(dir, &["cp-1"]), Err(LabError::Making { .. })), "one makes it at a time");
        assert!(dir.join("cp-1/etc").exists(), "and nobody else touches it");
        // As a process that is killed: the lock goes, the files stay.
        drop(making);
        assert_eq!(look(dir).unwrap(), Found::HalfMade);
        let again = begin(dir, &["cp-9"]).unwrap();
        assert!(!dir.join("cp-1").exists() && dir.join("mine").exists());
        let state = crate::lab::create::empty(&crate::lab::LabSpec::default(), 0);
        again.end(&state).unwrap();
        assert_eq!(look(dir).unwrap(), Found::Lab);
        assert!(matches!(begin(dir, &[]), Err(LabError::Exists { .. })));
        assert_eq!(look(&dir.join("mine")).unwrap(), Found::Nothing);
        assert_eq!(look(temporary.path().parent().unwrap()).unwrap(), Found::Other);
    }
}
