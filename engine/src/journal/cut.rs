//! Takes an unacknowledged tail off a journal, keeping it aside and keeping a record of that.
//!
//! The journal itself cannot say it: a record about a cut would be an event that nothing decided. So cuts are
//! lines of JSON in `journal.cuts` beside it, written before the cut is made.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::trust::{self, Access};
use super::{JournalError, Position, Tail, zeros};

/// A tail that was cut off a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The last record that was kept.
    pub after_seq: u64,
    /// The first line that was cut, counting from 1.
    pub line: u64,
    /// What was wrong.
    pub why: String,
    /// Bytes that were cut, the space behind them not counted.
    pub bytes: u64,
    /// Name of the file in the run's folder that holds them.
    pub kept_as: String,
    /// Wall clock of the cut, ms since 1970.
    pub wall_ms: u64,
}

const CUTS: &str = "journal.cuts";

/// Cuts `file` at `end`: copy aside, sync, record, sync, then cut.
///
/// A crash in between leaves a copy too many, never one too few.
pub(super) fn cut(
    folder: &Path,
    path: &Path,
    file: &File,
    end: Position,
    tail: &Tail,
    wall_ms: u64,
) -> Result<Cut, JournalError> {
    let mut bytes = Vec::new();
    let mut reader = file;
    let read = reader.seek(SeekFrom::Start(end.offset)).and_then(|_| reader.read_to_end(&mut bytes));
    read.map_err(JournalError::io("read", path))?;
    bytes.truncate(zeros::trim_end(&bytes).len());

    let kept_as = keep(folder, &bytes)?;
    let cut = Cut {
        after_seq: end.seq,
        line: tail.line,
        why: tail.why.clone(),
        bytes: bytes.len() as u64,
        kept_as,
        wall_ms,
    };
    record(folder, &cut)?;
    trust::sync_folder(folder)?;
    file.set_len(end.offset).and_then(|()| file.sync_all()).map_err(JournalError::io("cut", path))?;
    Ok(cut)
}

/// Writes the tail into the first free `journal.tail-<n>` and returns that name.
fn keep(folder: &Path, bytes: &[u8]) -> Result<String, JournalError> {
    let mut names = (1..=u32::MAX).map(|n| format!("journal.tail-{n}"));
    let name = names.find(|name| folder.join(name).symlink_metadata().is_err());
    let name = name.expect("a folder has fewer than 2^32 files");
    let path = folder.join(&name);
    let mut file = trust::create_file(&path)?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(JournalError::io("write", &path))?;
    Ok(name)
}

fn record(folder: &Path, cut: &Cut) -> Result<(), JournalError> {
    let path = folder.join(CUTS);
    let file = trust::open_file(&path, Access::Create)?.expect("a file opened with create exists");
    let mut line = serde_json::to_vec(cut).expect("a cut serializes to JSON");
    line.push(b'\n');
    let end = file.metadata().map_err(JournalError::io("stat", &path))?.len();
    file.write_all_at(&line, end).and_then(|()| file.sync_data()).map_err(JournalError::io("write", &path))
}

/// The cuts that were made in a run's journal, oldest first.
pub(super) fn cuts(folder: &Path) -> Result<Vec<Cut>, JournalError> {
    let path = folder.join(CUTS);
    let Some(mut file) = trust::open_file(&path, Access::Read)? else { return Ok(Vec::new()) };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(JournalError::io("read", &path))?;
    // A line that a crash left half-written speaks of a cut that was not made.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
