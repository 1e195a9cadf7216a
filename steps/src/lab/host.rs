//! The in-process door: a [`Host`] whose commands cost no time of the machine.
//!
//! The effect of a command is there when the call begins; the caller then waits as long as the command takes on the
//! run's clock, so under paused time a back-off of minutes is free. Deliberately absent: threads. The lab's file lock is
//! never held across a wait.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::clock::Clock;
use certwright_engine::host::{Command, Effect, Host, HostError, Output, Settled, Stat, StatKind};
use certwright_engine::text::{Secret, Untrusted};

use super::LabError;
use super::exec::{Answer, Call, Deed, Place, exec, line};
use super::fault::FaultKind;
use super::files::{Files, absent_is_none};
use super::store::{Locked, Store};
use super::world::{Touched, World};

/// The largest file that is read, bytes.
const LIMIT: u64 = 1 << 20;

/// A host of a lab.
pub(super) struct LabHost {
    name: String,
    files: Files,
    store: Arc<Store>,
    clock: Clock,
}

/// What came of a command's start.
enum Started {
    Answered(Answer),
    /// The line was lost, after a while.
    Lost(Duration),
}

impl LabHost {
    /// The host called `name` of the lab in `files`.
    pub(super) fn new(name: &str, files: Files, store: Arc<Store>, clock: Clock) -> Self {
        Self { name: name.to_owned(), files, store, clock }
    }

    fn refused(&self, why: impl std::fmt::Display) -> HostError {
        HostError::Refused { host: self.name.clone(), why: why.to_string() }
    }

    fn broken(&self, error: &LabError) -> HostError {
        let cause = std::error::Error::source(error).map(|e| format!(": {e}")).unwrap_or_default();
        self.refused(format_args!("{error}{cause}"))
    }

    fn lost(&self) -> HostError {
        HostError::Unknown { host: self.name.clone(), why: "the connection was closed (fault)".into() }
    }

    /// Opens the lab's state, brought up to now.
    fn open(&self) -> Result<Locked<'_>, LabError> {
        let mut locked = self.store.open()?;
        World { state: &mut locked.state, files: &self.files }
            .advance(self.clock.wall_ms(), Touched::Host(&self.name))?;
        Ok(locked)
    }

    fn start(&self, command: &Command) -> Result<Started, LabError> {
        let mut locked = self.open()?;
        let changes = command.effect == Effect::Mutates;
        let program =
            command.argv.first().map_or("", |p| p.rsplit('/').next().unwrap_or_default()).to_owned();
        let text = line(&command.argv);
        let is_it = |argument: Option<&str>| changes && argument.is_none_or(|a| a == program);
        if locked.state.take_fault(FaultKind::DropBefore, &self.name, &text, is_it).is_some() {
            locked.save()?;
            return Ok(Started::Lost(Duration::from_secs(1)));
        }
        let stdin = command.stdin.as_ref().map_or(&[][..], Secret::reveal);
        let (argv, place) = (&command.argv[..], Place::Folder);
        let call = Call { host: &self.name, argv, stdin, place, lock: Some(&locked.lock) };
        let (answer, deed) = exec(&mut locked.state, &self.files, call)?;
        let dropped = locked.state.take_fault(FaultKind::DropAfter, &self.name, &text, is_it).is_some();
        let takes = Duration::from_millis(answer.takes);
        if changes && (dropped || takes > command.deadline) {
            let until = locked.state.now + answer.takes;
            locked.state.busy.insert(self.name.clone(), until);
        }
        match deed {
            Deed::Changed => locked.save()?,
            Deed::Nothing => locked.pass()?,
        }
        Ok(if dropped { Started::Lost(takes / 2) } else { Started::Answered(answer) })
    }

    fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<Result<(), HostError>, LabError> {
        let mut locked = self.open()?;
        let text = format!("write {path}");
        let is_write = |argument: Option<&str>| argument.is_none_or(|a| a == "write");
        let state = &mut locked.state;
        if state.take_fault(FaultKind::DropBefore, &self.name, &text, is_write).is_some() {
            locked.save()?;
            return Ok(Err(self.lost()));
        }
        let below = |folder: Option<&str>| folder.is_none_or(|f| path.starts_with(f));
        if state.take_fault(FaultKind::DiskFull, &self.name, &text, below).is_some() {
            locked.save()?;
            return Ok(Err(self.refused(format_args!("write {path}: No space left on device"))));
        }
        let now = state.now;
        let result = self.files.replace(&self.name, path, bytes, mode, now);
        let result = result.map_err(|e| self.refused(format_args!("write {path}: {e}")));
        let dropped = state.take_fault(FaultKind::DropAfter, &self.name, &text, is_write).is_some();
        World { state, files: &self.files }.advance(now, Touched::Host(&self.name))?;
        locked.save()?;
        Ok(if dropped { Err(self.lost()) } else { result })
    }

    /// Time passes, then files are looked at.
    fn look(&self) -> Result<(), HostError> {
        let look = || if self.store.is_at(self.clock.wall_ms())? { Ok(()) } else { self.open()?.pass() };
        look().map_err(|e| self.broken(&e))
    }

    fn path(&self, path: &str) -> Result<std::path::PathBuf, HostError> {
        self.files.path(&self.name, path).map_err(|e| self.refused(format_args!("{path}: {e}")))
    }
}

#[async_trait]
impl Host for LabHost {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let answer = match self.start(command).map_err(|e| self.broken(&e))? {
            Started::Answered(answer) => answer,
            Started::Lost(after) => {
                self.clock.sleep(after).await;
                return Err(self.lost());
            }
        };
        let takes = Duration::from_millis(answer.takes);
        if takes > command.deadline {
            self.clock.sleep(command.deadline).await;
            return Err(HostError::Deadline { host: self.name.clone(), after: command.deadline });
        }
        self.clock.sleep(takes).await;
        Ok(Output {
            status: answer.status,
            stdout: Untrusted::new(answer.stdout),
            stderr: Untrusted::new(answer.stderr),
        })
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.look()?;
        let place = self.path(path)?;
        let fail = |e: std::io::Error| self.refused(format_args!("read {path}: {e}"));
        match absent_is_none(std::fs::metadata(&place)).map_err(fail)? {
            None => Ok(None),
            Some(meta) if meta.len() > LIMIT => {
                Err(self.refused(format_args!("read {path}: larger than 1 MiB")))
            }
            Some(_) => absent_is_none(std::fs::read(&place)).map_err(fail),
        }
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        self.put(path, bytes, mode).map_err(|e| self.broken(&e))?
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.look()?;
        let meta = absent_is_none(std::fs::symlink_metadata(self.path(path)?));
        let Some(meta) = meta.map_err(|e| self.refused(format_args!("stat {path}: {e}")))? else {
            return Ok(None);
        };
        let kind = if meta.is_symlink() {
            StatKind::Symlink
        } else if meta.is_dir() {
            StatKind::Folder
        } else if meta.is_file() {
            StatKind::File
        } else {
            StatKind::Other
        };
        Ok(Some(Stat {
            kind,
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.len(),
            mtime_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
        }))
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.look()?;
        let fail = |e: std::io::Error| self.refused(format_args!("list {path}: {e}"));
        let Some(entries) = absent_is_none(std::fs::read_dir(self.path(path)?)).map_err(fail)? else {
            return Ok(None);
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(Some(names))
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        let busy = || {
            let locked = self.open()?;
            Ok(locked.state.busy.get(&self.name).map_or(0, |until| until.saturating_sub(locked.state.now)))
        };
        let left = Duration::from_millis(busy().map_err(|e: LabError| self.broken(&e))?);
        if left > within {
            self.clock.sleep(within).await;
            return Err(HostError::Deadline { host: self.name.clone(), after: within });
        }
        self.clock.sleep(left).await;
        Ok(Settled::Quiet)
    }

    async fn close(&self) {}
}
