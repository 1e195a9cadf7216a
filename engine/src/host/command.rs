//! A command for a host, what comes back, and what is known when nothing does.

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
}

impl Command {
    /// A command that only reads, with a deadline of 30 s.
    pub fn reads<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: None,
            effect: Effect::Reads,
            deadline: Duration::from_secs(30),
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

    /// The command line for people: arguments with anything but plain characters in single quotes.
    pub fn display(&self) -> String {
        let plain = |a: &String| {
            !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&b))
        };
        let shown: Vec<String> = self
            .argv
            .iter()
            .map(|a| {
                if plain(a) {
                    a.clone()
                } else {
                    format!("'{}'", crate::text::escape(a).replace('\'', r"'\''"))
                }
            })
            .collect();
        shown.join(" ")
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

/// What is known when a host call has no result.
#[derive(Debug, thiserror::Error)]
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
            Self::Refused { .. } => ErrorClass::Refused,
        }
    }
}
