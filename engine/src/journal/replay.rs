//! The journal of a run being taken up again.

use std::fs::File;
use std::path::PathBuf;

use super::cut::{self, Cut};
use super::{Entry, Journal, JournalError, RunId, RunLock, Scan};
use crate::machine::Record;

/// The records of a run that this process owns from here on; at their end it becomes the [`Journal`].
pub struct Replay {
    pub(super) scan: Scan<File>,
    pub(super) lock: RunLock,
    pub(super) folder: PathBuf,
    pub(super) run: RunId,
}

impl Replay {
    /// Reads what was not read yet, cuts an unacknowledged tail, and opens the journal for appending.
    pub fn into_journal(mut self, wall_ms: u64) -> Result<(Journal, Option<Cut>), JournalError> {
        for record in &mut self {
            drop(record?);
        }
        let path = self.scan.path().to_owned();
        let (end, tail) = (self.scan.position(), self.scan.tail().cloned());
        let file = self.scan.into_source();
        let cut = match tail {
            Some(tail) => Some(cut::cut(&self.folder, &path, &file, end, &tail, wall_ms)?),
            None => None,
        };
        let length = file.metadata().map_err(JournalError::io("stat", &path))?.len();
        let journal = Journal::resume(Box::new(file), &path, self.run.as_str(), end, length);
        Ok((journal.with_lock(self.lock), cut))
    }
}

impl Iterator for Replay {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.scan.next()? {
            Ok(Entry::Record(record)) => Ok(record),
            Ok(Entry::Unknown(unknown)) => Err(JournalError::UnknownEvent {
                path: self.scan.path().to_owned(),
                line: unknown.line,
                event: unknown.event,
                run: self.run.to_string(),
            }),
            Err(error) => Err(error),
        })
    }
}
