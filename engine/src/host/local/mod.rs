//! This machine, as the operator: no sudo, the operator's own PATH.
//!
//! The same promises as a node's, by the same wrapper over plain pipes: a mutating command holds the lock, has
//! its output in files and is left to finish whatever happens to us; a reading one ends, with all it started,
//! when its deadline passes or its future is dropped.

mod files;

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::time::{Instant, timeout, timeout_at};

use super::dial::{self, Dial, Dialled};
use super::exchange::Exchange;
use super::stream::Nonce;
use super::wrapper::{Job, NODE_BASE, PROGRAM, Place};
use super::{Command, Effect, Host, HostError, Output, Stat};

/// How long the wrapper may take to end after its final marks.
const CLOSING: Duration = Duration::from_millis(500);

/// This machine.
pub struct LocalHost {
    name: String,
    base: PathBuf,
}

impl LocalHost {
    /// This machine under the name plans know it by.
    ///
    /// Lock and running output are in `/run/user/UID/certwright`, or `/var/tmp/certwright-UID` where there is
    /// no such folder; for root where nodes have them.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), base: default_base() }
    }

    /// The same with lock and running output in `base`, a folder of ours alone, made when it is missing.
    pub fn with_base(name: impl Into<String>, base: PathBuf) -> Self {
        Self { name: name.into(), base }
    }

    async fn perform(&self, job: Job<'_>) -> Result<Output, HostError> {
        if job.nul() {
            return Err(self.refused("an argument holds a NUL byte".to_owned()));
        }
        let deadline = job.deadline();
        let until = Instant::now() + deadline;
        let reads = matches!(job, Job::Run(Command { effect: Effect::Reads, .. }) | Job::Settle(_));
        if !reads {
            own_folder(&self.base).map_err(|why| self.refused(why))?;
        }
        let nonce = Nonce::random();
        let mut group = self.start(job, &nonce, reads)?;
        let pipes = (group.child.stdin.take(), group.child.stdout.take(), group.child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three are piped") };
        let mut exchange = Exchange::new(&nonce);
        let ran = exchange.run(stdin, stdout, stderr, b"", job.stdin());
        if timeout_at(until, ran).await.is_err() {
            return Err(HostError::Deadline { host: self.name.clone(), after: deadline });
        }
        // What a reading command left in the background is its own business.
        group.ends_with_us = false;
        let closed = timeout(CLOSING, group.child.wait()).await;
        exchange.result(&self.name).unwrap_or_else(|_no_marks| {
            let why = match closed {
                Ok(Ok(status)) => format!("the command's shell ended without a result: {status}"),
                Ok(Err(error)) => format!("the command's shell cannot be waited for: {error}"),
                Err(_elapsed) => "the command's shell closed its streams".to_owned(),
            };
            Err(HostError::Unknown { host: self.name.clone(), why })
        })
    }

    fn start(&self, job: Job<'_>, nonce: &Nonce, ends_with_us: bool) -> Result<Group, HostError> {
        let Some(base) = self.base.to_str() else {
            return Err(self.refused(format!("`{}` is not UTF-8", self.base.display())));
        };
        #[expect(clippy::disallowed_methods, reason = "the host floor starts commands")]
        let mut command = tokio::process::Command::new("/bin/sh");
        command
            .args(["-c", PROGRAM, "certwright"])
            .args(job.words(nonce, Place::Here, base))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let not_reached = |error| HostError::NotReached {
            host: self.name.clone(),
            why: format!("cannot start /bin/sh: {error}"),
        };
        let child = command.spawn().map_err(not_reached)?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.expect("a child that was not waited for has its id");
        Ok(Group { child, id, ends_with_us })
    }

    fn refused(&self, why: String) -> HostError {
        HostError::Refused { host: self.name.clone(), why }
    }

    /// Runs a file operation where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        verb: &'static str,
        path: &str,
        act: impl FnOnce(&Path) -> Result<T, files::FileError> + Send + 'static,
    ) -> Result<T, HostError> {
        let owned = PathBuf::from(path);
        let done = tokio::task::spawn_blocking(move || act(&owned)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                Err(self.refused(format!("cannot {verb} `{}`: {error}", crate::text::escape(path))))
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

#[async_trait]
impl Host for LocalHost {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.perform(Job::Run(command)).await
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        dial.check(&self.name)?;
        Ok(dial::over_tcp(dial).await)
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.blocking("read", path, files::read).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        let bytes = bytes.to_vec();
        self.blocking("write", path, move |path| files::write(path, &bytes, mode)).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.blocking("stat", path, files::stat).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.blocking("list", path, files::list).await
    }

    async fn settle(&self, within: Duration) -> Result<(), HostError> {
        self.perform(Job::Settle(within)).await.map(drop)
    }

    async fn close(&self) {}
}

/// The wrapper's process group.
struct Group {
    child: Child,
    id: Pid,
    /// Whether it is ended when nobody waits for it any more.
    ends_with_us: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        // None: it was waited for, and its id may belong to somebody else.
        if self.ends_with_us && self.child.id().is_some() {
            // An error means that nothing of the group is left.
            let _gone = kill_process_group(self.id, Signal::KILL);
        }
    }
}

fn default_base() -> PathBuf {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return PathBuf::from(NODE_BASE);
    }
    let runtime = PathBuf::from(format!("/run/user/{}", uid.as_raw()));
    match std::fs::symlink_metadata(&runtime) {
        Ok(found) if found.is_dir() && found.uid() == uid.as_raw() => runtime.join("certwright"),
        _ => PathBuf::from(format!("/var/tmp/certwright-{}", uid.as_raw())),
    }
}

/// Makes `base` unless it is there, and refuses one that others could have prepared.
fn own_folder(base: &Path) -> Result<(), String> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(base);
    let found = made.and_then(|()| std::fs::symlink_metadata(base));
    let found = found.map_err(|error| format!("cannot make the folder `{}`: {error}", base.display()))?;
    let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(format!("`{}` is not a folder that only this user can write to", base.display()))
}

#[cfg(test)]
mod tests;
