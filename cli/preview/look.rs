//! The looking of a dry run: hosts side by side, few probes at a time on each, a deadline on every one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::{HostError, Hosts, by_hand};
use certwright_engine::machine::{Facts, StepError, Verdict};
use certwright_engine::plan::{ErrorClass, HostIndex, Nature, Plan, TaskId, WORKSTATION};
use certwright_engine::step::{Context, Outlook, Progress, Registry, Step, host_error};
use certwright_steps::kinds::{Warning, warnings};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Hosts that are asked at a time.
const AT_ONCE: usize = 64;

/// What a look at a task told.
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    pub(crate) facts: Facts,
    pub(crate) summary: String,
    pub(super) commands: Vec<String>,
    pub(super) outlook: Option<Outlook>,
    pub(super) warnings: Vec<Warning>,
}

pub(crate) type Looked = Result<Seen, StepError>;

/// A host that does not let us in: the first of its tasks, and what it says.
pub(crate) struct Dark {
    pub(super) first: TaskId,
    pub(crate) error: StepError,
}

/// Looks at the hosts of one plan.
pub(crate) struct Looker<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) run: &'a str,
    pub(crate) registry: &'a Registry,
    pub(crate) hosts: &'a Hosts,
    pub(crate) clock: &'a Clock,
}

impl Looker<'_> {
    /// Asks every host for its root folder; those that do not answer are not asked anything more.
    ///
    /// Who was not reached is asked a second time: the run would try again too, and whoever stood still for a moment (a
    /// busy machine, a workstation that slept) is not refused for it.
    pub(crate) async fn knock(&self) -> BTreeMap<HostIndex, Dark> {
        let mut first: BTreeMap<HostIndex, TaskId> = BTreeMap::new();
        for task in self.plan.task_ids() {
            first.entry(self.plan.task(task).host).or_insert(task);
        }
        let mut dark = self.ask(first).await;
        let was_reached = |dark: &Dark| dark.error.class != ErrorClass::Unavailable;
        let late = dark.iter().filter(|(_, dark)| !was_reached(dark)).map(|(at, dark)| (*at, dark.first));
        let late = late.collect();
        dark.retain(|_, dark| was_reached(dark));
        dark.extend(self.ask(late).await);
        dark
    }

    /// Asks these hosts for their root folders, side by side; those that do not let us in.
    async fn ask(&self, hosts: BTreeMap<HostIndex, TaskId>) -> BTreeMap<HostIndex, Dark> {
        let mut side_by_side = JoinSet::new();
        for (index, first) in hosts {
            let spec = &self.plan.hosts[index.0 as usize];
            let host = self.context(&spec.name).host;
            side_by_side.spawn(async move {
                match host.stat("/").await {
                    Err(error @ (HostError::NotReached { .. } | HostError::Auth { .. })) => {
                        let error = host_error(&error, None);
                        let error = match by_hand(host.as_ref()) {
                            Some(by_hand) => error.remedy(by_hand),
                            None => error,
                        };
                        Some((index, Dark { first, error }))
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

    /// Probes these tasks: hosts side by side, one probe at a time of those that act on each, and one of those that check.
    /// Those of the workstation are side by side, too: they ask the cluster, and a cluster that does not answer lets each
    /// of them wait.
    pub(crate) async fn look(&self, tasks: &[TaskId]) -> BTreeMap<TaskId, Looked> {
        let mut by_host: BTreeMap<(&str, usize), Vec<TaskId>> = BTreeMap::new();
        for (nth, task) in tasks.iter().enumerate() {
            let host = self.plan.host(*task).name.as_str();
            let lane = match self.plan.step(*task).nature {
                Nature::Acting | Nature::Checking if host == WORKSTATION => 2 + nth,
                Nature::Acting => 0,
                Nature::Checking => 1,
            };
            by_host.entry((host, lane)).or_default().push(*task);
        }
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut side_by_side = JoinSet::new();
        for ((name, _), tasks) in by_host {
            let probes: Vec<_> = tasks.into_iter().map(|task| (task, self.probe_of(task))).collect();
            let (cx, places) = (self.context(name), Arc::clone(&places));
            side_by_side.spawn(async move {
                let _place = places.acquire_owned().await;
                let mut looked = Vec::new();
                for (task, (step, timeout)) in probes {
                    looked.push((task, look_at(&*step, &cx, timeout).await));
                }
                looked
            });
        }
        side_by_side.join_all().await.into_iter().flatten().collect()
    }

    fn probe_of(&self, task: TaskId) -> (Box<dyn Step>, Duration) {
        let spec = self.plan.step(task);
        let kind = self.registry.get(&spec.kind).expect("a validated plan names registered kinds");
        (kind.step(&spec.with), Duration::from_millis(spec.timeout_ms))
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

/// Looks, and once more where an answer was lost or late: the run would look again too. But the workstation asks the
/// cluster, and one that does not answer would only be waited for twice.
async fn look_at(step: &dyn Step, cx: &Context, timeout: Duration) -> Looked {
    match look_once(step, cx, timeout).await {
        Err(error) if cx.host.name() == WORKSTATION => Err(error),
        Err(error) => match error.class {
            ErrorClass::DeadlineExceeded | ErrorClass::Unknown => look_once(step, cx, timeout).await,
            ErrorClass::Unavailable
            | ErrorClass::Unsatisfied
            | ErrorClass::Refused
            | ErrorClass::Invalid
            | ErrorClass::Denied => Err(error),
        },
        seen @ Ok(_) => seen,
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
    let warnings = warnings(&probe.facts);
    Ok(Seen {
        verdict: probe.verdict,
        facts: probe.facts,
        summary: probe.summary,
        commands,
        outlook,
        warnings,
    })
}
