//! What can be wrong with run state, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why run state could not be read or written; every message names the file, and the remedy where there is one.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system said no, before anything of the run depended on it.
    #[error("{action} `{}`", .path.display())]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A write or a sync of the journal failed: final, whatever a second try would say.
    #[error(
        "write journal `{}`: state unknown after record {after}; run `certwright resume {run}`",
        .path.display()
    )]
    Poisoned {
        /// The journal.
        path: PathBuf,
        /// The run.
        run: String,
        /// Sequence number of the last record that is certainly durable.
        after: u64,
        /// What the system said the first time.
        source: Arc<io::Error>,
    },
    /// Too little space to start with.
    #[error(
        "only {free_mib} MiB are free in `{}`, a run needs {needed_mib} MiB: free some space and try again",
        .path.display()
    )]
    NoSpace {
        /// The state folder.
        path: PathBuf,
        /// What is free, MiB.
        free_mib: u64,
        /// What is needed, MiB.
        needed_mib: u64,
    },
    /// A file or folder that others may have written: it holds commands that will run as root.
    #[error("`{}` {why}: not used, for it says what runs as root; {remedy}", .path.display())]
    Untrusted {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// How to mend it.
        remedy: String,
    },
    /// Another process owns the run.
    #[error(
        "run `{run}` is owned by another process (lock `{}`): wait for its end, or stop it with Ctrl-C there",
        .path.display()
    )]
    RunBusy {
        /// The run.
        run: String,
        /// Its lock file.
        path: PathBuf,
    },
    /// Another run works on the cluster.
    #[error(
        "cluster `{cluster}` is in use by run `{run}` (lock `{}`): wait for its end, or stop it with Ctrl-C there",
        .path.display()
    )]
    ClusterBusy {
        /// The cluster.
        cluster: String,
        /// The run that works on it.
        run: String,
        /// The lock file.
        path: PathBuf,
    },
    /// There is no such run.
    #[error("no run `{run}` in `{}`; `certwright runs` lists them", .path.display())]
    NoSuchRun {
        /// The id asked for.
        run: String,
        /// The state folder.
        path: PathBuf,
    },
    /// The id is taken.
    #[error("run `{run}` exists already: `{}`; start again, the next id differs", .path.display())]
    RunExists {
        /// The id.
        run: String,
        /// Its folder.
        path: PathBuf,
    },
    /// A run that is to be removed can still be gone on with.
    #[error(
        "run `{run}` has not come to an end, so it is not removed: `certwright show {run}` tells how it stands"
    )]
    NotOver {
        /// The run.
        run: String,
    },
    /// Not a run id.
    #[error("`{text}` is not a run id: only a-z, 0-9 and `-`, at most 64; `certwright runs` lists them")]
    BadRunId {
        /// What was given, escaped.
        text: String,
    },
    /// Damage that a later batch follows, or in the first record: not the trace of an interrupted write.
    #[error(
        "journal `{}` line {line} {why}: the records after it cannot be trusted; keep the file, and start a \
         new run, which looks first and repeats nothing that is done",
        .path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, counting from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The journal is of another major version.
    #[error(
        "journal `{}` line 1 is in format {format} by certwright {tool}, this one reads format {}: use that \
         certwright or a later one",
        .path.display(), super::FORMAT
    )]
    UnknownFormat {
        /// The journal.
        path: PathBuf,
        /// Its major version.
        format: u64,
        /// The certwright that wrote it, escaped.
        tool: String,
    },
    /// An intact record whose meaning this version does not know.
    #[error(
        "journal `{}` line {line} holds the event `{event}`, which this certwright does not know: resume with \
         the one that wrote it, or a later one; `certwright show {run}` shows what is known",
        .path.display()
    )]
    UnknownEvent {
        /// The journal.
        path: PathBuf,
        /// The line, counting from 1.
        line: u64,
        /// The event's name, escaped.
        event: String,
        /// The run.
        run: String,
    },
}

impl JournalError {
    /// An [`JournalError::Io`] maker for `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
