//! A run in short: from the first record and the last one, without reading what is between.
//!
//! For lists only: the chain of checksums is not followed here, so nothing is decided by it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{Entry, JournalError, Scan, line, zeros};
use crate::machine::{Event, Header, Outcome, Record};

/// How far a run got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// A process owns it now.
    Running,
    /// Its last record says how it ended.
    Finished(Outcome),
    /// Its process is gone without a last word: resume it.
    CutOff,
}

impl RunState {
    /// Whether nothing is left to be done with it: it is neither running, nor could it be resumed, or its undo tried again.
    pub fn is_over(self) -> bool {
        match self {
            Self::Running
            | Self::CutOff
            | Self::Finished(Outcome::Failed | Outcome::Interrupted | Outcome::Stuck) => false,
            Self::Finished(Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Abandoned) => {
                true
            }
        }
    }
}

/// A run in short.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Record 1: plan, cluster, operator.
    pub header: Header,
    /// Wall clock of its start, ms since 1970.
    pub started_ms: u64,
    /// Wall clock of its last record, ms since 1970.
    pub last_ms: u64,
    /// Number of its records.
    pub records: u64,
    /// How far it got.
    pub state: RunState,
}

/// Bytes read first from the end.
const BLOCK: usize = 64 << 10;

/// Reads the two records; `held` says whether the run's lock is taken.
pub(super) fn summary(path: &Path, file: &File, held: bool) -> Result<RunSummary, JournalError> {
    let first = Scan::new(path, file).next().expect("a scan that did not start has an item")?;
    let (header, started_ms) = match first {
        Entry::Record(Record { body: Event::RunStarted { header }, wall_ms, .. }) => (*header, wall_ms),
        Entry::Record(_) | Entry::Unknown(_) => unreachable!("a scan begins with the start of a run"),
    };
    let last = last_line(path, file)?;
    let (records, last_ms, outcome) = match last {
        Some(last) => (last.seq, last.wall_ms, last.outcome),
        None => (1, started_ms, None),
    };
    let state = match (held, outcome) {
        (true, _) => RunState::Running,
        (false, Some(outcome)) => RunState::Finished(outcome),
        (false, None) => RunState::CutOff,
    };
    Ok(RunSummary { header, started_ms, last_ms, records, state })
}

struct Last {
    seq: u64,
    wall_ms: u64,
    outcome: Option<Outcome>,
}

/// The last line that is whole and the last of its batch.
fn last_line(path: &Path, file: &File) -> Result<Option<Last>, JournalError> {
    let length = file.metadata().map_err(JournalError::io("stat", path))?.len();
    let mut text = Vec::new();
    let (mut from, mut block_size) = (length, BLOCK);
    while from > 0 {
        // Growing, so that one line of many megabytes is not looked at once a block.
        let size = block_size.min(usize::try_from(from).unwrap_or(usize::MAX));
        block_size *= 2;
        from -= size as u64;
        let mut block = vec![0; size];
        file.read_exact_at(&mut block, from).map_err(JournalError::io("read", path))?;
        if text.is_empty() {
            block.truncate(zeros::trim_end(&block).len());
        }
        block.extend_from_slice(&text);
        text = block;
        if let Some(last) = text.split(|b| *b == b'\n').rev().find_map(parse) {
            return Ok(Some(last));
        }
    }
    Ok(None)
}

fn parse(line: &[u8]) -> Option<Last> {
    let head = line::head(line).ok()?;
    let json = line.get(head.size..).filter(|json| json.len() == head.length)?;
    let place: line::Place = serde_json::from_slice(json).ok()?;
    let outcome = match line::decode(json) {
        Some((Record { body: Event::RunFinished { outcome }, .. }, _)) => Some(outcome),
        Some(_) | None => None,
    };
    (place.left == 0).then_some(Last { seq: place.seq, wall_ms: place.wall_ms, outcome })
}
