//! What a failed operation says: journaled, so it is data and not a chain of sources.

use serde::{Deserialize, Serialize};

use crate::plan::ErrorClass;

/// Why an operation of a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What retry policies see.
    pub class: ErrorClass,
    /// One line that names the object and what is wrong with it; already escaped, free of secrets.
    pub message: String,
    /// What the operator should do about it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The command that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
}

/// A command and its last words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The command as it is shown to people.
    pub command: String,
    /// Its exit status; None when it had none.
    pub status: Option<i32>,
    /// Its last lines on stderr (or stdout, where stderr is empty), escaped.
    pub last_lines: Vec<String>,
}

impl StepError {
    /// An error without remedy and evidence.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), remedy: None, evidence: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with the command that said so.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(Box::new(evidence));
        self
    }
}
