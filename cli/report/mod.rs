//! A run for a change ticket: what ran where and when, every certificate before and after, every restart, every failure
//! and its evidence. One model, told as an HTML page, as Markdown or as JSON.
//!
//! Invariant: everything comes from the records of the journal, which hold no secret; the page needs nothing else to be
//! shown, no network and no script. Deliberately absent: any judgement that the run itself did not make.

mod attempts;
mod page;
mod restarts;
mod versions;

pub(crate) use page::{html, markdown};

use certwright_engine::machine::{Event, Record};
use serde::Serialize;

use crate::json::{self, RunJson};
use crate::view::RunView;
use versions::Versions;

/// A run for a ticket.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    /// As `show` tells it.
    run: RunJson<'a>,
    /// What ran, and on what.
    versions: Versions,
    /// Everyone who began, resumed or undid it, in the order of time.
    hands: Vec<Hand>,
    /// Every attempt at every task, in the order of time.
    attempts: Vec<attempts::Attempt>,
    /// Every container that is another one now.
    restarts: Vec<restarts::Restarted>,
}

/// Somebody who had the run in hand.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hand {
    /// When, ms since 1970.
    at_ms: u64,
    /// `user@host`.
    operator: String,
    /// `began`, `resumed` or `undid`.
    what: &'static str,
}

impl<'a> Report<'a> {
    /// The report of a run whose records are these.
    pub(crate) fn new(view: &'a RunView, records: &[Record]) -> Self {
        Self {
            run: json::run(view),
            versions: Versions::of(view),
            hands: hands(records),
            attempts: attempts::of(view.plan(), records),
            restarts: restarts::of(view.plan(), records),
        }
    }

    /// The attempts that failed for good.
    fn failed(&self) -> Vec<&attempts::Attempt> {
        self.ended(&[attempts::Result::Failed, attempts::Result::Stuck])
    }

    /// Those that failed and were followed by another.
    fn retried(&self) -> Vec<&attempts::Attempt> {
        self.ended(&[attempts::Result::Retried])
    }

    fn ended(&self, results: &[attempts::Result]) -> Vec<&attempts::Attempt> {
        self.attempts.iter().filter(|attempt| results.contains(&attempt.result)).collect()
    }
}

fn hands(records: &[Record]) -> Vec<Hand> {
    let hand = |record: &Record| {
        let (operator, what) = match &record.body {
            Event::RunStarted { header } => (&header.operator, "began"),
            Event::Resumed { operator } => (operator, "resumed"),
            Event::UndoStarted { operator } => (operator, "undid"),
            Event::StepStarted { .. }
            | Event::Probed { .. }
            | Event::Applied { .. }
            | Event::Verified { .. }
            | Event::AttemptFailed { .. }
            | Event::StepFailed { .. }
            | Event::Interrupted { .. }
            | Event::StepUndoStarted { .. }
            | Event::Undone { .. }
            | Event::UndoFailed { .. }
            | Event::RunFinished { .. } => return None,
        };
        Some(Hand { at_ms: record.wall_ms, operator: operator.clone(), what })
    };
    records.iter().filter_map(hand).collect()
}
