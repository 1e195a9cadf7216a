//! The words for operations and outcomes, and how good they are.

use certwright_engine::machine::{Op, Outcome};

use crate::terminal::Tone;

/// The operation's name for people.
pub(crate) fn op_name(op: Op) -> &'static str {
    match op {
        Op::Probe => "probe",
        Op::Apply => "apply",
        Op::Verify => "verify",
        Op::Undo => "undo",
    }
}

/// How a run ended, in one word.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Changed => "changed",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
        Outcome::Undone => "undone",
        Outcome::Stuck => "stuck",
        Outcome::Abandoned => "abandoned",
    }
}

/// What that means.
pub(crate) fn outcome_meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "everything was already as wanted",
        Outcome::Changed => "everything is as wanted now, and verified",
        Outcome::Failed | Outcome::Interrupted => "nothing more was started; it can be resumed",
        Outcome::Undone => "what the run had changed is restored",
        Outcome::Stuck => "an undo failed, a human is needed",
        Outcome::Abandoned => "given up for good, its changes stay",
    }
}

/// How good an outcome is.
pub(crate) fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Unchanged | Outcome::Changed | Outcome::Undone => Tone::Good,
        Outcome::Interrupted | Outcome::Abandoned => Tone::Warn,
        Outcome::Failed | Outcome::Stuck => Tone::Bad,
    }
}
