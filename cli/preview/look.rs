//! The looking of a dry run: hosts side by side, few probes at a time on each, a deadline on every one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::Hosts;
use certwright_engine::machine::{Facts, StepError, Verdict};
use certwright_engine::plan::{ErrorClass, Nature, Plan, TaskId, WORKSTATION};
use certwright_engine::step::{Context, Outlook, Progress, Registry, Step};
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

/// Looks at the hosts of one plan.
pub(crate) struct Looker<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) run: &'a str,
    pub(crate) registry: &'a Registry,
    pub(crate) hosts: &'a Hosts,
    pub(crate) clock: &'a Clock,
}

impl Looker<'_> {
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

    pub(super) fn context(&self, host: &str) -> Context {
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
