//! What may be asked of a run: operations wanted, next deadline, where it and its tasks stand.
//!
//! All of it follows from the state; nothing is decided here, and no question but [`Machine::to_undo`] costs a walk.

use std::sync::Arc;

use super::run::Slot;
use super::state::Phase;
use super::{Facts, Machine, Op, Outcome, RunState, TaskState, Want};
use crate::clock::Mono;
use crate::plan::TaskId;

impl Machine {
    /// The operations that should be in flight now, by task; at most one a task, and at most the shape's limit
    /// in a process that uses that limit.
    pub fn wants(&self) -> impl Iterator<Item = Want> {
        self.in_flight.iter().map(|task| {
            let slot = self.slot(task);
            let op = slot.phase.op().expect("a task in flight has an operation");
            Want { task, attempt: slot.attempt, op }
        })
    }

    /// When the earliest retry is due; None when no retry waits, or none will start.
    pub fn deadline(&self) -> Option<Mono> {
        match self.run {
            RunState::Active { halt, .. } if !halt.is_set() => self.waiting.first().map(|(due, _)| *due),
            RunState::New | RunState::Active { .. } | RunState::Finished { .. } => None,
        }
    }

    /// True when nothing is in flight and nothing more will start.
    pub fn is_finished(&self) -> bool {
        matches!(self.run, RunState::Finished { .. })
    }

    /// How the run ended; None while it goes on.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.run {
            RunState::Finished { outcome, .. } => Some(outcome),
            RunState::New | RunState::Active { .. } => None,
        }
    }

    /// Where the run stands.
    pub fn run_state(&self) -> RunState {
        self.run
    }

    /// Where a task stands.
    ///
    /// # Panics
    /// When the plan has no such task, a bug of the caller.
    pub fn task_state(&self, task: TaskId) -> TaskState {
        let Slot { attempt, unmet, phase, .. } = *self.slot(task);
        let retry_at = || self.budgets.get(&task).map_or(Mono(0), |budget| budget.retry_at);
        match phase {
            Phase::Blocked => TaskState::Blocked { unmet },
            Phase::Ready => TaskState::Ready,
            Phase::Probing => TaskState::Probing { attempt },
            Phase::Applying => TaskState::Applying { attempt },
            Phase::Verifying => TaskState::Verifying { attempt },
            Phase::Waiting => TaskState::Waiting { attempt, retry_at: retry_at() },
            Phase::Failed => TaskState::Failed { attempt },
            Phase::Unchanged => TaskState::Unchanged,
            Phase::Changed => TaskState::Changed,
            Phase::UndoPending => TaskState::UndoPending,
            Phase::Undoing => TaskState::Undoing { attempt },
            Phase::UndoWaiting => TaskState::UndoWaiting { attempt, retry_at: retry_at() },
            Phase::UndoFailed => TaskState::UndoFailed { attempt },
            Phase::Undone => TaskState::Undone,
        }
    }

    /// The last attempt started of a task; 0 before the first.
    pub fn attempt(&self, task: TaskId) -> u32 {
        self.slot(task).attempt
    }

    /// Whether this run ever entered apply on a task.
    pub fn entered_apply(&self, task: TaskId) -> bool {
        self.slot(task).entered_apply
    }

    /// What an operation is told: apply the facts of this attempt's probe, verify and undo those of the task's
    /// first probe in this run (after a resume the last probe may already have seen the effect). None for a
    /// probe and for what is not wanted.
    pub fn facts_for(&self, want: &Want) -> Option<&Facts> {
        if !self.is_wanted(want) {
            return None;
        }
        let facts = match want.op {
            Op::Probe => return None,
            Op::Apply => self.facts.get(&want.task),
            Op::Verify | Op::Undo => self.first_facts.get(&want.task),
        };
        Some(facts.map_or(const { &Facts::none() }, Arc::as_ref))
    }

    /// Tasks an undo has to restore, in the order it would: they entered apply, their kind can undo, and they
    /// are not undone yet.
    pub fn to_undo(&self) -> impl Iterator<Item = TaskId> {
        let mut tasks: Vec<TaskId> = self.to_undo.iter().collect();
        tasks.reverse();
        tasks.into_iter()
    }

    /// Tasks whose last apply or undo nobody saw end (the process died, it was cancelled, its result was lost):
    /// it may still be going on on its host. Such a host must be settled before the next probe of the task, and
    /// *all* of them before any undo.
    pub fn unsettled(&self) -> impl Iterator<Item = TaskId> {
        self.unsettled.iter()
    }

    /// Sequence number of the last record applied; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Batch of the last record applied; 0 before the first.
    pub fn batch(&self) -> u64 {
        self.batch
    }
}
