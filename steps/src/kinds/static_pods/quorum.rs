//! Whether a node's etcd member and API server may be stopped: what their peers say on their own nodes.
//!
//! Invariant: where etcd has its quorum, a stop leaves a majority of healthy members; where an API server answers,
//! a stop leaves one that does. What nobody has any more cannot be lost, and waiting for it would be in vain: then
//! nothing is held back. Deliberately absent: members that are no hosts of the run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::plan::{ErrorClass, WORKSTATION};
use certwright_engine::step::{Context, StepError};
use tokio::task::JoinSet;

use super::look::{State, health};
use crate::kinds::node::Node;
use crate::pki::Component;

/// How long a gate waits for peers to come back before it gives the attempt up; the step's retry asks again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the peers.
const PAUSE: Duration = Duration::from_secs(2);

/// What the nodes of a group say of one component.
#[derive(Debug, Default)]
struct Peers {
    /// Why it is not ready, by host; None where it is.
    by_host: BTreeMap<String, Option<String>>,
}

/// What stands in the way of a stop.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Go,
    /// Too few would be left.
    Wait(String),
}

impl Peers {
    fn ready(&self) -> usize {
        self.by_host.values().filter(|why| why.is_none()).count()
    }

    /// Whether `own` may be stopped, where `needed` of `component` must be left.
    fn judge(&self, component: Component, own: &str, needed: usize) -> Verdict {
        let (all, ready) = (self.by_host.len(), self.ready());
        let own_ready = self.by_host.get(own).is_some_and(Option::is_none);
        let left = ready - usize::from(own_ready);
        // One and two members: any stop is an outage. Not ready itself, or too few already: nothing is lost.
        if all < 1 + needed || !own_ready || ready < needed || left >= needed {
            return Verdict::Go;
        }
        let others: Vec<String> = self
            .by_host
            .iter()
            .filter_map(|(host, why)| Some(format!("{host}: {}", why.as_ref()?)))
            .collect();
        Verdict::Wait(format!(
            "stopping {} on {own} would leave {left} of {all} ready, {needed} must be: {}",
            component.name(),
            others.join("; ")
        ))
    }
}

/// Waits until `components` may be stopped on the host of `cx`, for a minute at most.
pub(super) async fn may_stop(cx: &Context, components: &[Component]) -> Result<(), StepError> {
    let deadline = cx.clock.mono().plus(u64::try_from(PATIENCE.as_millis()).expect("a minute"));
    loop {
        let mut reasons = Vec::new();
        for component in components {
            let peers = ask(cx, *component).await;
            let needed = match component {
                Component::Etcd => peers.by_host.len() / 2 + 1,
                Component::KubeApiserver => 1,
                Component::KubeControllerManager | Component::KubeScheduler => continue,
            };
            if let Verdict::Wait(reason) = peers.judge(*component, cx.host.name(), needed) {
                reasons.push(reason);
            }
        }
        if reasons.is_empty() {
            return Ok(());
        }
        let reason = reasons.join("; ");
        if cx.clock.mono() >= deadline {
            return Err(StepError::new(ErrorClass::Unavailable, reason).remedy(
                "bring those named back first (their containers, their disks, their network); then resume",
            ));
        }
        cx.progress.tell(&format!("waiting: {reason}"));
        cx.clock.sleep(PAUSE).await;
    }
}

/// Asks every host of this one's groups, side by side.
async fn ask(cx: &Context, component: Component) -> Peers {
    let mut side_by_side = JoinSet::new();
    for host in peers(cx) {
        side_by_side.spawn(async move { (host.name().to_owned(), ask_one(host.as_ref(), component).await) });
    }
    let mut peers = Peers::default();
    for (host, said) in side_by_side.join_all().await {
        let why = match said {
            Ok(None) => continue,
            Ok(Some(State::Fresh)) => None,
            Ok(Some(State::Stale(why) | State::Coming(why))) => Some(why),
            Err(error) => Some(error.message),
        };
        peers.by_host.insert(host, why);
    }
    peers
}

/// None where the host runs none.
async fn ask_one(host: &dyn Host, component: Component) -> Result<Option<State>, StepError> {
    let node = Node::look(host).await?;
    match node.static_pod(component).await? {
        Some(pod) => health(&node, component, &pod).await.map(Some),
        None => Ok(None),
    }
}

fn peers(cx: &Context) -> Vec<Arc<dyn Host>> {
    let own = cx.host.name();
    let groups = cx.hosts.spec(own).map(|spec| spec.groups.as_slice()).unwrap_or_default();
    let mut peers = BTreeMap::from([(own, &cx.host)]);
    peers.extend(groups.iter().flat_map(|group| cx.hosts.group(group)).map(|host| (host.name(), host)));
    peers.into_values().filter(|host| host.name() != WORKSTATION).map(Arc::clone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(ready: &[bool]) -> Peers {
        let one = |(n, ready): (usize, &bool)| (format!("cp-{}", n + 1), (!ready).then(|| "down".to_owned()));
        Peers { by_host: ready.iter().enumerate().map(one).collect() }
    }

    /// The rule, said once more in the words of the page: with quorum, a stop must keep it.
    fn keeps(ready: &[bool], own: usize, needed: usize) -> bool {
        let quorum = |ready: &[bool]| ready.iter().filter(|r| **r).count() >= needed;
        let mut after = ready.to_vec();
        after[own] = false;
        !quorum(ready) || quorum(&after)
    }

    #[test]
    fn no_stop_takes_a_quorum_that_is_there_and_can_be_kept() {
        let mut cases = 0;
        for members in 1..=7_usize {
            let needed = members / 2 + 1;
            for bits in 0..1_u32 << members {
                let ready: Vec<bool> = (0..members).map(|n| bits >> n & 1 == 1).collect();
                for own in 0..members {
                    let go = peers(&ready).judge(Component::Etcd, &format!("cp-{}", own + 1), needed)
                        == Verdict::Go;
                    let avoidable = members > 2;
                    assert_eq!(go, !avoidable || keeps(&ready, own, needed), "{ready:?} own {own}");
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 1538);
    }

    #[test]
    fn the_last_api_server_that_answers_is_not_stopped_unless_it_is_the_only_one() {
        let judge = |ready: &[bool]| peers(ready).judge(Component::KubeApiserver, "cp-1", 1);
        assert_eq!(judge(&[true]), Verdict::Go);
        assert_eq!(judge(&[true, true, false]), Verdict::Go);
        assert_eq!(judge(&[false, true, false]), Verdict::Go);
        assert_eq!(judge(&[false, false, false]), Verdict::Go);
        assert_eq!(
            judge(&[true, false, false]),
            Verdict::Wait(
                "stopping kube-apiserver on cp-1 would leave 0 of 3 ready, 1 must be: cp-2: down; cp-3: down"
                    .to_owned()
            )
        );
    }
}
