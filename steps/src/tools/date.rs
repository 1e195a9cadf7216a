//! date: a node's clock.

use certwright_engine::host::{Command, Output};

use super::OutputError;

/// `date +%s`.
pub fn seconds() -> Command {
    Command::reads(["date", "+%s"])
}

/// Parses seconds since 1970.
pub fn parse_seconds(output: &Output) -> Result<i64, OutputError> {
    let text = output.stdout.lossy();
    text.trim().parse().map_err(|_| OutputError::shape("`date +%s`", text.trim()))
}
