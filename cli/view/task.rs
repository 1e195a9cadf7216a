//! One task as the records tell it.

use certwright_engine::machine::{Facts, Op, Record, StepError};

/// Where a task stands.
///
/// ```text
/// Waiting -> Running(Probe) -> Unchanged
///               |  ^   `-> Running(Apply) -> Running(Verify) -> Changed -> Running(Undo) -> Undone
///               v  |          |                 |                             `-> Stuck
///            Retrying <-------+-----------------+--> Failed
/// any of Running, Retrying, Failed -- the run is taken up again --> Unfinished -> Running(Probe)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Never begun.
    #[default]
    Waiting,
    /// An operation is in flight.
    Running(Op),
    /// The next attempt starts at this wall time, ms since 1970.
    Retrying {
        /// When.
        due_ms: u64,
    },
    /// Begun earlier and not in flight now.
    Unfinished,
    /// As wanted from the start.
    Unchanged,
    /// Changed and verified.
    Changed,
    /// Failed for good.
    Failed,
    /// Restored.
    Undone,
    /// Its undo failed.
    Stuck,
}

/// What went wrong last.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// In which attempt.
    pub(crate) attempt: u32,
    /// In which operation.
    pub(crate) op: Op,
    /// What.
    pub(crate) error: StepError,
}

/// One task as the records tell it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskView {
    /// Where it stands.
    pub(crate) phase: Phase,
    /// The newest attempt; 0 before the first.
    pub(crate) attempt: u32,
    /// Attempts that failed and were followed by another.
    pub(crate) retries: u32,
    /// Wall clock of its last change of phase, ms since 1970.
    pub(crate) since_ms: u64,
    /// What it said last.
    pub(crate) summary: Option<String>,
    /// What went wrong last.
    pub(crate) trouble: Option<Trouble>,
    /// Whether this run ever entered apply on it.
    pub(crate) acted: bool,
    /// What its first probe saw.
    pub(crate) first: Option<Facts>,
}

impl TaskView {
    pub(super) fn enter(&mut self, attempt: u32, phase: Phase, record: &Record) {
        self.attempt = attempt;
        self.phase = phase;
        self.since_ms = record.wall_ms;
    }

    /// Nothing of it is in flight any more, and no retry will come.
    pub(super) fn land(&mut self) {
        if matches!(self.phase, Phase::Running(_) | Phase::Retrying { .. }) {
            self.phase = Phase::Unfinished;
        }
    }

    /// A new process begins, for which a failure is not the last word.
    pub(super) fn reopen(&mut self) {
        self.land();
        if matches!(self.phase, Phase::Failed | Phase::Stuck) {
            self.phase = Phase::Unfinished;
        }
    }
}
