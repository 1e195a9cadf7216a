//! One job through one channel of a connection, and what is certain when it has no result.
//!
//! The remote command line is constant but for a length, so that sh, csh and fish read it the same: inside
//! single quotes it holds no quote, no backslash, no `!` and no line end. Everything else goes to `/bin/sh`
//! on its standard input, and a text that arrives cut is never started: its length is checked first. So a
//! line that is lost before the whole frame was handed over has certainly started nothing.

use std::error::Error as _;
use std::time::Duration;

use openssh::Stdio;
use tokio::time::{Instant, sleep, timeout};

use super::classify;
use super::master::Master;
use crate::host::HostError;
use crate::host::exchange::Exchange;
use crate::plan::HostSpec;
use crate::text::Untrusted;

/// Printed on standard error by the login's own sh: whatever follows is sudo's.
const LOGGED_IN: &str = "certwright-logged-in";

/// The status of the second sh when its program arrived cut.
const ARRIVED_CUT: i32 = 75;

/// Runs as the login user: $1 length of the frame, $2 the program for root.
const FIRST: &str = concat!(
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin; export PATH; ",
    "echo certwright-logged-in >&2; ",
    "if test $(id -u) = 0; then exec /bin/sh -c \"$2\" certwright \"$1\"; fi; ",
    "exec sudo -n -H -- /bin/sh -c \"$2\" certwright \"$1\"",
);

/// Runs as root: reads the frame of $1 bytes and evaluates it.
const SECOND: &str = concat!(
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin; LC_ALL=C; ",
    "export PATH LC_ALL; unset LANGUAGE CDPATH ENV; cd /; ",
    "frame=$(head -c \"$1\"); test \"${#frame}\" = \"$1\" || exit 75; eval \"$frame\"",
);

/// How long a channel that gave its result may take to close.
const CLOSING: Duration = Duration::from_millis(500);

/// How a channel ended, for those without a result.
#[derive(Debug)]
pub(super) enum Ended {
    /// No channel was opened, so nothing was sent; ssh's words.
    NoChannel(String),
    /// The remote side ended with this status: all it sent has arrived.
    Status(i32),
    /// The line was lost, or a signal ended the remote side: the same to ssh.
    Line(&'static str),
}

/// Opens a channel and drives the job.
pub(super) async fn run(
    master: &Master,
    exchange: &mut Exchange,
    frame: &[u8],
    input: Option<&[u8]>,
    until: Instant,
) -> Ended {
    let line = format!("exec /bin/sh -c '{FIRST}' certwright {} '{SECOND}'", frame.len());
    let mut pause = Duration::from_millis(10);
    let mut child = loop {
        let mut command = master.session().raw_command(&line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.spawn().await {
            Ok(child) => break child,
            // MaxSessions: another channel of ours, or one that is just closing, must end first.
            Err(error) if is_refusal(&error) && Instant::now() + pause < until => {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            Err(error) => return Ended::NoChannel(error_chain(&error)),
        }
    };
    let pipes = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three are piped") };
    exchange.run(stdin, stdout, stderr, frame, input).await;
    match timeout(CLOSING, child.wait()).await {
        Ok(Ok(status)) => match status.code() {
            Some(255) | None => Ended::Line("ssh reports status 255"),
            Some(code) => Ended::Status(code),
        },
        // The crate's way to say 127.
        Ok(Err(openssh::Error::Remote(_))) => Ended::Status(127),
        Ok(Err(_)) => Ended::Line("ssh reports no status"),
        Err(_elapsed) => Ended::Line("its streams closed early"),
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

/// A job without a result.
pub(super) struct Lost {
    /// How its channel ended.
    pub(super) ended: Ended,
    /// What was seen.
    pub(super) exchange: Box<Exchange>,
}

impl Lost {
    /// True when the frame never went out as a whole: trying again on a fresh connection is safe.
    pub(super) fn nothing_was_sent(&self) -> bool {
        match self.ended {
            Ended::NoChannel(_) => true,
            Ended::Line(_) => !self.exchange.was_sent(),
            Ended::Status(_) => false,
        }
    }

    /// What is certain.
    pub(super) async fn error(self, spec: &HostSpec, master: &Master) -> HostError {
        let host = spec.name.clone();
        let words = Untrusted::new(self.exchange.stderr.noise());
        let ready = self.exchange.stdout.is_ready();
        match self.ended {
            Ended::NoChannel(why) => {
                HostError::NotReached { host, why: format!("{why}: {}", master.last_words().await) }
            }
            Ended::Line(why) if !self.exchange.was_sent() => {
                HostError::NotReached { host, why: why.to_owned() }
            }
            Ended::Line(why) => {
                HostError::Unknown { host, why: format!("{why}: {}", master.last_words().await) }
            }
            Ended::Status(status) if ready => HostError::Unknown {
                host,
                why: format!(
                    "the command's shell on the node ended with status {status} and without a result"
                ),
            },
            Ended::Status(ARRIVED_CUT) => {
                HostError::NotReached { host, why: "the command arrived cut and was not started".to_owned() }
            }
            Ended::Status(status) => HostError::Auth { host, why: refusal(spec, &words, status) },
        }
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
    format!(
        "the login shell of {} does not run /bin/sh (status {status}; {words})",
        classify::Login::of(spec).shown
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::host::Command;
    use crate::host::stream::Nonce;
    use crate::host::wrapper::Job;

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
    fn a_frame_that_arrives_cut_starts_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder.path().join("mark");
        let command = Command::reads(["touch", mark.to_str().expect("UTF-8")]);
        let frame = Job::Run(&command).frame(&Nonce::random());
        let mut cuts = 0;
        for shell in ["/bin/sh", "/bin/bash"].into_iter().filter(|shell| Path::new(shell).exists()) {
            let ends = (0..frame.len()).step_by(61).chain([frame.len() - 1, frame.len()]);
            for end in ends {
                let input = folder.path().join("input");
                std::fs::write(&input, &frame[..end]).expect("written");
                #[expect(clippy::disallowed_methods, reason = "the shell itself is asked")]
                let output = std::process::Command::new(shell)
                    .args(["-c", SECOND, "certwright", &frame.len().to_string()])
                    .stdin(std::fs::File::open(&input).expect("there"))
                    .output()
                    .expect("the shell runs");
                let whole = end == frame.len();
                assert_eq!(output.status.code(), Some(if whole { 0 } else { ARRIVED_CUT }), "{shell} {end}");
                assert_eq!(mark.exists(), whole, "{shell}: cut at {end} of {}", frame.len());
                cuts += 1;
            }
            std::fs::remove_file(&mark).expect("the whole frame made it");
        }
        assert!(cuts > 60, "only {cuts} cuts");
    }
}
