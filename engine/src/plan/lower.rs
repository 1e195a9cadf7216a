//! Fan-out, rolling and orders, lowered to plain edges between tasks (step x host).
//!
//! Between stages, and between the batches of a stage, *every* first task of the later one waits for *every*
//! last task of the earlier one. As each batch waits for the one before, a stage's last tasks are those of its
//! last batch alone. A stage that a limit left without hosts passes on what it would have waited for.
//!
//! Tasks are made in a topological order: stage by stage, batch by batch, host by host (so that machines are
//! finished one after the other where there are more than can be worked on at a time), step by step.

use super::order::Order;
use super::rolling::Rolling;
use super::{HostIndex, StepIndex, Task, TaskId, limits};

/// A stage and the hosts it runs on.
#[derive(Debug)]
pub(super) struct Spread<'p> {
    /// How its hosts are split into batches.
    pub(super) rolling: &'p Rolling,
    /// The order of its steps.
    pub(super) order: &'p Order,
    /// Place of its first step in the plan.
    pub(super) first_step: u32,
    /// Its hosts, in the order of the inventory.
    pub(super) hosts: Vec<HostIndex>,
}

/// Why a plan cannot be lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMany {
    /// It would have so many, more than [`limits::TASKS`].
    Tasks(usize),
    /// It would have so many, more than [`limits::EDGES`].
    Edges(usize),
}

/// Lowers stages to tasks.
pub(super) fn lower(stages: &[Spread], stage_order: &Order) -> Result<Vec<Task>, TooMany> {
    let count: usize = stages.iter().map(|stage| stage.hosts.len() * stage.order.after.len()).sum();
    if count > limits::TASKS {
        return Err(TooMany::Tasks(count));
    }
    let mut lowering = Lowering { tasks: Vec::with_capacity(count), edges: 0 };
    let mut exits: Vec<Vec<TaskId>> = vec![Vec::new(); stages.len()];
    for &at in &stage_order.sequence {
        let mut gate: Vec<TaskId> =
            stage_order.after[at].iter().flat_map(|before| exits[*before].iter().copied()).collect();
        gate.sort_unstable();
        gate.dedup();
        for batch in stages[at].rolling.batches(&stages[at].hosts) {
            gate = lowering.batch(&stages[at], &batch, &gate);
        }
        exits[at] = gate;
    }
    if lowering.edges > limits::EDGES {
        return Err(TooMany::Edges(lowering.edges));
    }
    let tasks = lowering.tasks;
    let ordered =
        (0..).map(TaskId).zip(&tasks).all(|(id, task)| task.after.iter().all(|before| *before < id));
    assert!(ordered, "every task is lowered after those it waits for");
    Ok(tasks)
}

struct Lowering {
    tasks: Vec<Task>,
    edges: usize,
}

impl Lowering {
    /// Makes the tasks of some hosts of a stage, all behind `gate`; returns the last ones.
    ///
    /// Beyond [`limits::EDGES`] they are only counted.
    fn batch(&mut self, stage: &Spread, hosts: &[HostIndex], gate: &[TaskId]) -> Vec<TaskId> {
        let after = &stage.order.after;
        let mut is_last = vec![true; after.len()];
        for before in after.iter().flatten() {
            is_last[*before] = false;
        }
        let mut last = Vec::new();
        for host in hosts {
            let mut ids = vec![TaskId(0); after.len()];
            for &step in &stage.order.sequence {
                let id = TaskId(u32::try_from(self.tasks.len()).expect("tasks are limited"));
                ids[step] = id;
                if is_last[step] {
                    last.push(id);
                }
                let mut before: Vec<TaskId> = after[step].iter().map(|before| ids[*before]).collect();
                before.sort_unstable();
                self.edges += if before.is_empty() { gate.len() } else { before.len() };
                if self.edges > limits::EDGES {
                    before = Vec::new();
                } else if before.is_empty() {
                    before = gate.to_vec();
                }
                let step = StepIndex(stage.first_step + u32::try_from(step).expect("steps are limited"));
                self.tasks.push(Task { step, host: *host, after: before });
            }
        }
        last
    }
}
