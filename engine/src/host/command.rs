//! A command for a host, what comes back, and what is known when nothing does.

use std::borrow::Cow;
use std::time::Duration;

use crate::plan::ErrorClass;
use crate::text::{Secret, Untrusted};

/// Whether a command may change the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reads only: no lock, output is streamed, ended when its deadline passes.
    Reads,
    /// May change something: runs under the lock, output in files first, left to finish on the host.
    Mutates,
}

/// How many words stand before the arguments of a script of ours: `/bin/sh -c SCRIPT certwright`.
const SCRIPT_ARGS: usize = 4;

/// One program with its arguments, as the host will execute it (through sudo where the login is not root).
#[derive(Debug, Clone)]
pub struct Command {
    /// Program (found on the host's fixed PATH, or an absolute path) and arguments.
    pub argv: Vec<String>,
    /// Its standard input; empty when None.
    pub stdin: Option<Secret>,
    /// Whether it may change the host.
    pub effect: Effect,
    /// Our own wall clock for it, from the call to the result.
    pub deadline: Duration,
    /// Where it runs a constant script of ours (`/bin/sh -c SCRIPT certwright ARGS...`): its name for people.
    /// Only code can give it, so no plan can hide what it runs.
    pub script: Option<&'static str>,
}

impl Command {
    /// A command that only reads, with a deadline of 30 s.
    pub fn reads<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: None,
            effect: Effect::Reads,
            deadline: Duration::from_secs(30),
            script: None,
        }
    }

    /// A command that may change the host, with a deadline of 2 min.
    pub fn mutates<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { effect: Effect::Mutates, deadline: Duration::from_secs(120), ..Self::reads(argv) }
    }

    /// The same with another deadline.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The same with standard input.
    #[must_use]
    pub fn stdin(self, bytes: Secret) -> Self {
        Self { stdin: Some(bytes), ..self }
    }

    /// The same, shown to people as the script of ours called `name` and what it works on.
    #[must_use]
    pub fn script(self, name: &'static str) -> Self {
        Self { script: Some(name), ..self }
    }

    /// The command line for people: arguments with anything but plain characters in single quotes; a script of ours
    /// as `<NAME script of certwright> ARGS...`.
    pub fn display(&self) -> String {
        let plain = |a: &String| {
            !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&b))
        };
        let quoted = |a: &String| {
            if plain(a) { a.clone() } else { format!("'{}'", crate::text::escape(a).replace('\'', r"'\''")) }
        };
        let (name, words) = match self.script {
            Some(name) => {
                let words = self.argv.get(SCRIPT_ARGS..).unwrap_or_default();
                // Its root, where it has one, is `/`.
                let words = words.strip_prefix(&[String::new()]).unwrap_or(words);
                (Some(format!("<{name} script of certwright>")), words)
            }
            None => (None, &self.argv[..]),
        };
        name.into_iter().chain(words.iter().map(quoted)).collect::<Vec<_>>().join(" ")
    }
}

/// What a command that ran to its end left.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Exit status; 128 + n when signal n ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: Untrusted,
    /// Standard error.
    pub stderr: Untrusted,
}

impl Output {
    /// True for exit status 0. It is not evidence of an effect.
    pub fn success(&self) -> bool {
        self.status == 0
    }
}

/// Facts about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: StatKind,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size, bytes.
    pub size: u64,
    /// Last modification, ns since 1970.
    pub mtime_ns: i128,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// Anything else.
    Other,
}

/// What a takeover of a host found beside that nothing runs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing more.
    Quiet,
    /// The host was rebooted since this run claimed it: what was under way then ended with it, wherever it stood.
    Rebooted,
}

/// What is known when a host call has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HostError {
    /// Certainly nothing was started on the host.
    #[error("{host} could not be reached: {why}")]
    NotReached {
        /// The host.
        host: String,
        /// ssh's own words, escaped.
        why: String,
    },
    /// The host key is unknown or has changed.
    #[error("{host}: {why}")]
    Identity {
        /// The host.
        host: String,
        /// What is wrong with its key and where the known one stands.
        why: String,
    },
    /// The login, or sudo, was refused.
    #[error("{host}: {why}")]
    Auth {
        /// The host.
        host: String,
        /// Who refused what.
        why: String,
    },
    /// The deadline of the command passed; it may still be running.
    #[error("{host}: no result within {}", humantime::format_duration(*.after))]
    Deadline {
        /// The host.
        host: String,
        /// The deadline.
        after: Duration,
    },
    /// The line was lost: it is not known whether the command ran.
    #[error("{host}: connection lost before the result: {why}")]
    Unknown {
        /// The host.
        host: String,
        /// What was seen.
        why: String,
    },
    /// Another mutating command holds the host's lock; nothing was started.
    #[error("{host} is busy: still running: {what}")]
    Busy {
        /// The host.
        host: String,
        /// What runs and since when, escaped.
        what: String,
    },
    /// Another run has claimed the host; nothing was started.
    #[error("{host} belongs to {by}")]
    Owned {
        /// The host.
        host: String,
        /// That run and its operator, escaped.
        by: String,
        /// That run's name, escaped.
        run: String,
    },
    /// The host answered that a file operation cannot be done, or the command not be started.
    #[error("{host}: {why}")]
    Refused {
        /// The host.
        host: String,
        /// The operation, its path and the reason.
        why: String,
    },
}

impl HostError {
    /// The class retry policies see.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NotReached { .. } | Self::Busy { .. } => ErrorClass::Unavailable,
            Self::Identity { .. } | Self::Auth { .. } => ErrorClass::Denied,
            Self::Deadline { .. } => ErrorClass::DeadlineExceeded,
            Self::Unknown { .. } => ErrorClass::Unknown,
            Self::Owned { .. } | Self::Refused { .. } => ErrorClass::Refused,
        }
    }

    /// What the operator can do about it; None where nothing is better than the error's own words.
    pub fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Deadline { .. } => Some(Cow::Borrowed(
                "see whether the host is overloaded or its disk hangs (uptime, df, dmesg); the command may still be \
                 running there, and the next attempt looks before it acts",
            )),
            Self::Refused { why, .. } if why.contains("No space left on device") => {
                Some(Cow::Borrowed("free space on that host's file system (see `df -h`)"))
            }
            Self::Refused { why, .. } if why.contains("Input/output error") => Some(Cow::Borrowed(
                "see what its disk or network folder says (`dmesg`, `mount`), and whether other files there can be read",
            )),
            Self::Refused { why, .. } if is_of_worker_files(why) => Some(Cow::Borrowed(
                "see whether its file system is full or read-only (`df -h`, `df -i`, `mount`)",
            )),
            Self::Owned { run, .. } => Some(Cow::Owned(format!(
                "on that operator's workstation, `certwright resume {run}` goes on with that run, and `certwright \
                 abandon {run}` gives it up and frees its hosts; where that workstation is gone, `certwright abandon \
                 --inventory FILE {run}` frees them from here"
            ))),
            Self::NotReached { .. }
            | Self::Identity { .. }
            | Self::Auth { .. }
            | Self::Unknown { .. }
            | Self::Busy { .. }
            | Self::Refused { .. } => None,
        }
    }
}

/// Whether the worker says that it cannot keep its own files, which are named without quotes.
fn is_of_worker_files(why: &str) -> bool {
    why.starts_with("cannot ") && !why.starts_with("cannot lock ") && !why.contains('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_full_or_bad_comes_with_a_remedy_wherever_it_is() {
        let refused = |why: &str| HostError::Refused { host: "cp-1".to_owned(), why: why.to_owned() };
        for (why, remedy) in [
            ("cannot write `/a`: No space left on device (os error 28)", "free space"),
            ("cannot read `/a`: Input/output error (os error 5)", "dmesg"),
            ("cannot write `/a`: dd: fsync failed for '/a': Input/output error", "dmesg"),
        ] {
            assert!(refused(why).remedy().is_some_and(|told| told.contains(remedy)), "{why}");
        }
        assert_eq!(refused("cannot read `/a`: is a folder").remedy(), None);
    }

    #[test]
    fn a_script_of_ours_is_named_and_any_other_command_is_shown_whole() {
        let argv = ["/bin/sh", "-c", "umask 077\ntar -c x\n", "certwright", "", "/b/RUN.tar", "/etc/a b"];
        let ours = Command::mutates(argv).script("backup");
        assert_eq!(ours.display(), "<backup script of certwright> /b/RUN.tar '/etc/a b'");
        let text = r"/bin/sh -c 'umask 077\ntar -c x\n' certwright '' /b/RUN.tar '/etc/a b'";
        let shown = Command::mutates(argv).display().replace('\n', r"\n");
        assert_eq!(shown, text, "a plan's own script hides nothing");
    }
}
