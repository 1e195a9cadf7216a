//! df: free space.

use certwright_engine::host::{Command, Output};

use super::OutputError;

/// `df -Pk PATH`; the path must exist.
pub fn available(path: &str) -> Command {
    Command::reads(["df", "-Pk", path])
}

/// Parses the KiB that are available to the user who asked.
pub fn parse_available_kib(output: &Output) -> Result<u64, OutputError> {
    let what = "`df -Pk`";
    let text = output.stdout.lossy();
    let line = text.lines().nth(1).unwrap_or_default();
    // Both ends of a line may hold spaces (device, mount point), so it is read around the column with the `%`.
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let is_capacity = |word: &str| word.strip_suffix('%').is_some_and(|n| n.parse::<u32>().is_ok());
    let capacity = words.iter().rposition(|word| is_capacity(word));
    let available = match capacity {
        Some(at) if at >= 4 => words[at - 1].parse().ok(),
        Some(_) | None => None,
    };
    available.ok_or_else(|| OutputError::shape(what, text.trim()))
}
