//! The cause of a step's error, where a known text is in what the command said.

use certwright_engine::machine::{Evidence, StepError};
use certwright_engine::plan::TaskId;
use certwright_steps::diagnosis::{self, Diagnosis, Grade, Source, Text};

use certwright_steps::pki::Component;

use crate::view::{RunView, Trouble};

/// What the last words of a command that failed mean; None where none of them is known, and where no command ran: then
/// the error is ours or ssh's, and says itself what to do. `now` in seconds since 1970.
pub(super) fn cause_of(host: &str, error: &StepError, now: i64) -> Option<Diagnosis> {
    let Some(Evidence { command, status: Some(_), last_lines }) = error.evidence.as_deref() else {
        return None;
    };
    let own = Source::Program(program(command));
    let mut texts: Vec<Text<'_>> = last_lines
        .iter()
        .map(|line| match of_log(line) {
            Some((component, line)) => Text { host, source: Source::Log(component), text: line },
            None => Text { host, source: own, text: line },
        })
        .collect();
    texts.push(Text { host, source: own, text: &error.message });
    diagnosis::read(&texts, now).into_iter().next()
}

/// The cause of a task's trouble, where the last words of its command are known to mean trouble.
pub(crate) fn known_cause(view: &RunView, id: TaskId, trouble: &Trouble) -> Option<Diagnosis> {
    let now = i64::try_from(view.latest_ms / 1000).expect("the clock is in this millennium");
    let known = cause_of(&view.plan().host(id).name, &trouble.error, now);
    known.filter(|known| known.grade != Grade::Note)
}

/// The component and the line where `scan-logs` shows one (`etcd (3 lines): ...`).
fn of_log(line: &str) -> Option<(&'static str, &str)> {
    let (before, rest) = line.split_once("): ")?;
    let (name, _count) = before.split_once(" (")?;
    let component = Component::ALL.into_iter().find(|component| component.name() == name)?;
    Some((component.name(), rest))
}

/// The program of a command line, as people know it.
fn program(command: &str) -> &str {
    let first = command.split(' ').next().unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or(first);
    if name.is_empty() || name.starts_with('<') { "certwright" } else { name }
}
