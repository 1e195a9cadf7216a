//! The moves that several transitions share: a task takes off, lands, is done, opens again.
//!
//! They keep the sets of [`Machine`] in step with the phases of its tasks.

use std::sync::Arc;

use super::run::Budget;
use super::state::Phase;
use super::{Direction, Facts, Halt, Machine, Op, RunState};
use crate::clock::Mono;
use crate::plan::{ErrorClass, TaskId};

impl Machine {
    /// An attempt starts: it counts, and nothing waits any more.
    pub(super) fn spend(&mut self, task: TaskId, at: Mono) {
        let budget = self.budgets.entry(task).or_insert(Budget { used: 0, since: at, retry_at: at });
        budget.used = budget.used.saturating_add(1);
        self.waiting.remove(&(budget.retry_at, task));
        self.in_flight.insert(task);
    }

    /// Keeps the facts of this attempt's probe for its apply, and those of the first one for verify and undo.
    pub(super) fn keep_facts(&mut self, task: TaskId, facts: &Facts) {
        let is_first = !std::mem::replace(&mut self.tasks[task.0 as usize].probed, true);
        if facts.is_empty() {
            return;
        }
        let facts = Arc::new(facts.clone());
        if is_first {
            self.first_facts.insert(task, Arc::clone(&facts));
        }
        self.facts.insert(task, facts);
    }

    /// Nothing of the task is in flight any more.
    pub(super) fn land(&mut self, task: TaskId, phase: Phase) {
        self.in_flight.remove(task);
        self.facts.remove(&task);
        self.tasks[task.0 as usize].phase = phase;
    }

    /// The task is done, and those that waited for it may become ready.
    pub(super) fn finish(&mut self, task: TaskId, phase: Phase) {
        self.budgets.remove(&task);
        if !self.is_restorable(task) {
            self.first_facts.remove(&task);
        }
        self.land(task, phase);
        self.done += 1;
        self.changed += u32::from(phase == Phase::Changed);
        for &successor in self.shape.successors(task) {
            let slot = &mut self.tasks[successor.0 as usize];
            slot.unmet -= 1;
            if slot.unmet == 0 {
                slot.phase = Phase::Ready;
                self.ready.insert(successor);
            }
        }
    }

    /// The task may start again, with a probe and a fresh budget.
    pub(super) fn reopen(&mut self, task: TaskId) {
        self.budgets.remove(&task);
        let phase = match self.slot(task).phase {
            Phase::Undoing | Phase::UndoWaiting | Phase::UndoFailed => Phase::UndoPending,
            Phase::Blocked
            | Phase::Ready
            | Phase::Probing
            | Phase::Applying
            | Phase::Verifying
            | Phase::Waiting
            | Phase::Failed
            | Phase::Unchanged
            | Phase::Changed
            | Phase::UndoPending
            | Phase::Undone => Phase::Ready,
        };
        self.land(task, phase);
        if phase == Phase::Ready {
            self.ready.insert(task);
        }
    }

    /// Nobody will see the end of what is in flight of the task.
    pub(super) fn drop_flight(&mut self, task: TaskId) {
        if matches!(self.slot(task).phase, Phase::Applying | Phase::Undoing) {
            self.unsettled.insert(task);
        }
        self.reopen(task);
    }

    pub(super) fn drop_all_flights(&mut self) {
        for task in self.in_flight.iter().collect::<Vec<_>>() {
            self.drop_flight(task);
        }
    }

    /// A new process takes the run up.
    pub(super) fn restart(&mut self, direction: Direction) {
        self.drop_all_flights();
        for (_, task) in std::mem::take(&mut self.waiting) {
            self.reopen(task);
        }
        match direction {
            Direction::Forward => {
                let failed: Vec<TaskId> = self.failed.iter().collect();
                for task in failed {
                    self.failed.remove(task);
                    self.reopen(task);
                }
            }
            Direction::Undo => {
                if let Some(task) = self.next_undo().filter(|t| self.slot(*t).phase == Phase::UndoFailed) {
                    self.reopen(task);
                }
            }
        }
        self.run = RunState::Active { direction, halt: Halt::default() };
    }

    /// An operation failed: after a deadline or a lost connection what acts may still be going on.
    pub(super) fn note_end(&mut self, task: TaskId, op: Op, class: ErrorClass) {
        match (op, class) {
            (Op::Apply | Op::Undo, ErrorClass::DeadlineExceeded | ErrorClass::Unknown) => {
                self.unsettled.insert(task);
            }
            (
                Op::Apply | Op::Undo,
                ErrorClass::Unavailable
                | ErrorClass::Unsatisfied
                | ErrorClass::Refused
                | ErrorClass::Invalid
                | ErrorClass::Denied,
            ) => self.unsettled.remove(task),
            (Op::Probe | Op::Verify, _) => {}
        }
    }
}
