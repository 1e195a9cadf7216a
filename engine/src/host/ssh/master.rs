//! One connection: an ssh master of our own, its process group, its control folder and its last words.
//!
//! Invariant: process group and folder end with this value, and with this process however it dies. ssh's own
//! ways (ControlPersist, the crate's launcher) are not used: they outlive a SIGKILL and hide the process id.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openssh::Session;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::forward::Forwards;
use super::{SshOptions, classify, config};
use crate::host::HostError;
use crate::plan::HostSpec;
use crate::text::Untrusted;

const KEEPER: &str = include_str!("keeper.sh");

/// Longest path of the control socket: ssh adds 17 bytes to it for a moment, sun_path holds 108.
const SOCKET_PATH_MAX: usize = 90;

/// How much of what ssh prints is kept: its last words tell why it ended.
const WORDS_KEPT: usize = 64 << 10;

/// How often the control socket is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A connection that stands (or stood: a dead one is found out when it is used).
pub(super) struct Master {
    session: Arc<Session>,
    /// The ports of the node that can be reached through it.
    forwards: Forwards,
    process: Process,
    /// Not to be used for anything new.
    retired: AtomicBool,
}

/// The keeper, the master below it, and what is theirs.
struct Process {
    /// Never waited for before the group was killed: while the keeper is not reaped its id cannot be reused.
    keeper: Child,
    group: Pid,
    /// The keeper ends everything when this closes.
    _lifeline: Option<ChildStdin>,
    /// What ssh printed; closed once the last process of the group that holds it has ended.
    words: watch::Receiver<Vec<u8>>,
    folder: TempDir,
}

impl Master {
    /// Connects; waits until `until` at most.
    pub(super) async fn connect(
        spec: &HostSpec,
        options: &SshOptions,
        until: Instant,
    ) -> Result<Self, HostError> {
        let until = until.min(Instant::now() + options.connect_timeout);
        let not_reached = |why: String| HostError::NotReached { host: spec.name.clone(), why };
        let mut process = Process::start(spec, options)
            .map_err(|error| not_reached(format!("cannot start ssh on this machine: {error}")))?;
        let socket = process.socket();
        match timeout_at(until, process.listening(&socket)).await {
            Ok(true) => {
                let session = Arc::new(Session::resume_mux(socket.into_boxed_path(), None));
                let forwards = Forwards::new(process.folder.path());
                Ok(Self { session, forwards, process, retired: AtomicBool::new(false) })
            }
            Ok(false) => {
                let words = process.words.borrow().clone();
                Err(classify::failed(
                    &spec.name,
                    &classify::Login::of(spec, options.config.as_deref()),
                    &words,
                ))
            }
            Err(_elapsed) => {
                let words = Untrusted::new(process.words.borrow().clone());
                let within = humantime::format_duration(options.connect_timeout);
                let said = if words.bytes().is_empty() {
                    String::new()
                } else {
                    format!(": {}", classify::gist(&words))
                };
                Err(not_reached(format!("no connection within {within}{said}")))
            }
        }
    }

    /// The way to open channels.
    pub(super) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }

    /// Makes the next call connect afresh; what still runs on it keeps it alive.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Whether it is not to be used for anything new.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// The ports of the node that can be reached through it.
    pub(super) fn forwards(&self) -> &Forwards {
        &self.forwards
    }

    /// What ssh printed last, after giving it a moment to end; escaped.
    pub(super) async fn last_words(&self) -> String {
        let mut words = self.process.words.clone();
        let soon = Instant::now() + Duration::from_millis(200);
        while matches!(timeout_at(soon, words.changed()).await, Ok(Ok(()))) {}
        let words = Untrusted::new(words.borrow().clone());
        classify::gist(&words)
    }

    /// Ends the process group; a later use of this connection fails.
    pub(super) fn kill(&self) {
        self.process.kill();
    }
}

impl Process {
    fn start(spec: &HostSpec, options: &SshOptions) -> std::io::Result<Self> {
        let folder = control_folder(options)?;
        let file = folder.path().join("config");
        let mut open = std::fs::OpenOptions::new();
        let mut opened = open.write(true).create_new(true).mode(0o600).open(&file)?;
        std::io::Write::write_all(&mut opened, config::generate(options).as_bytes())?;
        #[expect(clippy::disallowed_methods, reason = "the host floor starts ssh")]
        let mut command = tokio::process::Command::new("/bin/sh");
        command
            .args(["-c", KEEPER, "certwright-ssh"])
            .arg(folder.path())
            .args(argv(spec, &file, &socket_in(folder.path())))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut keeper = command.spawn()?;
        let group = keeper.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = group.expect("a child that was not waited for has its id");
        let (tell, words) = watch::channel(Vec::new());
        let mut stderr = keeper.stderr.take().expect("stderr is piped");
        let lifeline = keeper.stdin.take();
        tokio::spawn(async move {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
                tell.send_modify(|words| {
                    words.extend_from_slice(&chunk[..n]);
                    let over = words.len().saturating_sub(WORDS_KEPT);
                    words.drain(..over);
                });
            }
        });
        Ok(Self { keeper, group, _lifeline: lifeline, words, folder })
    }

    fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }

    /// Waits for the control socket, which ssh makes once it is logged in; false when ssh ended instead.
    async fn listening(&mut self, socket: &Path) -> bool {
        loop {
            if socket.exists() {
                return true;
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = closed(&mut self.words) => return socket.exists(),
            }
        }
    }

    fn kill(&self) {
        // None: it was waited for, and its id may belong to somebody else.
        if self.keeper.id().is_some() {
            // An error means that nothing of the group is left.
            let _gone = kill_process_group(self.group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn closed(words: &mut watch::Receiver<Vec<u8>>) {
    while words.changed().await.is_ok() {}
}

/// The master's command line. Only what must not reach a jump host stands here; the rest is in the file.
fn argv(spec: &HostSpec, file: &Path, socket: &Path) -> Vec<std::ffi::OsString> {
    let mut argv: Vec<std::ffi::OsString> = vec!["ssh".into(), "-M".into(), "-N".into(), "-S".into()];
    argv.extend([socket.into(), "-F".into(), file.into(), "-o".into(), "ControlPersist=no".into()]);
    if let Some(user) = &spec.ssh.user {
        argv.extend(["-l".into(), user.into()]);
    }
    if let Some(port) = spec.ssh.port {
        argv.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(identity) = &spec.ssh.identity {
        // An agent full of other keys would use up the server's patience (MaxAuthTries) before this one.
        argv.extend(["-i".into(), identity.into(), "-o".into(), "IdentitiesOnly=yes".into()]);
    }
    argv.extend(["--".into(), address(spec).into()]);
    argv
}

/// What ssh is told to connect to.
pub(super) fn address(spec: &HostSpec) -> &str {
    spec.address.as_deref().unwrap_or(&spec.name)
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("m")
}

/// A random folder of ours alone, in the runtime folder or, where that cannot be used, in /tmp: where its path is
/// too long, or others may rename what stands in it and so put their socket in the place of ours.
fn control_folder(options: &SshOptions) -> std::io::Result<TempDir> {
    let make = |base: &Path| {
        let mut builder = tempfile::Builder::new();
        builder
            .prefix("cw-")
            .rand_bytes(16)
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(base)
    };
    if let Some(base) = options.runtime_dir.as_ref().filter(|base| is_ours_to_fill(base)) {
        let folder = make(base)?;
        if socket_in(folder.path()).as_os_str().len() <= SOCKET_PATH_MAX {
            return Ok(folder);
        }
    }
    make(Path::new("/tmp"))
}

/// True when nobody but us and root can rename what we make in there; /tmp is sticky for the same reason.
fn is_ours_to_fill(base: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    std::fs::metadata(base).is_ok_and(|base| {
        (base.uid() == us || base.uid() == 0) && (base.mode() & 0o022 == 0 || base.mode() & 0o1000 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_folder_of_a_connection_that_has_ended_needs_nobody_to_remove_it() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = base.path().join("cw");
        std::fs::create_dir(&folder).expect("a folder");
        #[expect(clippy::disallowed_methods, reason = "the keeper itself is tested")]
        let mut keeper = std::process::Command::new("/bin/sh")
            .args(["-c", KEEPER, "certwright-ssh"])
            .arg(&folder)
            .args(["sh", "-c", "exit 7"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let lifeline = keeper.stdin.take();
        assert_eq!(keeper.wait().expect("it ends").code(), Some(7), "the status of ssh");
        drop(lifeline);
        assert!(!folder.exists(), "certwright may be killed before it removes it");
    }

    #[test]
    fn a_long_runtime_folder_is_not_used_for_the_control_socket() {
        let base = tempfile::tempdir().expect("a folder");
        let long = base.path().join("x".repeat(80));
        std::fs::create_dir(&long).expect("a folder with a long name");
        let options = SshOptions { runtime_dir: Some(long.clone()), ..SshOptions::default() };
        let folder = control_folder(&options).expect("a folder");
        assert!(socket_in(folder.path()).as_os_str().len() <= SOCKET_PATH_MAX);
        assert!(std::fs::read_dir(&long).expect("it is there").next().is_none(), "nothing is left in it");
        let mode = std::fs::metadata(folder.path()).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
