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
            // Another look tells whether that is the one that is wanted.
            Self::Exists(_) | Self::Differs(_) => ErrorClass::Unavailable,
            Self::NoSpace { .. } | Self::Interrupted { .. } | Self::Failed { .. } => ErrorClass::Refused,
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

/// How programs say that a disk is full.
pub(super) const DISK_FULL: &str = "No space left on device";

/// What helps a script that failed half-way; its words and its end tell.
fn remedy(evidence: &Evidence) -> Option<&'static str> {
    let says = |words: &str| evidence.last_lines.iter().any(|line| line.contains(words));
    if says(DISK_FULL) {
        return Some("free space on that host's file systems (`df -h /etc/kubernetes /var/lib/certwright`)");
    }
    let by_signal = evidence.status.is_some_and(|status| (129..=192).contains(&status));
    (by_signal || says("ended by a signal")).then_some(
        "something on that host ended it by a signal (a shutdown, or the kernel where memory ran out: see `dmesg`); \
         what it began was removed, so resume",
    )
}

impl From<ArchiveError> for StepError {
    fn from(error: ArchiveError) -> Self {
        let step = Self::new(error.class(), error.to_string());
        match error {
            ArchiveError::Host(error) => error,
            ArchiveError::Failed { evidence, .. } | ArchiveError::Interrupted { evidence, .. } => {
                match remedy(&evidence) {
                    Some(remedy) => step.remedy(remedy).evidence(evidence),
                    None => step.evidence(evidence),
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: i32, lines: &[&str]) -> StepError {
        let evidence = Evidence {
            command: "<backup script of certwright> /b/RUN.tar".to_owned(),
            status: Some(status),
            last_lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        let (what, evidence_line) = ("backup `/b/RUN.tar`".to_owned(), lines.join("; "));
        ArchiveError::Failed { what, evidence_line, evidence }.into()
    }

    #[test]
    fn a_full_disk_and_a_signal_have_their_remedy() {
        for (status, lines, words) in [
            (74, &["tar: a: Cannot write: No space left on device", "tar failed"][..], "free space"),
            (137, &[], "by a signal"),
            (74, &["ended by a signal"], "by a signal"),
        ] {
            let remedy = told(status, lines).remedy.expect("a remedy");
            assert!(remedy.contains(words), "{status} {lines:?}: {remedy}");
        }
        assert_eq!(told(74, &["tar: not found"]).remedy, None);
    }
}
