//! How a command fails: the one place where errors become exit codes and where hints live.
//!
//! Invariant: a failure is one line that names the object, a stable code, and what to type next; never a dump.

use std::error::Error;

use certwright_engine::driver::DriverError;
use certwright_engine::journal::{JournalError, RunId};
use certwright_engine::machine::{Header, IllegalTransition, Outcome, ShapeError, StepError};
use certwright_engine::plan::{Color, Diagnostics, Unfit};
use certwright_engine::text::escape;
use certwright_steps::lab::LabError;

use crate::confirm::ConfirmError;
use crate::exit::Exit;
use crate::human::words::outcome_word;
use crate::pick::PickError;
use crate::source::{self, SourceError};
use crate::terminal::Terminal;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// Stable name for programs.
    pub(crate) code: &'static str,
    /// One line, lower-case, without a full stop.
    pub(crate) message: String,
    /// What the operator should do, a line each.
    pub(crate) hints: Vec<String>,
    /// Mistakes of a plan or an inventory, as text for people and as JSON.
    pub(crate) mistakes: Option<Box<Mistakes>>,
}

/// Mistakes of a plan or an inventory.
#[derive(Debug)]
pub(crate) struct Mistakes {
    /// Excerpts with carets.
    pub(crate) text: String,
    /// The same for programs.
    pub(crate) json: serde_json::Value,
}

impl Failure {
    /// A failure without hints.
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hints: Vec::new(), mistakes: None }
    }

    /// Something of this machine that the program cannot do without.
    pub(crate) fn system(action: &str, why: &impl std::fmt::Display) -> Self {
        Self::new(Exit::Refused, "system", format!("{action}: {}", words(why)))
    }

    /// Mistakes of a plan or an inventory.
    pub(crate) fn mistakes(mistakes: &Diagnostics, color: Color) -> Self {
        let json = serde_json::to_value(mistakes.iter().collect::<Vec<_>>()).expect("diagnostics serialize");
        Self {
            mistakes: Some(Box::new(Mistakes { text: mistakes.render(color), json })),
            ..Self::new(Exit::Invalid, "mistakes", mistakes.to_string())
        }
    }

    /// A journal that does not begin with the start of a run.
    pub(crate) fn empty_journal(run: &RunId) -> Self {
        let message = format!("the journal of run `{run}` does not begin with the start of a run");
        Self::new(Exit::Journal, "journal", message)
    }

    /// A run with which that cannot be done.
    pub(crate) fn nothing_to(run: &RunId, verb: &str, outcome: Option<Outcome>) -> Self {
        let words = outcome.map_or("not finished", outcome_word);
        let failure =
            Self::new(Exit::Refused, "nothing-to-do", format!("cannot {verb} run `{run}`: it is {words}"));
        match outcome {
            Some(Outcome::Stuck) => failure.hint(format!("`certwright undo {run}` tries the undo again")),
            Some(Outcome::Changed) => {
                failure.hint(format!("`certwright undo {run}` restores what it changed"))
            }
            Some(
                Outcome::Unchanged
                | Outcome::Failed
                | Outcome::Interrupted
                | Outcome::Undone
                | Outcome::Abandoned,
            )
            | None => failure.hint(format!("`certwright show {run}` shows it")),
        }
    }

    /// A run of which an undo would restore nothing.
    pub(crate) fn nothing_undoable(run: &RunId, stays: &[String]) -> Self {
        let message = format!("run `{run}` changed nothing that can be undone");
        let failure = Self::new(Exit::Refused, "nothing-to-do", message);
        if stays.is_empty() { failure } else { failure.hint(format!("stays as it is: {}", stays.join(", "))) }
    }

    /// A run that another version began, with a step that this one cannot make.
    pub(crate) fn other_version(unfit: &Unfit, header: &Header, options: &str) -> Self {
        let (run, tool) = (&header.run, escape(&header.tool));
        Self::new(Exit::Refused, "other-version", unfit.to_string())
            .hint(format!("certwright {tool} began run `{run}`: resume or undo it with that version"))
            .hint(format!("`certwright{options} abandon {run}` gives it up: what it changed stays"))
    }

    /// A run that would stop before it changes anything: the first cause in full, the others in a line each.
    pub(crate) fn would_stop(first: (String, &StepError), others: &[(String, &StepError)]) -> Self {
        const MOST: usize = 10;
        let (task, error) = first;
        let mut failure =
            Self::new(Exit::Refused, "would-stop", format!("the run would stop at {task}: {error}"));
        failure.hints.extend(error.remedy.clone());
        let shown = others.iter().take(MOST);
        failure.hints.extend(shown.map(|(task, error)| format!("and at {task}: {error}")));
        if others.len() > MOST {
            failure.hints.push(format!("and at {} more", others.len() - MOST));
        }
        failure
    }

    /// The same with one more hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let message = error.to_string();
        match error {
            SourceError::NoSuchPlan { name } => {
                let failure = Self::new(Exit::Invalid, "no-such-plan", message);
                let near = source::near(&name).map(|near| format!("did you mean `{near}`?"));
                failure.hint(near.unwrap_or("`certwright check` lists the shipped plans".to_owned()))
            }
            SourceError::Missing { .. } => Self::new(Exit::Invalid, "unreadable", message).hint(
                "paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory",
            ),
            SourceError::NotAFile { .. } => Self::new(Exit::Invalid, "unreadable", message).hint(
                "name a file: what it says runs as root, so it is read from one that only you can change",
            ),
            SourceError::Mistakes(mistakes) => Self::mistakes(&mistakes, Terminal::of_stdout().color()),
            SourceError::Unreadable { .. } => Self::new(Exit::Invalid, "unreadable", message),
            SourceError::Writable { mend, .. } => Self::new(Exit::Refused, "not-trusted", message)
                .hint("a plan or an inventory is code that runs as root; only you may be able to change it")
                .hint(format!("mend it: {mend}")),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let message = explain(&error);
        match error {
            JournalError::NoSuchRun { .. } | JournalError::BadRunId { .. } => {
                Self::new(Exit::Invalid, "no-such-run", message)
            }
            JournalError::RunBusy { .. }
            | JournalError::ClusterBusy { .. }
            | JournalError::NotOver { .. } => Self::new(Exit::Refused, "busy", message),
            JournalError::Io { .. }
            | JournalError::Poisoned { .. }
            | JournalError::NoSpace { .. }
            | JournalError::Untrusted { .. }
            | JournalError::RunExists { .. }
            | JournalError::Damaged { .. }
            | JournalError::UnknownFormat { .. }
            | JournalError::UnknownEvent { .. } => Self::new(Exit::Journal, "journal", message),
        }
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        let message = explain(&error);
        match error {
            DriverError::Journal(error) => error.into(),
            DriverError::DiskFull { .. } => Self::new(Exit::Journal, "disk-full", message),
            DriverError::UnknownKind { .. }
            | DriverError::Unbuildable { .. }
            | DriverError::UnknownHost { .. } => Self::new(Exit::Refused, "other-version", message),
        }
    }
}

impl From<PickError> for Failure {
    fn from(error: PickError) -> Self {
        let message = error.to_string();
        match error {
            PickError::Journal(error) => error.into(),
            PickError::Unreadable { error, .. } => Self::from(*error)
                .hint("without it nothing tells which run is meant: name one; `certwright runs` lists them"),
            PickError::Over { .. } => Self::new(Exit::Refused, "nothing-to-do", message)
                .hint("`certwright undo RUN` undoes an older one; `certwright runs` lists them"),
            PickError::None { .. } | PickError::Several { .. } => {
                Self::new(Exit::Invalid, "no-such-run", message).hint("`certwright runs` lists them")
            }
            PickError::SeveralUnfinished { .. } => Self::new(Exit::Invalid, "no-such-run", message)
                .hint("name the one that is meant")
                .hint("`certwright show RUN` tells how one stands; `certwright abandon RUN` gives one up for good"),
            PickError::AllFinished | PickError::NoneChanged => {
                Self::new(Exit::Refused, "nothing-to-do", message).hint("`certwright runs` lists them")
            }
            PickError::NoRuns => Self::new(Exit::Refused, "nothing-to-do", message)
                .hint("`certwright rehearse` tries the renewal on simulated nodes")
                .hint("`certwright run renew-control-plane --inventory FILE` renews real ones"),
        }
    }
}

impl From<ConfirmError> for Failure {
    fn from(error: ConfirmError) -> Self {
        let message = error.to_string();
        let failure = Self::new(Exit::Refused, "not-confirmed", message).hint("nothing was changed");
        match error {
            ConfirmError::NotATerminal { about } => {
                failure.hint(format!("--yes={} confirms it without a question", about.name()))
            }
            ConfirmError::Other { .. } => failure,
        }
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        let message = explain(&error);
        match error {
            LabError::NoHost { .. } | LabError::Spec { .. } => Self::new(Exit::Invalid, "lab", message),
            LabError::Making { .. } => Self::new(Exit::Refused, "lab", message).hint("wait for its end"),
            LabError::Io { .. }
            | LabError::Exists { .. }
            | LabError::State { .. }
            | LabError::Format { .. }
            | LabError::Certificate { .. } => Self::new(Exit::Refused, "lab", message).hint(
                "a lab is a folder of its own: give --lab one that is not there yet, or an earlier lab",
            ),
        }
    }
}

impl From<ShapeError> for Failure {
    fn from(error: ShapeError) -> Self {
        Self::new(Exit::Journal, "journal", explain(&error))
    }
}

impl From<IllegalTransition> for Failure {
    fn from(error: IllegalTransition) -> Self {
        Self::new(Exit::Journal, "journal", explain(&error))
            .hint("the journal does not tell a run as this certwright would; keep it, and start a new run")
    }
}

/// The system's words for an error as they stand within a sentence: lower-case, and without its number.
pub(crate) fn words(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        // `I/O error` stays.
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        Some(_) | None => text.to_owned(),
    }
}

/// An error with its sources, in one line.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        let words = words.split(" (os error").next().unwrap_or(&words);
        if !text.contains(words) {
            text = format!("{text}: {words}");
        }
        source = error.source();
    }
    escape(&text)
}
