//! The open journal of a run: appends batches, and dies with the first error.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{JournalError, Medium, Position, RunLock, line};
use crate::clock::{Clock, Mono};
use crate::machine::{Event, Header, Record};

/// Zeros kept behind the last record, bytes: the closing records of a run find room when the disk is full.
const RESERVE: usize = 64 << 10;
/// Zeros written at once when the reserve is touched, bytes: small batches go into written space, where a sync
/// costs half.
const CHUNK: usize = 256 << 10;

/// When something is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Wall clock, ms since 1970.
    pub wall_ms: u64,
    /// Boot-time clock.
    pub mono: Mono,
}

impl Stamp {
    /// The time now.
    pub fn now(clock: &Clock) -> Self {
        Self { wall_ms: clock.wall_ms(), mono: clock.mono() }
    }
}

/// How much more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The disk gives more when asked.
    Ample,
    /// The disk is full: what is reserved is for the records of what is in flight; start nothing more.
    Closing,
}

/// The journal of a run, owned by this process.
pub struct Journal {
    medium: Box<dyn Medium>,
    path: PathBuf,
    run: String,
    end: Position,
    /// Everything from `end` to here is zeros.
    zeroed_to: u64,
    room: Room,
    broken: Option<Arc<io::Error>>,
    batch: Vec<u8>,
    scratch: Vec<u8>,
    _lock: Option<RunLock>,
}

impl Journal {
    /// Begins a journal on an empty medium with record 1, durably, and returns that record.
    ///
    /// # Panics
    /// When the header is of another format than this version writes, a bug.
    pub fn begin(
        medium: Box<dyn Medium>,
        path: &Path,
        header: Header,
        stamp: Stamp,
    ) -> Result<(Self, Record), JournalError> {
        assert_eq!(header.format, super::FORMAT, "a journal is written in one format");
        let mut journal = Self::resume(medium, path, &header.run, Position::default(), 0);
        let body = Event::RunStarted { header: Box::new(header) };
        let record = Record { seq: 1, batch: 1, wall_ms: stamp.wall_ms, mono: stamp.mono, body };
        journal.append(std::slice::from_ref(&record))?;
        Ok((journal, record))
    }

    /// Goes on at `end`, the position a scan ended at; the medium holds zeros from there to `zeroed_to`.
    pub fn resume(medium: Box<dyn Medium>, path: &Path, run: &str, end: Position, zeroed_to: u64) -> Self {
        Self {
            medium,
            path: path.to_owned(),
            run: run.to_owned(),
            end,
            zeroed_to: zeroed_to.max(end.offset),
            room: Room::Ample,
            broken: None,
            batch: Vec::new(),
            scratch: Vec::new(),
            _lock: None,
        }
    }

    pub(super) fn with_lock(self, lock: RunLock) -> Self {
        Self { _lock: Some(lock), ..self }
    }

    pub(super) fn at_path(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Id of the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The file, as messages name it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sequence number of the last durable record.
    pub fn seq(&self) -> u64 {
        self.end.seq
    }

    /// Number of the last durable batch.
    pub fn batch(&self) -> u64 {
        self.end.batch
    }

    /// How much more can be written.
    pub fn room(&self) -> Room {
        self.room
    }

    /// Makes records durable: one write, one sync, all or nothing. Nothing happens for no records.
    ///
    /// The first error is final: every later call returns it again, whatever the disk would say by then.
    ///
    /// # Panics
    /// When the records do not continue the journal as its next batch, a bug.
    pub fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        if let Some(source) = &self.broken {
            return Err(self.poisoned(Arc::clone(source)));
        }
        if records.is_empty() {
            return Ok(());
        }
        let end = self.encode(records);
        match self.write(end.offset) {
            Ok(()) => {
                self.end = end;
                Ok(())
            }
            Err(error) => {
                let source = Arc::new(error);
                self.broken = Some(Arc::clone(&source));
                Err(self.poisoned(source))
            }
        }
    }

    /// Puts the lines of `records` into `self.batch` and returns where they will end.
    fn encode(&mut self, records: &[Record]) -> Position {
        self.batch.clear();
        let mut end = self.end;
        end.batch += 1;
        for (record, left) in records.iter().zip((0..records.len() as u64).rev()) {
            end.seq += 1;
            assert_eq!((record.seq, record.batch), (end.seq, end.batch), "records continue the journal");
            end.crc = line::encode(&mut self.batch, &mut self.scratch, record, left, end.crc);
        }
        end.offset += self.batch.len() as u64;
        end
    }

    fn write(&mut self, end: u64) -> io::Result<()> {
        self.medium.write_at(&self.batch, self.end.offset)?;
        self.zeroed_to = self.zeroed_to.max(end);
        if end + RESERVE as u64 > self.zeroed_to && self.room == Room::Ample {
            // A batch of megabytes needs no more written space than the reserve: it would be written twice.
            self.extend(if self.batch.len() >= CHUNK { RESERVE } else { CHUNK })?;
        }
        self.medium.sync()
    }

    /// Writes more zeros; a full disk is not an error yet: what is there is for the closing records.
    fn extend(&mut self, zeros: usize) -> io::Result<()> {
        match self.medium.write_at(&vec![0; zeros], self.zeroed_to) {
            Ok(()) => self.zeroed_to += zeros as u64,
            Err(e) if is_full(&e) => self.room = Room::Closing,
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn poisoned(&self, source: Arc<io::Error>) -> JournalError {
        JournalError::Poisoned { path: self.path.clone(), run: self.run.clone(), after: self.end.seq, source }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
