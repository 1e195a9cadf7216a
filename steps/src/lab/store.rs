//! The lab's state on disk: one file, one lock.
//!
//! `DIR/.lab/lock` is held for the time of one command, so programs of several processes take turns;
//! `DIR/.lab/state.json` (0600: it holds a kubeconfig) is replaced atomically. Deliberately absent: fsync. A lab
//! need not survive a power cut.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::LabError;
use super::state::State;

/// The version of the state's format.
pub(super) const FORMAT: u32 = 1;

/// The state under its lock.
#[derive(Debug)]
pub(super) struct Locked {
    folder: PathBuf,
    before: Vec<u8>,
    /// The state; written back by [`Locked::save`].
    pub(super) state: State,
    _lock: File,
}

impl Locked {
    /// Waits for the lock and reads the state of the lab in `dir`.
    pub(super) fn open(dir: &Path) -> Result<Self, LabError> {
        let folder = dir.join(".lab");
        let lock = lock(&folder)?;
        let path = folder.join("state.json");
        let before = std::fs::read(&path).map_err(|e| LabError::io("read", &path, e))?;
        let state: State = serde_json::from_slice(&before)
            .map_err(|source| LabError::State { path: path.clone(), source })?;
        if state.format != FORMAT {
            return Err(LabError::Format { path, found: state.format });
        }
        Ok(Self { folder, before, state, _lock: lock })
    }

    /// Writes the state where it has changed.
    pub(super) fn save(&mut self) -> Result<(), LabError> {
        let bytes = serde_json::to_vec(&self.state).expect("the state serializes to JSON");
        if bytes != self.before {
            replace(&self.folder, &bytes)?;
            self.before = bytes;
        }
        Ok(())
    }
}

/// Makes the folder and the first state of a new lab; refuses where one is already.
pub(super) fn create(dir: &Path, state: &State) -> Result<(), LabError> {
    let folder = dir.join(".lab");
    if folder.join("state.json").exists() {
        return Err(LabError::Exists { dir: dir.to_owned() });
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|e| LabError::io("create", &folder, e))?;
    let _lock = lock(&folder)?;
    replace(&folder, &serde_json::to_vec(state).expect("the state serializes to JSON"))
}

fn lock(folder: &Path) -> Result<File, LabError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| LabError::io("open", &path, e))?;
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
