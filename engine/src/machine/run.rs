//! The state of a run: what it is made of, and how two of them compare. What may be asked of it is in `asked.rs`.
//!
//! Invariant: the sets are functions of the tasks' phases (`ready` holds those in Ready, `in_flight` those with
//! an operation, ...), kept beside them so that no question costs a walk over the plan. State changes in
//! `apply.rs` only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::state::Phase;
use super::task_set::TaskSet;
use super::{Direction, Facts, Halt, Outcome, RunState, Shape, Want};
use crate::clock::Mono;
use crate::plan::{CancelPolicy, TaskId, UndoSupport};

/// A run as its records tell it.
///
/// Two machines are equal, and hash alike, when they decide alike but for time: sequence numbers, batches and
/// instants are left out.
#[derive(Clone)]
pub struct Machine {
    pub(super) shape: Arc<Shape>,
    /// Sequence number and batch of the last record applied; 0 before the first.
    pub(super) seq: u64,
    pub(super) batch: u64,
    pub(super) run: RunState,
    pub(super) tasks: Vec<Slot>,
    pub(super) ready: TaskSet,
    pub(super) in_flight: TaskSet,
    pub(super) failed: TaskSet,
    /// Tasks that entered apply, can be undone and are not yet.
    pub(super) to_undo: TaskSet,
    /// Tasks whose last apply or undo nobody saw end.
    pub(super) unsettled: TaskSet,
    pub(super) waiting: BTreeSet<(Mono, TaskId)>,
    /// Of tasks in flight and waiting.
    pub(super) budgets: BTreeMap<TaskId, Budget>,
    /// Facts of this attempt's probe, for tasks in flight; absent when the probe gave none.
    pub(super) facts: BTreeMap<TaskId, Arc<Facts>>,
    /// Facts of the first probe, for tasks that are not done and those that can be undone; absent when it gave none.
    pub(super) first_facts: BTreeMap<TaskId, Arc<Facts>>,
    pub(super) done: u32,
    pub(super) changed: u32,
}

/// A task's part of the state; small, since a plan may have a million of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    /// The last attempt started; 0 before the first.
    pub(super) attempt: u32,
    /// Dependencies that are not done.
    pub(super) unmet: u32,
    pub(super) phase: Phase,
    /// Whether this run ever entered apply on it.
    pub(super) entered_apply: bool,
    /// Whether a probe of it ever answered that it drifted.
    pub(super) probed: bool,
}

const _: () = assert!(size_of::<Slot>() == 12, "a million tasks are 12 MB");

/// What a task has used of its retry policy since the run (re)started.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    pub(super) used: u32,
    /// When the first of these attempts started.
    pub(super) since: Mono,
    /// When the next one is due, while the task waits.
    pub(super) retry_at: Mono,
}

impl Machine {
    /// A run of which nothing is recorded yet.
    pub fn new(shape: Arc<Shape>) -> Self {
        let count = shape.tasks();
        let mut ready = TaskSet::new(count);
        let mut tasks = Vec::with_capacity(count);
        for id in shape.ids() {
            let unmet = shape.dependencies(id);
            let phase = if unmet == 0 { Phase::Ready } else { Phase::Blocked };
            if unmet == 0 {
                ready.insert(id);
            }
            tasks.push(Slot { attempt: 0, unmet, phase, entered_apply: false, probed: false });
        }
        let empty = TaskSet::new(count);
        Self {
            shape,
            seq: 0,
            batch: 0,
            run: RunState::New,
            tasks,
            ready,
            in_flight: empty.clone(),
            failed: empty.clone(),
            to_undo: empty.clone(),
            unsettled: empty,
            waiting: BTreeSet::new(),
            budgets: BTreeMap::new(),
            facts: BTreeMap::new(),
            first_facts: BTreeMap::new(),
            done: 0,
            changed: 0,
        }
    }

    pub(super) fn slot(&self, task: TaskId) -> &Slot {
        &self.tasks[task.0 as usize]
    }

    pub(super) fn is_wanted(&self, want: &Want) -> bool {
        self.tasks.get(want.task.0 as usize).is_some_and(|slot| {
            slot.attempt == want.attempt
                && slot.phase.op() == Some(want.op)
                && self.in_flight.contains(want.task)
        })
    }

    /// Which way the run goes and whether it is stopping; None when it is not active.
    pub(super) fn active(&self) -> Option<(Direction, Halt)> {
        match self.run {
            RunState::Active { direction, halt } => Some((direction, halt)),
            RunState::New | RunState::Finished { .. } => None,
        }
    }

    /// How the run ends now; None while something is in flight, waits or may start.
    ///
    /// What is complete is complete, even where the operator interrupted meanwhile; a failure names the outcome
    /// even where the operator interrupted as well, since that is what has to be mended.
    pub(super) fn due_outcome(&self) -> Option<Outcome> {
        let (direction, halt) = self.active()?;
        if !self.in_flight.is_empty() {
            return None;
        }
        let complete = match direction {
            Direction::Forward if self.done as usize == self.tasks.len() => {
                Some(if self.changed == 0 { Outcome::Unchanged } else { Outcome::Changed })
            }
            Direction::Undo if self.to_undo.is_empty() => Some(Outcome::Undone),
            Direction::Forward | Direction::Undo => None,
        };
        let failed = match direction {
            Direction::Forward => Outcome::Failed,
            Direction::Undo => Outcome::Stuck,
        };
        complete.or(halt.failed.then_some(failed)).or(halt.stop.map(|_| Outcome::Interrupted))
    }

    /// The task whose undo is next, or in flight, or waits for its retry.
    pub(super) fn next_undo(&self) -> Option<TaskId> {
        self.to_undo.last()
    }

    /// Whether a cancel leaves what is in flight of a task to finish.
    pub(super) fn outlives_cancel(&self, task: TaskId) -> bool {
        let acts = matches!(self.slot(task).phase, Phase::Applying | Phase::Undoing);
        acts && self.shape.policy(task).cancel == CancelPolicy::Finish
    }

    pub(super) fn is_restorable(&self, task: TaskId) -> bool {
        self.shape.policy(task).undo == UndoSupport::Supported
    }

    /// What equality and hashing see; the other sets follow from it.
    fn essence(&self) -> impl Hash + Eq {
        (self.run, &self.tasks, &self.unsettled, &self.facts, &self.first_facts)
    }

    fn used(&self) -> impl Iterator<Item = (TaskId, u32)> {
        self.budgets.iter().map(|(task, budget)| (*task, budget.used))
    }
}

impl PartialEq for Machine {
    fn eq(&self, other: &Self) -> bool {
        self.essence() == other.essence() && self.used().eq(other.used())
    }
}

impl Eq for Machine {}

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.essence().hash(state);
        self.used().for_each(|used| used.hash(state));
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.tasks.iter().map(|slot| (slot.phase, slot.attempt, slot.entered_apply));
        f.debug_struct("Machine")
            .field("run", &self.run)
            .field("tasks", &tasks.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
