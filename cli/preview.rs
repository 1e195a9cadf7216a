//! What a run would do, found by looking: the dry run.
//!
//! Every acting step is probed. A probe judges a step above which nothing will change. What stands below a change
//! is not guessed at: a drifted step there will run after it, a satisfied one `will run if` the change touches it,
//! each with its own outlook where its kind has one, and a check is left for the run. A host that does not let us in
//! says so once. Nothing is changed. Deliberately absent: text (see [`crate::human::preview`]).

mod by_hand;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::{HostError, Hosts};
use certwright_engine::machine::{StepError, Verdict};
use certwright_engine::plan::{ErrorClass, HostIndex, Nature, Plan, TaskId, WORKSTATION};
use certwright_engine::step::{Context, Outlook, Progress, Registry, Step, host_error};
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
    /// Not as wanted, below a change: the run would look again after it, and change it then.
    WillRunAfter {
        /// What the probe said.
        summary: String,
        /// What the kind can tell of the time after the change.
        outlook: Option<String>,
        /// The exact commands, one a line.
        commands: Vec<String>,
    },
    /// As wanted now, but a change above may alter that.
    WillRunIf {
        /// What the probe said.
        summary: String,
        /// What the kind can tell of the time after the change.
        outlook: Option<String>,
        /// The exact commands that it would be then, one a line.
        commands: Vec<String>,
    },
    /// A check that only makes sense after the changes above.
    WillCheck,
    /// Cannot be seen before the changes above.
    NotYetSeen {
        /// Why.
        why: String,
    },
    /// Its host, or one it asks, does not let us in: told in full at another task.
    NotSeen {
        /// The task at which it is told.
        see: TaskId,
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
            | Finding::WillRunAfter { .. }
            | Finding::WillRunIf { .. }
            | Finding::WillCheck
            | Finding::NotYetSeen { .. }
            | Finding::NotSeen { .. } => None,
        })
    }

    /// How many tasks would change something for sure.
    pub(crate) fn changes(&self) -> usize {
        self.tasks.iter().filter(|f| matches!(f.finding, Finding::WillChange { .. })).count()
    }

    /// How many tasks are not as wanted, below such a change.
    pub(crate) fn changes_after(&self) -> usize {
        self.tasks.iter().filter(|f| matches!(f.finding, Finding::WillRunAfter { .. })).count()
    }
}

/// What a look at a task told.
struct Seen {
    verdict: Verdict,
    summary: String,
    commands: Vec<String>,
    outlook: Option<Outlook>,
}

type Looked = Result<Seen, StepError>;

/// A host that does not let us in: the first of its tasks, and what it says.
struct Dark {
    first: TaskId,
    error: StepError,
}

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
    let dark = looker.knock().await;
    let acting = |id: &TaskId| plan.step(*id).nature == Nature::Acting;
    let lit = |id: &TaskId| !dark.contains_key(&plan.task(*id).host);
    let mut seen = looker.look(&plan.task_ids().filter(|id| acting(id) && lit(id)).collect::<Vec<_>>()).await;
    let above = changes_above(plan, &seen);
    let touching = changes_touching(plan, &seen);
    let clear = |id: &TaskId| !acting(id) && lit(id) && above[id.0 as usize].is_empty();
    seen.extend(looker.look(&plan.task_ids().filter(clear).collect::<Vec<_>>()).await);
    let tasks = plan
        .task_ids()
        .map(|task| match in_the_dark(plan, task, seen.get(&task), &dark) {
            Some(finding) => Foreseen { task, finding, after: Vec::new() },
            None => foresee(task, seen.remove(&task), &above[task.0 as usize], &touching[task.0 as usize]),
        })
        .collect();
    Preview { tasks }
}

fn foresee(
    task: TaskId,
    looked: Option<Looked>,
    above: &BTreeSet<TaskId>,
    touching: &BTreeSet<TaskId>,
) -> Foreseen {
    let all: Vec<TaskId> = above.iter().copied().collect();
    let touching: Vec<TaskId> = touching.iter().copied().collect();
    let (finding, after) = match looked {
        None => (Finding::WillCheck, all),
        Some(Ok(seen)) => (below(seen, &touching), touching),
        Some(Err(error)) if all.is_empty() => (Finding::Fails { error }, all),
        Some(Err(error)) => (Finding::NotYetSeen { why: error.message }, all),
    };
    Foreseen { task, finding, after }
}

/// What a look means below these changes.
fn below(seen: Seen, touching: &[TaskId]) -> Finding {
    let Seen { verdict, summary, commands, outlook } = seen;
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
    if let Some(Dark { first, error }) = dark.get(&plan.task(task).host) {
        let finding = || Finding::Fails { error: error.clone() };
        return Some(if *first == task { finding() } else { Finding::NotSeen { see: *first } });
    }
    let Some(Err(error)) = looked else { return None };
    let told = |dark: &&Dark| error.message.contains(&dark.error.message);
    dark.values().find(told).map(|dark| Finding::NotSeen { see: dark.first })
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
fn changes_touching(plan: &Plan, looked: &BTreeMap<TaskId, Looked>) -> Vec<BTreeSet<TaskId>> {
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

struct Looker<'a> {
    plan: &'a Plan,
    run: &'a str,
    registry: &'a Registry,
    hosts: &'a Hosts,
    clock: &'a Clock,
}

impl Looker<'_> {
    /// Asks every host for its root folder; those that do not answer are not asked anything more.
    async fn knock(&self) -> BTreeMap<HostIndex, Dark> {
        let mut first: BTreeMap<HostIndex, TaskId> = BTreeMap::new();
        for task in self.plan.task_ids() {
            first.entry(self.plan.task(task).host).or_insert(task);
        }
        let mut side_by_side = JoinSet::new();
        for (index, first) in first {
            let spec = &self.plan.hosts[index.0 as usize];
            let (host, by_hand) = (self.context(&spec.name).host, by_hand::by_hand(spec));
            side_by_side.spawn(async move {
                match host.stat("/").await {
                    Err(error @ (HostError::NotReached { .. } | HostError::Auth { .. })) => {
                        Some((index, Dark { first, error: host_error(&error, None).remedy(by_hand) }))
                    }
                    // It says itself what to do about the key.
                    Err(error @ HostError::Identity { .. }) => {
                        Some((index, Dark { first, error: host_error(&error, None) }))
                    }
                    // A probe tells it with what it was about.
                    Ok(_)
                    | Err(
                        HostError::Deadline { .. }
                        | HostError::Unknown { .. }
                        | HostError::Busy { .. }
                        | HostError::Owned { .. }
                        | HostError::Refused { .. },
                    ) => None,
                }
            });
        }
        side_by_side.join_all().await.into_iter().flatten().collect()
    }

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
    let outlook = step.outlook(&probe.facts);
    Ok(Seen { verdict: probe.verdict, summary: probe.summary, commands, outlook })
}
