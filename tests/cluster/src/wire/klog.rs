//! Log lines in the form of klog: `E1124 21:06:58.792314       1 leaderelection.go:461] "..."`.

use std::io::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What happens.
    Info,
    /// What may be trouble.
    Warning,
    /// What is trouble.
    Error,
}

/// Writes a line to stderr; `place` is the file and line that the real component names.
pub fn say(level: Level, place: &str, text: &str) {
    let letter = match level {
        Level::Info => 'I',
        Level::Warning => 'W',
        Level::Error => 'E',
    };
    let when = format_description!("[month][day] [hour]:[minute]:[second].[subsecond digits:6]");
    let now = OffsetDateTime::now_utc().format(when).unwrap_or_default();
    let line = format!("{letter}{now}       1 {place}] {text}\n");
    // A component whose log nobody takes goes on.
    drop(std::io::stderr().write_all(line.as_bytes()));
}
