//! What a run would do, found by looking: the dry run.
//!
//! Every acting step is probed. A probe judges a step above which nothing will change. What stands below a change
//! is not guessed at: a drifted step there will run after it, a satisfied one `will run if` the change touches it,
//! each with its own outlook where its kind has one, and a check is left for the run. A host that does not let us in,
//! or belongs to another run, says so once. Nothing is changed. Deliberately absent: text (see [`crate::human::preview`]).

mod finding;

mod knock;

mod look;

mod above;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::clock::Clock;
use certwright_engine::host::Hosts;
use certwright_engine::machine::{StepError, Verdict};
use certwright_engine::plan::{ErrorClass, HostIndex, Nature, Plan, TaskId};
use certwright_engine::step::Registry;

use above::{changes_above, changes_touching};
pub(crate) use finding::{Finding, Foreseen, Preview};
pub(crate) use knock::{Again, Dark};
pub(crate) use look::{Looked, Looker, Seen};

/// Looks at every host: hosts side by side, the acting steps of one in their order, and the checks that no change can
/// stand above at the same time. `run` is the id that names what the
/// run would make.
pub(crate) async fn preview(
    plan: &Plan,
    run: &str,
    registry: &Registry,
    hosts: &Hosts,
    clock: &Clock,
) -> Preview {
    let looker = Looker { plan, run, registry, hosts, clock };
    let knocked = looker.knock(Again::All).await;
    let dark = &knocked.dark;
    let acting = |id: &TaskId| plan.step(*id).nature == Nature::Acting;
    let lit = |id: &TaskId| !dark.contains_key(&plan.task(*id).host);
    let first = above::checks_before_any_change(plan);
    let at_once = |id: &TaskId| (acting(id) || first.contains(id)) && lit(id);
    let seen = looker.look(&plan.task_ids().filter(at_once).collect::<Vec<_>>()).await;
    // What a check says is no change, not even that it fails.
    let (checked, mut seen): (BTreeMap<_, _>, BTreeMap<_, _>) =
        seen.into_iter().partition(|(id, _)| first.contains(id));
    let above = changes_above(plan, &seen);
    let touching = changes_touching(plan, &seen);
    let clear =
        |id: &TaskId| !acting(id) && lit(id) && above[id.0 as usize].is_empty() && !first.contains(id);
    seen.extend(checked);
    seen.extend(looker.look(&plan.task_ids().filter(clear).collect::<Vec<_>>()).await);
    let mut tasks: Vec<Foreseen> = plan
        .task_ids()
        .map(|task| match in_the_dark(plan, task, seen.get(&task), dark) {
            Some(finding) => Foreseen { task, finding, after: Vec::new(), warnings: Vec::new() },
            None => {
                let above = &above[task.0 as usize];
                let looked = seen.remove(&task);
                failed_check(plan, task, looked.as_ref(), above)
                    .unwrap_or_else(|| foresee(task, looked, above, &touching[task.0 as usize]))
            }
        })
        .collect();
    knocked.tell_owned(&looker, &mut tasks);
    Preview { tasks }
}

/// A check that is not as wanted changes nothing: the run stops at it, or tries it again where the step says so.
fn failed_check(
    plan: &Plan,
    task: TaskId,
    looked: Option<&Looked>,
    above: &BTreeSet<TaskId>,
) -> Option<Foreseen> {
    let step = plan.step(task);
    let Some(Ok(Seen { verdict: Verdict::Drifted, summary, warnings, .. })) = looked else { return None };
    if step.nature == Nature::Acting || !above.is_empty() {
        return None;
    }
    let again = step.retry.attempts > 1 && step.retry.on.contains(&ErrorClass::Unsatisfied);
    let finding = if again {
        Finding::WillCheck { now: Some(summary.clone()) }
    } else {
        Finding::Fails { error: StepError::new(ErrorClass::Unsatisfied, summary) }
    };
    Some(Foreseen { task, finding, after: Vec::new(), warnings: warnings.clone() })
}

fn foresee(
    task: TaskId,
    looked: Option<Looked>,
    above: &BTreeSet<TaskId>,
    touching: &BTreeSet<TaskId>,
) -> Foreseen {
    let all: Vec<TaskId> = above.iter().copied().collect();
    let touching: Vec<TaskId> = touching.iter().copied().collect();
    let mut warnings = Vec::new();
    let (finding, after) = match looked {
        None => (Finding::WillCheck { now: None }, all),
        Some(Ok(mut seen)) => {
            warnings.append(&mut seen.warnings);
            (below(seen, &touching), touching)
        }
        Some(Err(error)) if all.is_empty() => (Finding::Fails { error }, all),
        Some(Err(error)) => (Finding::NotYetSeen { why: error.message }, all),
    };
    Foreseen { task, finding, after, warnings }
}

/// What a look means below these changes.
fn below(seen: Seen, touching: &[TaskId]) -> Finding {
    let Seen { verdict, summary, commands, outlook, .. } = seen;
    let (outlook, later) = match outlook {
        Some(outlook) => (Some(outlook.summary), Some(outlook.commands)),
        None => (None, None),
    };
    match (verdict, touching) {
        (Verdict::Satisfied, []) => Finding::Unchanged { summary },
        (Verdict::Drifted, []) => Finding::WillChange { summary, commands },
        (Verdict::Satisfied, [_, ..]) => {
            Finding::WillRunIf { summary, outlook, commands: later.unwrap_or_default() }
        }
        (Verdict::Drifted, [_, ..]) => {
            Finding::WillRunAfter { summary, outlook, commands: later.unwrap_or(commands) }
        }
    }
}

/// What is said of a task whose host, or one it asks, does not let us in.
fn in_the_dark(
    plan: &Plan,
    task: TaskId,
    looked: Option<&Looked>,
    dark: &BTreeMap<HostIndex, Dark>,
) -> Option<Finding> {
    if let Some(Dark { first, error, .. }) = dark.get(&plan.task(task).host) {
        let finding = || Finding::Fails { error: error.clone() };
        return Some(if *first == task { finding() } else { Finding::NotSeen { see: *first } });
    }
    let Some(Err(error)) = looked else { return None };
    let told = |dark: &&Dark| error.message.contains(&dark.error.message);
    dark.values().find(told).map(|dark| Finding::NotSeen { see: dark.first })
}
