//! Why a backup was not made or not restored.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Evidence, StepError};

/// Why a backup was not made, listed, restored or removed. Nothing was changed but for [`Self::Interrupted`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// There is not enough room.
    #[error("backup `{archive}` needs {need_kib} KiB, {have_kib} KiB are free")]
    NoSpace {
        /// The archive.
        archive: String,
        /// What it takes, read back included, KiB.
        need_kib: u64,
        /// What there is, KiB.
        have_kib: u64,
    },
    /// The folder of backups is a symlink, not root's, or open to others.
    #[error("folder `{folder}` is not a folder that only its owner can enter")]
    UnsafeFolder {
        /// The folder.
        folder: String,
    },
    /// The archive would lie inside what it archives.
    #[error("backup `{archive}` would lie inside `{path}`, which it archives")]
    Inside {
        /// The archive.
        archive: String,
        /// The path.
        path: String,
    },
    /// A folder to archive is a symlink: its files would not be in the archive.
    #[error("folder `{0}` is a symlink: name the folder it leads to")]
    LinkedFolder(String),
    /// There is a complete archive of this name.
    #[error("backup `{0}` exists")]
    Exists(String),
    /// Nothing of what should be archived exists.
    #[error("nothing of what `{0}` should hold exists")]
    NothingThere(String),
    /// Files changed while they were archived: what was read back differs.
    #[error("backup `{0}` read back is not what is on the disk")]
    Differs(String),
    /// The archive is missing, incomplete or damaged.
    #[error("backup `{0}` is missing or damaged")]
    Damaged(String),
    /// The archive does not hold the file.
    #[error("backup `{archive}` does not hold `{path}`")]
    NotHeld {
        /// The archive.
        archive: String,
        /// The file.
        path: String,
    },
    /// A file to restore is reached through a symlink, or is not a file.
    #[error("`{0}` is a symlink, lies behind one, or is not a file: not restored")]
    UnsafeTarget(String),
    /// Some files were put back, then something failed; again is safe.
    #[error("restore from `{archive}` ended half-way: {evidence_line}")]
    Interrupted {
        /// The archive.
        archive: String,
        /// Last line of the script's stderr.
        evidence_line: String,
        /// The command and its last lines.
        evidence: Evidence,
    },
    /// A program of the script failed.
    #[error("{what}: {evidence_line}")]
    Failed {
        /// What was being done, and to which archive.
        what: String,
        /// Last line of the script's stderr.
        evidence_line: String,
        /// The command and its last lines.
        evidence: Evidence,
    },
    /// The host gave no result.
    #[error(transparent)]
    Host(StepError),
}

impl ArchiveError {
    /// The class retry policies see.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Host(error) => error.class,
            Self::Differs(_) => ErrorClass::Unavailable,
            Self::NoSpace { .. } | Self::Exists(_) | Self::Interrupted { .. } | Self::Failed { .. } => {
                ErrorClass::Refused
            }
            Self::UnsafeFolder { .. }
            | Self::Inside { .. }
            | Self::LinkedFolder(_)
            | Self::NothingThere(_)
            | Self::Damaged(_)
            | Self::NotHeld { .. }
            | Self::UnsafeTarget(_) => ErrorClass::Invalid,
        }
    }
}

impl From<ArchiveError> for StepError {
    fn from(error: ArchiveError) -> Self {
        let step = Self::new(error.class(), error.to_string());
        match error {
            ArchiveError::Host(error) => error,
            ArchiveError::Failed { evidence, .. } | ArchiveError::Interrupted { evidence, .. } => {
                step.evidence(evidence)
            }
            ArchiveError::NoSpace { .. } => {
                step.remedy("free space on that file system, or choose another `to`")
            }
            ArchiveError::UnsafeFolder { .. }
            | ArchiveError::Inside { .. }
            | ArchiveError::LinkedFolder(_)
            | ArchiveError::Exists(_)
            | ArchiveError::NothingThere(_)
            | ArchiveError::Differs(_)
            | ArchiveError::Damaged(_)
            | ArchiveError::NotHeld { .. }
            | ArchiveError::UnsafeTarget(_) => step,
        }
    }
}
