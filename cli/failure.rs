//! How a command fails: the one place where errors become exit codes and where hints live.
//!
//! Invariant: a failure is one line that names the object, a stable code, and what to type next; never a dump.

use crate::exit::Exit;
use crate::source::SourceError;

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
    pub(crate) mistakes: Option<Mistakes>,
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
            SourceError::NoSuchPlan { .. } => Self::new(Exit::Invalid, "no-such-plan", message)
                .hint("`certwright check` lists the shipped plans"),
            SourceError::Unreadable { .. } => Self::new(Exit::Invalid, "unreadable", message),
            SourceError::Writable { mend, .. } => Self::new(Exit::Refused, "not-trusted", message)
                .hint("a plan or an inventory is code that runs as root; only you may be able to change it")
                .hint(format!("mend it: {mend}")),
        }
    }
}
