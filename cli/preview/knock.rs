//! The first question to every host: whether it lets us in, and which run it belongs to.
//!
//! Invariant: a dry run tells of a host that belongs to another run whatever the plan is made of; where a step of the plan
//! looks at that itself (`preflight`), it says more, and is the one that tells.

use std::collections::BTreeMap;
use std::time::Duration;

use certwright_engine::host::worker::{NODE_BASE, Owner};
use certwright_engine::host::{Host, HostError, by_hand};
use certwright_engine::machine::StepError;
use certwright_engine::plan::{ErrorClass, HostIndex, Nature, TaskId, WORKSTATION};
use certwright_engine::step::host_error;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::finding::{Finding, Foreseen};
use super::look::Looker;

/// A host that does not let us in: the first of its tasks, what it says, and how long it was waited for.
pub(crate) struct Dark {
    pub(super) first: TaskId,
    pub(crate) said: HostError,
    pub(crate) error: StepError,
    took: Duration,
}

/// Whom a second question is for, of those that were not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// All of them: the run would try again too, and whoever stood still for a moment (a busy machine, a workstation that
    /// slept) is not refused for it.
    All,
    /// Those that said so at once: one that is silent is waited for once.
    AtOnce,
}

/// An answer that took longer was waited for.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What the hosts said.
#[derive(Default)]
pub(crate) struct Knocked {
    /// Those that do not let us in.
    pub(crate) dark: BTreeMap<HostIndex, Dark>,
    /// Those that belong to another run.
    owned: BTreeMap<HostIndex, Owner>,
}

/// What one host said.
enum Said {
    Dark(Dark),
    Owned(Owner),
    /// It is free, or a probe tells it with what it was about.
    Nothing,
}

impl Looker<'_> {
    /// Asks every host whose it is; those that do not let us in are not asked anything more.
    pub(crate) async fn knock(&self, again: Again) -> Knocked {
        let mut first: BTreeMap<HostIndex, TaskId> = BTreeMap::new();
        for task in self.plan.task_ids() {
            first.entry(self.plan.task(task).host).or_insert(task);
        }
        let mut knocked = Knocked::default();
        self.ask(first, &mut knocked).await;
        let is_late = |dark: &Dark| {
            let is_asked = again == Again::All || dark.took < AT_ONCE;
            is_asked && dark.error.class == ErrorClass::Unavailable
        };
        let late = knocked.dark.iter().filter(|(_, dark)| is_late(dark)).map(|(at, dark)| (*at, dark.first));
        let late = late.collect();
        knocked.dark.retain(|_, dark| !is_late(dark));
        self.ask(late, &mut knocked).await;
        knocked
    }

    /// Asks these hosts side by side.
    async fn ask(&self, hosts: BTreeMap<HostIndex, TaskId>, knocked: &mut Knocked) {
        let mut side_by_side = JoinSet::new();
        for (index, first) in hosts {
            let cx = self.context(&self.plan.hosts[index.0 as usize].name);
            side_by_side.spawn(async move { (index, ask(cx.host.as_ref(), &cx.run, first).await) });
        }
        for (index, said) in side_by_side.join_all().await {
            match said {
                Said::Dark(dark) => drop(knocked.dark.insert(index, dark)),
                Said::Owned(owner) => drop(knocked.owned.insert(index, owner)),
                Said::Nothing => {}
            }
        }
    }
}

async fn ask(host: &dyn Host, run: &str, first: TaskId) -> Said {
    let start = Instant::now();
    let said = match host.name() {
        // Nobody claims it.
        WORKSTATION => host.stat("/").await.map(|_| None),
        _ => host.read(&format!("{NODE_BASE}/owner")).await,
    };
    let took = start.elapsed();
    let dark = |said, error| Said::Dark(Dark { first, said, error, took });
    match said {
        Ok(line) => {
            let owner =
                Owner::parse(String::from_utf8_lossy(&line.unwrap_or_default()).trim_end_matches('\n'));
            owner.filter(|owner| owner.run != run).map_or(Said::Nothing, Said::Owned)
        }
        Err(said @ (HostError::NotReached { .. } | HostError::Auth { .. })) => {
            let error = host_error(&said, None);
            let error = match by_hand(host) {
                Some(by_hand) => error.remedy(by_hand),
                None => error,
            };
            dark(said, error)
        }
        // It says itself what to do about the key.
        Err(said @ HostError::Identity { .. }) => {
            let error = host_error(&said, None);
            dark(said, error)
        }
        Err(
            HostError::Deadline { .. }
            | HostError::Unknown { .. }
            | HostError::Busy { .. }
            | HostError::Owned { .. }
            | HostError::Refused { .. },
        ) => Said::Nothing,
    }
}

impl Knocked {
    /// Lets the first task that would change a host of another run say so, where none of its tasks does already.
    pub(super) fn tell_owned(&self, looker: &Looker<'_>, tasks: &mut [Foreseen]) {
        let plan = looker.plan;
        for (host, owner) in &self.owned {
            let of_host = |foreseen: &&mut Foreseen| plan.task(foreseen.task).host == *host;
            let shown = owner.shown();
            let tells = |foreseen: &Foreseen| {
                foreseen.finding.failure().is_some_and(|error| error.message.contains(&shown))
            };
            let of_host: Vec<&mut Foreseen> = tasks.iter_mut().filter(of_host).collect();
            if of_host.iter().any(|foreseen| tells(foreseen)) {
                continue;
            }
            let acts = |foreseen: &&mut Foreseen| {
                plan.step(foreseen.task).nature == Nature::Acting && foreseen.finding.may_act()
            };
            if let Some(first) = of_host.into_iter().find(acts) {
                let name = plan.host(first.task).name.clone();
                let run = certwright_engine::text::escape(&owner.run);
                let error = host_error(&HostError::Owned { host: name, by: shown, run }, None);
                (first.finding, first.after) = (Finding::Fails { error }, Vec::new());
            }
        }
    }
}
