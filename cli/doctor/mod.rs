//! The diagnosis of a cluster as it is now: looks through the kinds, and the ends of the logs through the signatures.
//!
//! Invariant: nothing is changed, by construction: all hosts are read-only. A host that does not answer is a finding,
//! not the end. Deliberately absent: text (see [`crate::human::doctor`]).

mod causes;

mod finding;

mod judge;

mod quorum;

#[cfg(test)]
mod silent;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::Hosts;
use certwright_engine::plan::{HostIndex, Plan, TaskId, WORKSTATION};
use certwright_engine::step::Registry;
use certwright_steps::checkup::{Checkup, checkup};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use causes::cause_of;
pub(crate) use causes::known_cause;
pub(crate) use finding::Finding;

use crate::preview::{Again, Dark, Looked, Looker};

/// The plan whose steps are probed.
pub(crate) const LOOKS: &str = include_str!("looks.toml");

/// Hosts that are asked at a time.
const AT_ONCE: usize = 16;

/// How long a node may take to show itself.
const WITHIN: Duration = Duration::from_secs(90);

/// Everything that was seen of a cluster.
pub(crate) struct Examination {
    dark: BTreeMap<HostIndex, Dark>,
    looked: BTreeMap<TaskId, Looked>,
    /// What each node that answers showed of itself.
    pub(crate) checkups: Vec<Checkup>,
}

/// Looks at every host of the plan.
pub(crate) async fn examine(plan: &Plan, registry: &Registry, hosts: &Hosts, clock: &Clock) -> Examination {
    let hosts = hosts.read_only();
    let eye = Looker { plan, run: "doctor", registry, hosts: &hosts, clock };
    // Whose a host is the preflight tells.
    let dark = eye.knock(Again::AtOnce).await.dark;
    // Many looks ask the peers of their host: a dark one is not waited for again.
    let said = dark.iter().map(|(at, dark)| (plan.hosts[at.0 as usize].name.as_str(), dark.said.clone()));
    let hosts = hosts.closed(said);
    let eye = Looker { hosts: &hosts, ..eye };
    let lit: Vec<TaskId> = plan.task_ids().filter(|id| !dark.contains_key(&plan.task(*id).host)).collect();
    let looked = eye.look(&lit).await;
    let nodes = plan.hosts.iter().enumerate().filter(|(at, spec)| {
        let index = HostIndex(u32::try_from(*at).expect("a plan has fewer hosts"));
        spec.name != WORKSTATION
            && !dark.contains_key(&index)
            && plan.tasks.iter().any(|task| task.host == index)
    });
    let names: Vec<&str> = nodes.map(|(_, spec)| spec.name.as_str()).collect();
    Examination { checkups: checkups(&hosts, &names, WITHIN).await, dark, looked }
}

/// Lets these nodes show themselves, side by side; one that takes too long says so.
pub(crate) async fn checkups(hosts: &Hosts, names: &[&str], within: Duration) -> Vec<Checkup> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut side_by_side = JoinSet::new();
    for (at, name) in names.iter().enumerate() {
        let Some(host) = hosts.get(name).map(Arc::clone) else { continue };
        let places = Arc::clone(&places);
        side_by_side.spawn(async move {
            let _place = places.acquire_owned().await;
            (at, checkup(host.as_ref(), within).await)
        });
    }
    let mut all = side_by_side.join_all().await;
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, checkup)| checkup).collect()
}

impl Examination {
    /// What is wrong, the most important first; `now` in seconds since 1970, `run` is the command that renews.
    pub(crate) fn findings(&self, plan: &Plan, now: i64, run: &str) -> Vec<Finding> {
        finding::sorted(judge::judge(self, plan, now, run))
    }
}
