//! Something that must be mended by a human before work may begin.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Evidence, StepError};

use super::facts::Warning;

/// A finding and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// One line that names the object and what is wrong with it; escaped.
    pub(super) what: String,
    /// What the operator should do: one line, and where commands help these after it, a line each.
    pub(super) remedy: String,
}

impl Finding {
    /// Says what is wrong and what mends it.
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// All of it in one line, but for commands.
    fn line(&self) -> String {
        format!("{}: {}", self.what, self.remedy.lines().next().unwrap_or_default())
    }
}

/// The error that reports findings, all at once: no retry mends them.
///
/// Its message counts them and states the first, whose remedy is its own; its evidence has them all, each with its
/// remedy but for commands.
///
/// # Panics
/// When there is none, a bug.
pub(super) fn invalid(host: &str, findings: &[Finding]) -> StepError {
    invalid_with(host, findings, &[])
}

/// The same, with warnings behind the findings: whoever mends these should know of all.
///
/// # Panics
/// When there is no finding, a bug.
pub(super) fn invalid_with(host: &str, findings: &[Finding], warnings: &[Warning]) -> StepError {
    let first = findings.first().expect("an error has a finding");
    let message = match findings.len() {
        1 => format!("{host}: {}", first.what),
        n => format!("{host}: {n} findings, the first: {}", first.what),
    };
    let warnings = warnings.iter().map(|warning| format!("warning: {}", warning.line()));
    let lines = findings.iter().map(Finding::line).chain(warnings).collect();
    StepError::new(ErrorClass::Invalid, message).remedy(first.remedy.clone()).evidence(Evidence {
        command: "certwright's own checks".to_owned(),
        status: None,
        last_lines: lines,
    })
}

/// The first few of many reasons, in one line.
pub(super) fn shorten(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = reasons.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    match reasons.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
