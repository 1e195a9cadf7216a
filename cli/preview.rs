//! What a run would do, found by looking: the dry run.
//!
//! Every acting step is probed. What stands below a step that would change something is not guessed at: a
//! satisfied step there `will run if` that change touches it, and a check is left for the run. Nothing is
//! changed. Deliberately absent: text (see [`crate::human::preview`]).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::Hosts;
use certwright_engine::machine::{StepError, Verdict};
use certwright_engine::plan::{ErrorClass, Nature, Plan, TaskId, WORKSTATION};
use certwright_engine::step::{Context, Progress, Registry, Step};
use tokio::task::JoinSet;

/// What a run would do with one task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// As wanted, and nothing above would change that.
    Unchanged {
        /// What the probe said.
        summary: String,
    },
    /// Not as wanted: the run would change it.
    WillChange {
        /// What the probe said.
        summary: String,
        /// The exact commands, one a line.
        commands: Vec<String>,
    },
    /// As wanted now, but a change above may alter that.
    WillRunIf {
        /// What the probe said.
        summary: String,
    },
    /// A check that only makes sense after the changes above.
    WillCheck,
    /// Cannot be seen before the changes above.
    NotYetSeen {
        /// Why.
        why: String,
    },
    /// The probe fails, and nothing above would mend it: the run would stop here.
    Fails {
        /// Why.
        error: StepError,
    },
}

/// A task, what a run would do with it, and the changes above it that matter.
#[derive(Debug, Clone)]
pub(crate) struct Foreseen {
    /// The task.
    pub(crate) task: TaskId,
    /// What the run would do.
    pub(crate) finding: Finding,
    /// The nearest tasks above it that would change something.
    pub(crate) after: Vec<TaskId>,
}

/// The whole dry run, in the order of the tasks.
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    /// Every task.
    pub(crate) tasks: Vec<Foreseen>,
}

impl Preview {
    /// The tasks at which a run would stop before it could change anything.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (TaskId, &StepError)> {
        self.tasks.iter().filter_map(|foreseen| match &foreseen.finding {
            Finding::Fails { error } => Some((foreseen.task, error)),
            Finding::Unchanged { .. }
            | Finding::WillChange { .. }
            | Finding::WillRunIf { .. }
            | Finding::WillCheck
            | Finding::NotYetSeen { .. } => None,
        })
    }

    /// How many tasks would change something for sure.
    pub(crate) fn changes(&self) -> usize {
        self.tasks.iter().filter(|f| matches!(f.finding, Finding::WillChange { .. })).count()
    }
}

type Looked = Result<(Verdict, String, Vec<String>), StepError>;

/// Looks at every host: hosts side by side, the steps of one in their order. `run` is the id that names what the
/// run would make.
pub(crate) async fn preview(
    plan: &Plan,
    run: &str,
    registry: &Registry,
    hosts: &Hosts,
    clock: &Clock,
) -> Preview {
    let looker = Looker { plan, run, registry, hosts, clock };
    let acting = |id: &TaskId| plan.step(*id).nature == Nature::Acting;
    let mut seen = looker.look(&plan.task_ids().filter(acting).collect::<Vec<_>>()).await;
    let above = changes_above(plan, &seen);
    let clear = |id: &TaskId| !acting(id) && above[id.0 as usize].is_empty();
    seen.extend(looker.look(&plan.task_ids().filter(clear).collect::<Vec<_>>()).await);
    let tasks = plan
        .task_ids()
        .map(|task| foresee(plan, task, seen.remove(&task), &above[task.0 as usize]))
        .collect();
    Preview { tasks }
}

fn foresee(plan: &Plan, task: TaskId, looked: Option<Looked>, above: &BTreeSet<TaskId>) -> Foreseen {
    let touching: Vec<TaskId> = above.iter().copied().filter(|a| touches(plan, *a, task)).collect();
    let all: Vec<TaskId> = above.iter().copied().collect();
    let (finding, after) = match looked {
        None => (Finding::WillCheck, all),
        Some(Ok((Verdict::Drifted, summary, commands))) => {
            (Finding::WillChange { summary, commands }, touching)
        }
        Some(Ok((Verdict::Satisfied, summary, _))) if touching.is_empty() => {
            (Finding::Unchanged { summary }, touching)
        }
        Some(Ok((Verdict::Satisfied, summary, _))) => (Finding::WillRunIf { summary }, touching),
        Some(Err(error)) if all.is_empty() => (Finding::Fails { error }, all),
        Some(Err(error)) => (Finding::NotYetSeen { why: error.message }, all),
    };
    Foreseen { task, finding, after }
}

/// Whether a change by `above` can alter what `below` looks at: a step looks at its own host, and one on the
/// workstation at all of them.
fn touches(plan: &Plan, above: TaskId, below: TaskId) -> bool {
    let (above, below) = (&plan.host(above).name, &plan.host(below).name);
    above == below || above == WORKSTATION || below == WORKSTATION
}

/// For every task the nearest tasks above it that would change something, or whose probe failed.
fn changes_above(plan: &Plan, looked: &BTreeMap<TaskId, Looked>) -> Vec<BTreeSet<TaskId>> {
    let mut all: Vec<BTreeSet<TaskId>> = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let mut above = BTreeSet::new();
        for before in &task.after {
            match looked.get(before) {
                Some(Ok((Verdict::Drifted, ..)) | Err(_)) => drop(above.insert(*before)),
                Some(Ok((Verdict::Satisfied, ..))) | None => above.extend(&all[before.0 as usize]),
            }
        }
        all.push(above);
    }
    all
}

struct Looker<'a> {
    plan: &'a Plan,
    run: &'a str,
    registry: &'a Registry,
    hosts: &'a Hosts,
    clock: &'a Clock,
}

impl Looker<'_> {
    /// Probes these tasks: hosts side by side, one probe at a time on each.
    async fn look(&self, tasks: &[TaskId]) -> BTreeMap<TaskId, Looked> {
        let mut by_host: BTreeMap<&str, Vec<TaskId>> = BTreeMap::new();
        for task in tasks {
            by_host.entry(&self.plan.host(*task).name).or_default().push(*task);
        }
        let mut side_by_side = JoinSet::new();
        for (name, tasks) in by_host {
            let probes: Vec<_> = tasks.into_iter().map(|task| (task, self.probe_of(task))).collect();
            let cx = self.context(name);
            side_by_side.spawn(async move {
                let mut looked = Vec::new();
                for (task, (step, timeout)) in probes {
                    looked.push((task, look_once(&*step, &cx, timeout).await));
                }
                looked
            });
        }
        side_by_side.join_all().await.into_iter().flatten().collect()
    }

    fn probe_of(&self, task: TaskId) -> (Box<dyn Step>, Duration) {
        let spec = self.plan.step(task);
        let kind = self.registry.get(&spec.kind).expect("a validated plan names registered kinds");
        ((kind.build)(&spec.with), Duration::from_millis(spec.timeout_ms))
    }

    fn context(&self, host: &str) -> Context {
        Context {
            host: Arc::clone(self.hosts.get(host).expect("every host of the plan was made")),
            hosts: self.hosts.clone(),
            cluster: self.plan.cluster.clone(),
            run: self.run.to_owned(),
            clock: self.clock.clone(),
            progress: Progress::none(),
        }
    }
}

async fn look_once(step: &dyn Step, cx: &Context, timeout: Duration) -> Looked {
    let probe = tokio::time::timeout(timeout, step.probe(cx)).await.unwrap_or_else(|_| {
        let message = format!("no answer within {}", crate::when::lasted(timeout));
        Err(StepError::new(ErrorClass::DeadlineExceeded, message))
    })?;
    let commands = match probe.verdict {
        Verdict::Drifted => step.commands(&probe.facts),
        Verdict::Satisfied => Vec::new(),
    };
    Ok((probe.verdict, probe.summary, commands))
}
