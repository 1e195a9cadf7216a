//! What the machine keeps of a plan: edges and policies in flat arrays, built once.
//!
//! Invariant: every edge leads from a lower task id to a higher one, so ascending ids are a dependency order
//! and descending ids are a reverse one. A plan may come from a hostile journal, so it is checked here.
//! Deliberately absent: names, parameters, hosts.

use super::delay::delay_ms;
use crate::plan::{CancelPolicy, ErrorClass, Nature, Plan, Retry, TaskId, UndoSupport};

/// The DAG and the policies of a plan, as the machine needs them.
#[derive(Debug)]
pub struct Shape {
    count: u32,
    seed: u64,
    limit: usize,
    /// `successors[first_successor[t]..first_successor[t + 1]]` wait for task t.
    first_successor: Vec<u32>,
    successors: Vec<TaskId>,
    /// Number of dependencies of each task.
    dependencies: Vec<u32>,
    /// The step of each task, a place in `policies`.
    step: Vec<u32>,
    policies: Vec<Policy>,
}

/// What the machine needs to know of a step.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) retry: Retry,
    pub(super) nature: Nature,
    pub(super) cancel: CancelPolicy,
    pub(super) undo: UndoSupport,
}

/// A plan that is not a DAG in the order of its ids; only a damaged or hostile journal holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A task names a step that is not there.
    #[error("task {} of the plan names step {step}, which is not there", task.0)]
    Step {
        /// The task.
        task: TaskId,
        /// What it names.
        step: u32,
    },
    /// A task names a host that is not there.
    #[error("task {} of the plan names host {host}, which is not there", task.0)]
    Host {
        /// The task.
        task: TaskId,
        /// What it names.
        host: u32,
    },
    /// A task comes after itself, a later task or one that is not there.
    #[error("task {} of the plan comes after task {}, which is not before it", task.0, after.0)]
    Order {
        /// The task.
        task: TaskId,
        /// What it names.
        after: TaskId,
    },
    /// A step allows no attempt at all.
    #[error("step {step} of the plan allows no attempt")]
    NoAttempt {
        /// The step.
        step: usize,
    },
    /// More than 2^32 - 1 tasks or edges.
    #[error("the plan has more than 4294967295 tasks or edges")]
    TooLarge,
}

impl Shape {
    /// Reads a plan. `seed` is that of the jitter; at most `limit` tasks (but at least one) are in flight.
    pub fn from_plan(plan: &Plan, seed: u64, limit: usize) -> Result<Self, ShapeError> {
        let count = check(plan)?;
        let mut first_successor = vec![0_u32; plan.tasks.len() + 1];
        let mut dependencies = vec![0_u32; plan.tasks.len()];
        for (task, unmet) in plan.tasks.iter().zip(&mut dependencies) {
            for after in &task.after {
                *unmet += 1;
                first_successor[after.0 as usize + 1] += 1;
            }
        }
        for i in 1..first_successor.len() {
            first_successor[i] += first_successor[i - 1];
        }
        let mut next = first_successor.clone();
        let mut successors = vec![TaskId(0); first_successor[plan.tasks.len()] as usize];
        for (id, task) in plan.task_ids().zip(&plan.tasks) {
            for after in &task.after {
                let slot = &mut next[after.0 as usize];
                successors[*slot as usize] = id;
                *slot += 1;
            }
        }
        let policies = plan.steps.iter().map(|step| Policy {
            retry: step.retry.clone(),
            nature: step.nature,
            cancel: step.cancel,
            undo: step.undo,
        });
        Ok(Self {
            count,
            seed,
            limit: limit.max(1),
            first_successor,
            successors,
            dependencies,
            step: plan.tasks.iter().map(|task| task.step.0).collect(),
            policies: policies.collect(),
        })
    }

    /// Number of tasks.
    pub fn tasks(&self) -> usize {
        self.count as usize
    }

    /// Tasks in flight at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// All task ids in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.count).map(TaskId)
    }

    pub(super) fn dependencies(&self, task: TaskId) -> u32 {
        self.dependencies[task.0 as usize]
    }

    pub(super) fn successors(&self, task: TaskId) -> &[TaskId] {
        let at = task.0 as usize;
        &self.successors[self.first_successor[at] as usize..self.first_successor[at + 1] as usize]
    }

    pub(super) fn policy(&self, task: TaskId) -> &Policy {
        &self.policies[self.step[task.0 as usize] as usize]
    }

    /// Delay before the attempt that follows the failed `attempt`, the `used`-th since the run (re)started;
    /// None when the policy gives up. `elapsed_ms` has passed since the first of those began.
    pub(super) fn retry_in_ms(
        &self,
        task: TaskId,
        attempt: u32,
        used: u32,
        elapsed_ms: u64,
        class: ErrorClass,
    ) -> Option<u64> {
        let retry = &self.policy(task).retry;
        if class == ErrorClass::Denied || !retry.on.contains(&class) || used >= retry.attempts {
            return None;
        }
        let delay = delay_ms(retry, used, (self.seed, task, attempt));
        let in_time = retry.within_ms.is_none_or(|within| elapsed_ms.saturating_add(delay) <= within);
        in_time.then_some(delay)
    }
}

/// Number of tasks of a plan that is as a machine needs it.
fn check(plan: &Plan) -> Result<u32, ShapeError> {
    if let Some(step) = plan.steps.iter().position(|step| step.retry.attempts == 0) {
        return Err(ShapeError::NoAttempt { step });
    }
    let count = u32::try_from(plan.tasks.len()).map_err(|_| ShapeError::TooLarge)?;
    let mut edges = 0;
    for (id, task) in plan.task_ids().zip(&plan.tasks) {
        if task.step.0 as usize >= plan.steps.len() {
            return Err(ShapeError::Step { task: id, step: task.step.0 });
        }
        if task.host.0 as usize >= plan.hosts.len() {
            return Err(ShapeError::Host { task: id, host: task.host.0 });
        }
        if let Some(&after) = task.after.iter().find(|&&after| after >= id) {
            return Err(ShapeError::Order { task: id, after });
        }
        edges += task.after.len();
    }
    u32::try_from(edges).map_err(|_| ShapeError::TooLarge)?;
    Ok(count)
}
