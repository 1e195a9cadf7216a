//! Logs of containers in the CRI's format: `2026-11-24T20:45:09.713880129Z stderr F LINE`.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use time::OffsetDateTime;
use time::macros::format_description;

/// The longest piece of a line, bytes: longer lines are cut, as the runtime cuts them.
const PIECE: u64 = 16 * 1024;

/// A stream of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

/// Opens a container's log, with its folder.
pub(super) fn open(path: &Path) -> std::io::Result<Arc<Mutex<File>>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(Arc::new(Mutex::new(OpenOptions::new().create(true).append(true).open(path)?)))
}

/// Writes what comes out of a container into its log, until it ends, in a thread of its own.
pub(super) fn pump(from: impl Read + Send + 'static, stream: Stream, log: Arc<Mutex<File>>) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            match (&mut from).take(PIECE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let tag = if line.last() == Some(&b'\n') { "F" } else { "P" };
            let mut text = format!("{} {} {tag} ", now(), stream.name()).into_bytes();
            text.extend(line.strip_suffix(b"\n").unwrap_or(&line));
            text.push(b'\n');
            let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if log.write_all(&text).is_err() {
                return;
            }
        }
    });
}

fn now() -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
    OffsetDateTime::now_utc().format(form).unwrap_or_default()
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// When, as the log has it.
    pub(super) at: String,
    /// From which stream.
    pub(super) stream: Stream,
    /// What.
    pub(super) text: String,
}

/// The lines of a log, oldest first; what is no line of a log is passed over.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<Entry>> {
    let bytes = std::fs::read(path)?;
    let entry = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut parts = line.splitn(4, ' ');
        let (at, stream, _tag, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let stream = if stream == "stdout" { Stream::Out } else { Stream::Err };
        Some(Entry { at: at.to_owned(), stream, text: text.to_owned() })
    };
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(entry).collect())
}
