//! Which changes stand above a task: a probe below one says nothing of the time after it.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::machine::Verdict;
use certwright_engine::plan::{HostIndex, Nature, Plan, TaskId, WORKSTATION};

use super::look::{Looked, Seen};

/// The checks above which the plan has nothing that acts: what they see, nothing of the run has changed.
pub(super) fn checks_before_any_change(plan: &Plan) -> BTreeSet<TaskId> {
    let mut first = BTreeSet::new();
    for task in plan.task_ids() {
        let is_check = plan.step(task).nature == Nature::Checking;
        if is_check && plan.task(task).after.iter().all(|before| first.contains(before)) {
            first.insert(task);
        }
    }
    first
}

/// For every task the nearest tasks above it that would change something, or whose probe failed.
pub(super) fn changes_above(plan: &Plan, looked: &BTreeMap<TaskId, Looked>) -> Vec<BTreeSet<TaskId>> {
    let mut all: Vec<BTreeSet<TaskId>> = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let mut above = BTreeSet::new();
        for before in &task.after {
            match looked.get(before) {
                Some(Ok(Seen { verdict: Verdict::Drifted, .. }) | Err(_)) => drop(above.insert(*before)),
                Some(Ok(Seen { verdict: Verdict::Satisfied, .. })) | None => {
                    above.extend(&all[before.0 as usize]);
                }
            }
        }
        all.push(above);
    }
    all
}

/// For every task the last tasks above it, one a host, that would change what it looks at.
///
/// Host after host, so that the memory is that of the tasks alone.
pub(super) fn changes_touching(plan: &Plan, looked: &BTreeMap<TaskId, Looked>) -> Vec<BTreeSet<TaskId>> {
    let drifted =
        |task: &TaskId| matches!(looked.get(task), Some(Ok(Seen { verdict: Verdict::Drifted, .. })));
    let failed = |task: &TaskId| matches!(looked.get(task), Some(Err(_)));
    let mut touching = vec![BTreeSet::new(); plan.tasks.len()];
    let changing: Vec<TaskId> = plan.task_ids().filter(|task| drifted(task) || failed(task)).collect();
    let hosts: BTreeSet<HostIndex> = changing.iter().map(|task| plan.task(*task).host).collect();
    for host in hosts {
        let mut last: Vec<Option<TaskId>> = Vec::with_capacity(plan.tasks.len());
        for task in plan.task_ids() {
            let of = |before: &TaskId| {
                let here = plan.task(*before).host == host && (drifted(before) || failed(before));
                if here { Some(*before) } else { last[before.0 as usize] }
            };
            let found = plan.task(task).after.iter().filter_map(of).max();
            if let Some(above) = found.filter(|above| touches(plan, *above, task)) {
                touching[task.0 as usize].insert(above);
            }
            last.push(found);
        }
    }
    touching
}

/// Whether a change by `above` can alter what `below` looks at: a step looks at its own host, and one on the
/// workstation at all of them.
fn touches(plan: &Plan, above: TaskId, below: TaskId) -> bool {
    let (above, below) = (&plan.host(above).name, &plan.host(below).name);
    above == below || above == WORKSTATION || below == WORKSTATION
}
