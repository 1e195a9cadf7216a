//! One channel of a connection with a worker at its other end, and what is certain when none comes up.
//!
//! The remote command line is constant but for a length, so that sh, csh and fish read it the same: inside
//! single quotes it holds no quote, no backslash, no `!` and no line end. The worker's program goes to `/bin/sh`
//! on its standard input, and one that arrives cut is never started: its length is checked first.

use std::error::Error as _;
use std::sync::Arc;

use async_trait::async_trait;
use openssh::{Child, Session, Stdio};
use tokio::io::AsyncWriteExt;

use super::classify;
use super::master::Master;
use crate::host::HostError;
use crate::host::worker::{Ended, Line, NODE_BASE, Nonce, PROGRAM, Pipes};
use crate::plan::HostSpec;
use crate::text::Untrusted;

/// Printed on standard error by the login's own sh: whatever follows is sudo's.
const LOGGED_IN: &str = "certwright-logged-in";

/// The status of the second sh when its program arrived cut.
const ARRIVED_CUT: i32 = 75;

/// Runs as the login user: $1 length of the frame, $2 the program for root.
///
/// Only who owns the root folder, or may write to it, is asked for its id: a process that the others are spared.
const FIRST: &str = concat!(
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin; export PATH; ",
    "echo certwright-logged-in >&2; ",
    "if { test -O / || test -w /; } && test $(id -u) = 0; then exec /bin/sh -c \"$2\" certwright \"$1\"; fi; ",
    "exec sudo -n -H -- /bin/sh -c \"$2\" certwright \"$1\"",
);

/// Runs as root: reads the frame of $1 bytes and evaluates it.
const SECOND: &str = concat!(
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin; LC_ALL=C; ",
    "export PATH LC_ALL; unset LANGUAGE CDPATH ENV; cd /; ",
    "frame=$(head -c \"$1\"); test \"${#frame}\" = \"$1\" || exit 75; eval \"$frame\"",
);

/// The worker's program, with its words before it.
///
/// It ends in program text: `$(head -c N)` drops trailing line ends, and the check of the length would fail.
fn program(start: &Nonce) -> String {
    format!("set -- {} {NODE_BASE} log\n{}", start.as_str(), PROGRAM.trim_end())
}

/// Opens a channel and starts a worker at its other end.
pub(super) async fn open(master: &Arc<Master>, start: &Nonce) -> Result<Pipes, NoChannel> {
    let program = program(start);
    let line = format!("exec /bin/sh -c '{FIRST}' certwright {} '{SECOND}'", program.len());
    let mut command = master.session().arc_raw_command(&line);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn().await {
        Ok(child) => child,
        Err(error) if is_refusal(&error) => return Err(NoChannel::Full),
        Err(error) => return Err(NoChannel::Dead(error_chain(&error))),
    };
    let pipes = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three are piped") };
    // Where this fails the line has ended, which the ready mark that is missing will tell.
    let _told_later = stdin.write_all(program.as_bytes()).await;
    let line = Box::new(Channel { child: Some(child), master: Arc::clone(master) });
    Ok(Pipes { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), line })
}

/// Why there is no channel.
pub(super) enum NoChannel {
    /// The server refused one more (MaxSessions).
    Full,
    /// The connection does not work any more; ssh's words.
    Dead(String),
}

/// A channel.
struct Channel {
    child: Option<Child<Arc<Session>>>,
    master: Arc<Master>,
}

#[async_trait]
impl Line for Channel {
    async fn ended(&mut self) -> Ended {
        let Some(child) = self.child.take() else { return Ended::Lost("it was ended before".to_owned()) };
        let why = match child.wait().await {
            Ok(status) => match status.code() {
                Some(255) | None => "ssh reports status 255",
                Some(code) => return Ended::Status(code),
            },
            // The crate's way to say 127.
            Err(openssh::Error::Remote(_)) => return Ended::Status(127),
            Err(_) => "ssh reports no status",
        };
        Ended::Lost(format!("{why}: {}", self.master.last_words().await))
    }

    fn is_usable(&self) -> bool {
        !self.master.is_retired()
    }

    fn abandon(&mut self) {
        // The server may keep the channel's slot, and the line may be dead without ssh having noticed.
        self.master.retire();
    }
}

/// True when the master lives and its server refused one more channel.
fn is_refusal(error: &openssh::Error) -> bool {
    error_chain(error).contains("Server refused the request")
}

fn error_chain(error: &openssh::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What is certain of a channel that ended before its worker was ready.
pub(super) fn not_ready(spec: &HostSpec, ended: Ended, noise: &Untrusted) -> HostError {
    let host = spec.name.clone();
    match ended {
        Ended::Lost(why) => HostError::NotReached { host, why },
        Ended::Status(ARRIVED_CUT) => HostError::NotReached {
            host,
            why: "the worker's program arrived cut and was not started".to_owned(),
        },
        Ended::Status(status) => HostError::Auth { host, why: refusal(spec, noise, status) },
    }
}

/// Who refused before our program could say that it runs: sudo, or the login shell.
fn refusal(spec: &HostSpec, noise: &Untrusted, status: i32) -> String {
    let text = noise.lossy();
    if let Some((_, by_sudo)) = text.split_once(LOGGED_IN) {
        let words = classify::gist(&Untrusted::new(by_sudo.as_bytes().to_vec()));
        let user = spec.ssh.user.as_deref().unwrap_or("the login user");
        return format!(
            "sudo refused ({words}); certwright needs `{} ALL=(root) NOPASSWD: /bin/sh` without requiretty in \
             the sudoers of this node, or root as login",
            crate::text::escape(user)
        );
    }
    let words = classify::gist(noise);
    format!("the login shell of {} does not run /bin/sh (status {status}; {words})", classify::shown(spec))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn sh_csh_and_fish_read_the_remote_command_line_the_same() {
        for program in [FIRST, SECOND] {
            for forbidden in ['\'', '\\', '!', '\n'] {
                assert!(!program.contains(forbidden), "{forbidden:?} means something to some login shell");
            }
        }
        assert!(FIRST.contains(LOGGED_IN));
        assert!(SECOND.contains(&format!("exit {ARRIVED_CUT}")));
    }

    #[test]
    fn a_program_that_arrives_cut_starts_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = program(&Nonce::random());
        let mut cuts = 0;
        for shell in ["/bin/dash", "/bin/bash"].into_iter().filter(|shell| Path::new(shell).exists()) {
            let ends = (0..program.len()).step_by(97).chain([program.len() - 1, program.len()]);
            for end in ends {
                let input = folder.path().join("input");
                std::fs::write(&input, &program[..end]).expect("written");
                #[expect(clippy::disallowed_methods, reason = "the shell itself is asked")]
                let output = std::process::Command::new(shell)
                    .args(["-c", SECOND, "certwright", &program.len().to_string()])
                    .stdin(std::fs::File::open(&input).expect("there"))
                    .output()
                    .expect("the shell runs");
                let whole = end == program.len();
                let ready = String::from_utf8_lossy(&output.stdout).contains(" ready ");
                assert_eq!(ready, whole, "{shell}: cut at {end} of {}", program.len());
                assert_eq!(output.status.code() == Some(ARRIVED_CUT), !whole, "{shell} {end}");
                cuts += 1;
            }
        }
        assert!(cuts > 60, "only {cuts} cuts");
    }
}
