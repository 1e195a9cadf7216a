//! The cause of a step's error, where a known text is in what the command said.

use certwright_engine::machine::{Evidence, StepError};
use certwright_steps::diagnosis::{self, Diagnosis, Source, Text};

/// What the last words of a failed step mean; None where none of them is known. `now` in seconds since 1970.
pub(crate) fn cause_of(host: &str, error: &StepError, now: i64) -> Option<Diagnosis> {
    let (program, mut words) = match error.evidence.as_deref() {
        Some(Evidence { command, last_lines, .. }) => (program(command), last_lines.join("\n")),
        None => ("certwright", String::new()),
    };
    words.push('\n');
    words.push_str(&error.message);
    let text = Text { host, source: Source::Program(program), text: &words };
    diagnosis::read(&[text], now).into_iter().next()
}

/// The program of a command line, as people know it.
fn program(command: &str) -> &str {
    let first = command.split(' ').next().unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or(first);
    if name.is_empty() || name.starts_with('<') { "certwright" } else { name }
}
