//! The state folder: `runs/<id>/{journal, lock, bundle.txt}` and `clusters/<name>.lock`.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::cut::{self, Cut};
use super::trust::{self, Access};
use super::{ClusterLock, Journal, JournalError, Replay, RunId, RunLock, RunSummary, Scan, Stamp, summary};
use crate::machine::{Header, Record};

/// A run starts only with this much space, MiB.
const NEEDED_MIB: u64 = 64;

/// What the folder of a run that was removed is called: no name of a run.
const REMOVED: &str = ".removed-";

/// Where the runs of this user are.
#[derive(Debug, Clone)]
pub struct StateDir {
    root: PathBuf,
}

/// A run of a list.
#[derive(Debug)]
pub struct ListedRun {
    /// Its id.
    pub id: RunId,
    /// The run in short, or why it cannot be read.
    pub summary: Result<RunSummary, JournalError>,
}

impl StateDir {
    /// The state folder at `root`; nothing is touched before it is used.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a run.
    pub fn run_folder(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Starts the journal of a new run with its record 1, durably; the run is this process's own.
    ///
    /// The journal gets its name only when record 1 is durable: a run folder without it never began.
    ///
    /// # Panics
    /// When the id in `header` is none, or its format is not this version's: bugs.
    pub fn create(&self, header: Header, stamp: Stamp) -> Result<(Journal, Record), JournalError> {
        let run: RunId = header.run.parse().expect("a header holds a run id");
        self.prepare("runs")?;
        self.check_space()?;
        let folder = self.run_folder(&run);
        DirBuilder::new().mode(0o700).create(&folder).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => {
                JournalError::RunExists { run: run.to_string(), path: folder.clone() }
            }
            _ => JournalError::io("create folder", &folder)(e),
        })?;
        let lock = RunLock::take(&folder.join("lock"), &run)?;
        let (new, path) = (folder.join("journal.new"), folder.join("journal"));
        let file = trust::create_file(&new)?;
        let (journal, record) = Journal::begin(Box::new(file), &new, header, stamp)?;
        std::fs::rename(&new, &path).map_err(JournalError::io("rename", &new))?;
        trust::sync_folder(&folder)?;
        trust::sync_folder(&self.runs())?;
        Ok((journal.at_path(&path).with_lock(lock), record))
    }

    /// Takes a run up again: its records, then its journal; the run is this process's own.
    pub fn resume(&self, run: &RunId) -> Result<Replay, JournalError> {
        let folder = self.checked_run_folder(run)?;
        self.check_space()?;
        let path = folder.join("journal");
        // Looked at before the lock file is made: a folder without a journal never was a run.
        open_journal(&path, Access::ReadWrite, run)?;
        let lock = RunLock::take(&folder.join("lock"), run)?;
        let file = open_journal(&path, Access::ReadWrite, run)?;
        Ok(Replay { scan: Scan::new(&path, file), lock, folder, run: run.clone() })
    }

    /// Reads a run, owned by whomever: what this version does not know comes as it is.
    pub fn read(&self, run: &RunId) -> Result<Scan<File>, JournalError> {
        let path = self.checked_run_folder(run)?.join("journal");
        let file = open_journal(&path, Access::Read, run)?;
        Ok(Scan::new(&path, file))
    }

    /// Where the bundle of a run is, or would be.
    pub fn bundle(&self, run: &RunId) -> PathBuf {
        self.run_folder(run).join("bundle.txt")
    }

    /// Keeps a text beside the journal of a run, for people; it replaces the one before. Nothing reads it back.
    pub fn keep_bundle(&self, run: &RunId, text: &str) -> Result<PathBuf, JournalError> {
        let folder = self.checked_run_folder(run)?;
        let (new, path) = (folder.join("bundle.new"), self.bundle(run));
        match std::fs::remove_file(&new) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(JournalError::io("remove", &new)(e)),
            Ok(()) | Err(_) => {}
        }
        let mut file = trust::create_file(&new)?;
        file.write_all(text.as_bytes()).map_err(JournalError::io("write", &new))?;
        std::fs::rename(&new, &path).map_err(JournalError::io("rename", &new))?;
        Ok(path)
    }

    /// Unacknowledged tails that were cut off a run's journal, oldest first.
    pub fn cuts(&self, run: &RunId) -> Result<Vec<Cut>, JournalError> {
        cut::cuts(&self.checked_run_folder(run)?)
    }

    /// All runs, newest first; what is wrong with one of them is in its place.
    pub fn list(&self) -> Result<Vec<ListedRun>, JournalError> {
        let runs = self.runs();
        let names = match std::fs::read_dir(&runs) {
            Ok(names) => names,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(JournalError::io("list", &runs)(e)),
        };
        trust::check_root(&self.root)?;
        trust::check_folder(&runs)?;
        let mut ids = Vec::new();
        for name in names {
            let name = name.map_err(JournalError::io("list", &runs))?.file_name();
            ids.extend(name.to_str().and_then(|n| n.parse::<RunId>().ok()));
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        // A run folder without a journal never began; where that cannot be seen its summary says why.
        ids.retain(|id| {
            let journal = self.run_folder(id).join("journal").symlink_metadata();
            !journal.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        });
        Ok(ids.into_iter().map(|id| ListedRun { summary: self.summary(&id), id }).collect())
    }

    /// A run in short, without reading all of it.
    pub fn summary(&self, run: &RunId) -> Result<RunSummary, JournalError> {
        let folder = self.checked_run_folder(run)?;
        let path = folder.join("journal");
        let file = open_journal(&path, Access::Read, run)?;
        summary::summary(&path, &file, RunLock::is_held(&folder.join("lock"))?)
    }

    /// Removes a run that has come to an end, and all that is kept of it.
    ///
    /// It loses its name at one instant: whoever is cut off here leaves the whole run, or nothing that counts as one.
    pub fn remove(&self, run: &RunId) -> Result<(), JournalError> {
        let folder = self.checked_run_folder(run)?;
        let lock = RunLock::take(&folder.join("lock"), run)?;
        let path = folder.join("journal");
        // Under the lock: it may have been taken up since it was listed.
        let found = summary::summary(&path, &open_journal(&path, Access::Read, run)?, false)?;
        if !found.state.is_over() {
            return Err(JournalError::NotOver { run: run.to_string() });
        }
        let gone = self.runs().join(format!("{REMOVED}{run}"));
        std::fs::rename(&folder, &gone).map_err(JournalError::io("rename", &folder))?;
        trust::sync_folder(&self.runs())?;
        drop(lock);
        self.sweep()
    }

    /// Clears away what lost its name, here or in a process that was cut off.
    fn sweep(&self) -> Result<(), JournalError> {
        let runs = self.runs();
        for name in std::fs::read_dir(&runs).map_err(JournalError::io("list", &runs))? {
            let name = name.map_err(JournalError::io("list", &runs))?;
            if name.file_name().to_str().is_some_and(|name| name.starts_with(REMOVED)) {
                let path = name.path();
                match std::fs::remove_dir_all(&path) {
                    Err(e) if e.kind() != ErrorKind::NotFound => {
                        return Err(JournalError::io("remove", &path)(e));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Takes a cluster for a run; the lock ends when it is dropped.
    pub fn lock_cluster(&self, cluster: &str, run: &RunId) -> Result<ClusterLock, JournalError> {
        self.prepare("clusters")?;
        let path = self.root.join("clusters").join(format!("{}.lock", file_name(cluster)));
        ClusterLock::take(&path, cluster, run)
    }

    /// Makes a folder of the state folder where it is missing, and checks both.
    fn prepare(&self, name: &str) -> Result<(), JournalError> {
        let folder = self.root.join(name);
        trust::make_folder(&folder)?;
        trust::check_root(&self.root)?;
        trust::check_folder(&folder)
    }

    fn checked_run_folder(&self, run: &RunId) -> Result<PathBuf, JournalError> {
        let folder = self.run_folder(run);
        if folder.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            return Err(JournalError::NoSuchRun { run: run.to_string(), path: self.root.clone() });
        }
        trust::check_root(&self.root)?;
        trust::check_folder(&self.runs())?;
        trust::check_folder(&folder)?;
        Ok(folder)
    }

    fn check_space(&self) -> Result<(), JournalError> {
        let stat = rustix::fs::statvfs(&self.root)
            .map_err(|e| JournalError::io("measure free space in", &self.root)(e.into()))?;
        let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) >> 20;
        if free_mib < NEEDED_MIB {
            return Err(JournalError::NoSpace { path: self.root.clone(), free_mib, needed_mib: NEEDED_MIB });
        }
        Ok(())
    }
}

/// Opens the journal of a run that exists.
pub(super) fn open_journal(path: &Path, access: Access, run: &RunId) -> Result<File, JournalError> {
    trust::open_file(path, access)?
        .ok_or_else(|| JournalError::NoSuchRun { run: run.to_string(), path: path.to_owned() })
}

/// A cluster's name as the name of a file: whatever is not plain becomes `%` and two digits.
fn file_name(cluster: &str) -> String {
    let mut name = String::new();
    for b in cluster.bytes() {
        if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' {
            name.push(char::from(b));
        } else {
            write!(name, "%{b:02x}").expect("a String takes any text");
        }
    }
    name
}
