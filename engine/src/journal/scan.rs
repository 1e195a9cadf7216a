//! Reads a journal from its beginning, whole batches at a time, in memory that does not grow with it.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::damage::later_batch_follows;
use super::line::{self, Flaw, Place};
use super::{FORMAT, JournalError, zeros};
use crate::machine::{Event, Record};

/// Bytes asked of the source at once.
const CHUNK: usize = 256 << 10;

/// What an intact line holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A record this version knows.
    Record(Record),
    /// A record of a later version: shown, never acted upon.
    Unknown(UnknownRecord),
}

/// An intact record whose meaning is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRecord {
    /// Its line, counting from 1.
    pub line: u64,
    /// Its sequence number.
    pub seq: u64,
    /// Wall clock when it was written, ms since 1970.
    pub wall_ms: u64,
    /// The name of its event, escaped.
    pub event: String,
    /// The whole JSON, escaped.
    pub json: String,
}

/// Where the last whole batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    pub(super) offset: u64,
    pub(super) seq: u64,
    pub(super) batch: u64,
    pub(super) crc: u32,
}

impl Position {
    /// Bytes before it.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Sequence number of the last record before it.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Number of the last batch before it.
    pub fn batch(&self) -> u64 {
        self.batch
    }
}

/// What stands behind the last whole batch and is not space: a write that was interrupted, or that is just
/// happening when the journal's owner is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Its first line, counting from 1.
    pub line: u64,
    /// Why it is not whole: the line and what is wrong with it.
    pub why: String,
}

/// An iterator over a journal's entries; after its end, [`Scan::position`] and [`Scan::tail`] say how it ended.
pub struct Scan<R> {
    path: PathBuf,
    source: R,
    buffer: Vec<u8>,
    /// Place in `buffer` of the next line.
    at: usize,
    exhausted: bool,
    /// The last line read, whole batch or not, and its number.
    last: Position,
    left: u64,
    line: u64,
    /// The same at the end of the last whole batch.
    whole: Position,
    whole_line: u64,
    /// Entries of the batch being read, and of the whole one being given out.
    partial: VecDeque<Entry>,
    ready: VecDeque<Entry>,
    tail: Option<Tail>,
    done: bool,
}

enum Next {
    Line,
    End,
    Damage(Flaw),
}

impl<R: Read> Scan<R> {
    /// Reads from `source`; `path` is what messages call it.
    pub fn new(path: &Path, source: R) -> Self {
        Self {
            path: path.to_owned(),
            source,
            buffer: Vec::new(),
            at: 0,
            exhausted: false,
            last: Position::default(),
            left: 0,
            line: 0,
            whole: Position::default(),
            whole_line: 0,
            partial: VecDeque::new(),
            ready: VecDeque::new(),
            tail: None,
            done: false,
        }
    }

    /// Where the last whole batch read so far ends.
    pub fn position(&self) -> Position {
        self.whole
    }

    /// What stands behind it; known at the end.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, JournalError> {
        while self.ready.is_empty() && !self.done {
            match self.read_line()? {
                Next::Line if self.left == 0 => {
                    (self.whole, self.whole_line) = (self.last, self.line);
                    std::mem::swap(&mut self.ready, &mut self.partial);
                }
                Next::Line => {}
                Next::End if self.whole.batch == 0 => return Err(self.damaged("is missing")),
                Next::End if self.partial.is_empty() => self.done = true,
                Next::End => self.end_at(Flaw::BatchUnfinished)?,
                Next::Damage(flaw) => self.end_at(flaw)?,
            }
        }
        Ok(self.ready.pop_front())
    }

    fn read_line(&mut self) -> Result<Next, JournalError> {
        self.fill(line::MAX_HEAD)?;
        match self.buffer.get(self.at).copied() {
            None => return Ok(Next::End),
            Some(0) => return Ok(if self.only_zeros_left()? { Next::End } else { Next::Damage(Flaw::Hole) }),
            Some(_) => {}
        }
        let head = match line::head(&self.buffer[self.at..]) {
            Ok(head) => head,
            Err(flaw) => return Ok(Next::Damage(flaw)),
        };
        self.fill(head.line_size())?;
        let json = match line::json(&self.buffer[self.at..], head, self.last.crc) {
            Ok(json) => json,
            Err(flaw) => return Ok(Next::Damage(flaw)),
        };
        let (entry, place) = match line::decode(json) {
            Some((record, left)) => {
                let Record { seq, batch, wall_ms, .. } = record;
                (Entry::Record(record), Place { seq, batch, left, wall_ms })
            }
            None => match unknown(json, self.line + 1) {
                Some((unknown, place)) => (Entry::Unknown(unknown), place),
                None => return Err(self.damaged("is intact and not a record")),
            },
        };
        if self.line == 0 {
            self.check_first(&entry, json)?;
        }
        self.check_order(place)?;
        self.last = Position {
            offset: self.last.offset + head.line_size() as u64,
            seq: place.seq,
            batch: place.batch,
            crc: head.crc,
        };
        self.left = place.left;
        self.line += 1;
        self.at += head.line_size();
        self.partial.push_back(entry);
        Ok(Next::Line)
    }

    /// Refuses an intact line in the wrong place: no interrupted write leaves one.
    fn check_order(&self, place: Place) -> Result<(), JournalError> {
        let in_batch = match self.left {
            0 => place.batch == self.last.batch + 1,
            left => place.batch == self.last.batch && place.left == left - 1,
        };
        if in_batch && place.seq == self.last.seq + 1 { Ok(()) } else { Err(self.damaged("is out of order")) }
    }

    /// Refuses a first record that is not the start of a run in our format.
    fn check_first(&self, first: &Entry, json: &[u8]) -> Result<(), JournalError> {
        if let Entry::Record(Record { body: Event::RunStarted { header }, .. }) = first
            && header.format == FORMAT
        {
            return Ok(());
        }
        // A header of another format may have any shape but for these two names.
        let json: serde_json::Value = serde_json::from_slice(json).expect("a decoded entry is JSON");
        let header = &json["body"]["run-started"]["header"];
        match header["format"].as_u64() {
            Some(format) if format != u64::from(FORMAT) => Err(JournalError::UnknownFormat {
                path: self.path.clone(),
                format,
                tool: crate::text::escape(header["tool"].as_str().unwrap_or("of unknown version")),
            }),
            _ => Err(self.damaged("is not the start of a run")),
        }
    }

    /// Ends the journal before a batch with a flaw, or refuses it when a later batch follows.
    fn end_at(&mut self, flaw: Flaw) -> Result<(), JournalError> {
        let damaged_batch = self.last.batch + u64::from(self.left == 0);
        self.buffer.drain(..self.at);
        self.at = 0;
        self.source.read_to_end(&mut self.buffer).map_err(JournalError::io("read", &self.path))?;
        // The first record is durable before the file has its name.
        if self.whole.batch == 0 || later_batch_follows(&self.buffer, damaged_batch) {
            return Err(self.damaged(&flaw.to_string()));
        }
        self.tail = Some(Tail { line: self.whole_line + 1, why: format!("line {} {flaw}", self.line + 1) });
        self.partial.clear();
        self.buffer = Vec::new();
        self.done = true;
        Ok(())
    }

    fn damaged(&self, why: &str) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), line: self.line + 1, why: why.to_owned() }
    }

    /// Reads on until `n` bytes from the next line on are in the buffer, or the source has no more.
    fn fill(&mut self, n: usize) -> Result<(), JournalError> {
        if self.buffer.len() - self.at >= n || self.exhausted {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        while self.buffer.len() < n && !self.exhausted {
            let want = CHUNK.max(n - self.buffer.len()).min(64 * CHUNK) as u64;
            let got = self.source.by_ref().take(want).read_to_end(&mut self.buffer);
            self.exhausted = got.map_err(JournalError::io("read", &self.path))? == 0;
        }
        Ok(())
    }

    /// Passes over zeros, all but the last one of them; true when nothing else comes.
    fn only_zeros_left(&mut self) -> Result<bool, JournalError> {
        loop {
            let rest = &self.buffer[self.at..];
            let zeros = zeros::leading(rest);
            let something = zeros < rest.len();
            self.at += zeros - 1;
            self.fill(2)?;
            if something || self.buffer.len() - self.at == 1 {
                return Ok(!something);
            }
        }
    }
}

impl<R: Read> Iterator for Scan<R> {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_entry().transpose();
        if matches!(next, Some(Err(_))) {
            self.done = true;
        }
        next
    }
}

/// An intact JSON that this version cannot read as a record.
fn unknown(json: &[u8], line: u64) -> Option<(UnknownRecord, Place)> {
    let place: Place = serde_json::from_slice(json).ok()?;
    let text = std::str::from_utf8(json).ok()?;
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let event = value["body"].as_object().and_then(|body| body.keys().next());
    let event = event.map_or("without a name", String::as_str);
    let unknown = UnknownRecord {
        line,
        seq: place.seq,
        wall_ms: place.wall_ms,
        event: crate::text::escape(event),
        json: crate::text::escape(text),
    };
    Some((unknown, place))
}
