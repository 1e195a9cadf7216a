//! The cause of a step's error, where a known text is in what the command said.

use certwright_engine::machine::{Evidence, StepError};
use certwright_engine::plan::TaskId;
use certwright_steps::diagnosis::{self, Diagnosis, Grade, Source, Text};

use crate::view::{RunView, Trouble};

/// What the last words of a command that failed mean; None where none of them is known, and where no command ran: then
/// the error is ours or ssh's, and says itself what to do. `now` in seconds since 1970.
pub(super) fn cause_of(host: &str, error: &StepError, now: i64) -> Option<Diagnosis> {
    let Some(Evidence { command, status: Some(_), last_lines }) = error.evidence.as_deref() else {
        return None;
    };
    let words = format!("{}\n{}", last_lines.join("\n"), error.message);
    let text = Text { host, source: Source::Program(program(command)), text: &words };
    diagnosis::read(&[text], now).into_iter().next()
}

/// The cause of a task's trouble, where the last words of its command are known to mean trouble.
pub(crate) fn known_cause(view: &RunView, id: TaskId, trouble: &Trouble) -> Option<Diagnosis> {
    let now = i64::try_from(view.latest_ms / 1000).expect("the clock is in this millennium");
    let known = cause_of(&view.plan().host(id).name, &trouble.error, now);
    known.filter(|known| known.grade != Grade::Note)
}

/// The program of a command line, as people know it.
fn program(command: &str) -> &str {
    let first = command.split(' ').next().unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or(first);
    if name.is_empty() || name.starts_with('<') { "certwright" } else { name }
}
