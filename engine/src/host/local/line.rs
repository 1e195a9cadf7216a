//! Workers of this machine: a shell in a process group of its own, over plain pipes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::time::Instant;

use crate::host::HostError;
use crate::host::worker::{Connect, Ended, Line, Nonce, OpenError, PROGRAM, Pipes};
use crate::text::Untrusted;

/// What becomes of a request that nobody waits for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenAbandoned {
    /// It ends at once, with all it started.
    End,
    /// It is left to finish.
    Leave,
}

/// Starts workers on this machine.
pub struct LocalConnect {
    host: String,
    shell: Vec<String>,
    base: PathBuf,
    when_abandoned: WhenAbandoned,
}

impl LocalConnect {
    /// Workers that `shell` runs, with lock and output in `base`; `host` is the name that errors give.
    pub fn new(host: &str, shell: &[&str], base: &Path, when_abandoned: WhenAbandoned) -> Self {
        let shell = shell.iter().map(|&word| word.to_owned()).collect();
        Self { host: host.to_owned(), shell, base: base.to_owned(), when_abandoned }
    }
}

#[async_trait]
impl Connect for LocalConnect {
    async fn open(&self, start: &Nonce, _until: Instant) -> Result<Pipes, OpenError> {
        let host = self.host.clone();
        #[expect(clippy::disallowed_methods, reason = "the host floor starts commands")]
        let mut command = tokio::process::Command::new(&self.shell[0]);
        command
            .args(&self.shell[1..])
            .args(["-c", PROGRAM, "certwright", start.as_str()])
            .arg(&self.base)
            .arg("quiet")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let why = |error| format!("cannot start {}: {error}", self.shell[0]);
        let mut child = command.spawn().map_err(|error| HostError::NotReached { host, why: why(error) })?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.expect("a child that was not waited for has its id");
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three are piped") };
        let line = Box::new(Group { child, id, when_abandoned: self.when_abandoned });
        Ok(Pipes { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), line })
    }

    fn not_ready(&self, ended: Ended, noise: &Untrusted) -> HostError {
        let ended = match ended {
            Ended::Status(status) => format!("status {status}"),
            Ended::Lost(why) => why,
        };
        let why = format!("its shell ended before it took a command ({ended}): {}", noise.escaped());
        HostError::NotReached { host: self.host.clone(), why }
    }
}

/// A worker's process group.
struct Group {
    child: Child,
    id: Pid,
    when_abandoned: WhenAbandoned,
}

#[async_trait]
impl Line for Group {
    async fn ended(&mut self) -> Ended {
        match self.child.wait().await {
            Ok(status) => match status.code() {
                Some(code) => Ended::Status(code),
                None => Ended::Lost(format!("the command's shell was ended: {status}")),
            },
            Err(error) => Ended::Lost(format!("the command's shell cannot be waited for: {error}")),
        }
    }

    fn is_usable(&self) -> bool {
        true
    }

    fn abandon(&mut self) {
        // None: it was waited for, and its id may belong to somebody else.
        if self.when_abandoned == WhenAbandoned::End && self.child.id().is_some() {
            // An error means that nothing of the group is left.
            let _gone = kill_process_group(self.id, Signal::KILL);
        }
    }
}
