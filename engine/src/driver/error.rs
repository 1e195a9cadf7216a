//! Why a run could not be driven to its end.

use std::path::PathBuf;

use crate::journal::JournalError;

/// Why a run stopped without an outcome; what a step failed of is in the journal instead.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The journal cannot be written any more: what was in flight is dropped, and found out about by a resume.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk filled up; what was in flight ended and is recorded.
    #[error(
        "no space left for journal `{}`: what was in flight ended and is recorded, nothing more was started; free \
         some space and run `certwright resume {run}`",
        .path.display()
    )]
    DiskFull {
        /// The run.
        run: String,
        /// Its journal.
        path: PathBuf,
    },
    /// The plan of a journal names a kind that this certwright does not have.
    #[error(
        "step `{step}` is of kind `{kind}`, which this certwright does not have: use the one that began the run"
    )]
    UnknownKind {
        /// `stage/step`.
        step: String,
        /// The kind.
        kind: String,
    },
    /// A step could not be made: the parameters in the journal are not those of its kind here.
    #[error("step `{step}` cannot be made by this certwright ({why}): use the one that began the run")]
    Unbuildable {
        /// `stage/step`.
        step: String,
        /// What its kind said.
        why: String,
    },
    /// The plan of a journal names a host that was not given.
    #[error("task `{task}` runs on a host that is not there")]
    UnknownHost {
        /// `stage/step@host`.
        task: String,
    },
}
