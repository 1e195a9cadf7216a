//! Whether a node's etcd member and API server may be stopped: what their peers say on their own nodes.
//!
//! Invariant: where etcd has its quorum, a stop leaves a majority of healthy members; where an API server answers,
//! a stop leaves one that does. What nobody has any more cannot be lost, and waiting for it would be in vain: then
//! nothing is held back but what cannot help. Deliberately absent: members that are no hosts of the run.

use std::collections::BTreeMap;
use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use futures_util::future::join_all;

use super::gate::{self, Gate};
use super::health::health;
use super::look::State;
use super::prospect::can_help;
use crate::kinds::node::Node;
use crate::kinds::peers::{self, Group};
use crate::pki::Component;
use crate::tools::manifest::StaticPod;
use crate::tools::output::plural;

/// How long a gate waits for peers to come back before it gives the attempt up; the step's retry asks again.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a quorum that is lost is waited for before that is believed: an election, of a second or two, looks like a loss.
const ELECTION: Duration = Duration::from_secs(15);

/// Between two looks at the peers.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// What the nodes of a group say of one component.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_host: BTreeMap<String, Peer>,
}

/// What one of them says.
#[derive(Debug, Default)]
struct Peer {
    /// Why it is not ready; None where it is.
    why: Option<String>,
    /// Its name as an etcd member: `--name`.
    member: Option<String>,
}

impl Peers {
    /// What was seen of them before: whether each was ready.
    pub(super) fn seen(ready: &BTreeMap<String, bool>) -> Self {
        let peer = |ready: bool| Peer { why: (!ready).then(|| "it was not ready".to_owned()), member: None };
        Self { by_host: ready.iter().map(|(host, ready)| (host.clone(), peer(*ready))).collect() }
    }

    /// Whether each is ready.
    pub(super) fn readiness(&self) -> BTreeMap<String, bool> {
        self.by_host.iter().map(|(host, peer)| (host.clone(), peer.why.is_none())).collect()
    }

    /// Why the one of a host is not ready; None where it is.
    pub(super) fn why_not(&self, host: &str) -> Option<&str> {
        match self.by_host.get(host) {
            Some(peer) => peer.why.as_deref(),
            None => Some("it has no manifest any more"),
        }
    }

    /// How many of a component must be left; None where nothing hangs on it.
    fn needed(&self, component: Component) -> Option<usize> {
        match component {
            Component::Etcd => Some(self.by_host.len() / 2 + 1),
            Component::KubeApiserver => Some(1),
            Component::KubeControllerManager | Component::KubeScheduler => None,
        }
    }

    fn ready(&self) -> usize {
        self.by_host.values().filter(|peer| peer.why.is_none()).count()
    }

    /// The names of the healthy etcd members but that of `own`, in the order of their hosts.
    pub(super) fn healthy_members(&self, own: &str) -> impl Iterator<Item = &str> {
        let others = self.by_host.iter().filter(move |(host, peer)| *host != own && peer.why.is_none());
        others.filter_map(|(_, peer)| peer.member.as_deref())
    }

    /// How many must be ready where fewer are.
    pub(super) fn lacks(&self, component: Component) -> Option<usize> {
        self.needed(component).filter(|needed| self.ready() < *needed)
    }

    /// Whether enough are left when `own` is stopped; else what would be left.
    pub(super) fn keeps(&self, component: Component, own: &str) -> Result<(), String> {
        let Some(needed) = self.needed(component) else { return Ok(()) };
        let (all, ready) = (self.by_host.len(), self.ready());
        let own_ready = self.by_host.get(own).is_some_and(|peer| peer.why.is_none());
        let left = ready - usize::from(own_ready);
        // One and two members: any stop is an outage. Not ready itself, or too few already: nothing is lost.
        if all < 1 + needed || !own_ready || ready < needed || left >= needed {
            return Ok(());
        }
        let others: Vec<String> = self
            .by_host
            .iter()
            .filter_map(|(host, peer)| Some(format!("{host}: {}", peer.why.as_ref()?)))
            .collect();
        Err(format!(
            "stopping {} on {own} would leave {left} of {all} ready, {needed} must be: {}",
            component.name(),
            others.join("; ")
        ))
    }
}

/// Waits until `components` may be stopped on the host of `cx`: for a minute where too few would be left, `within` where a
/// peer is gone that was ready when the gate was taken, as long as an election where etcd has no quorum. Returns what was
/// seen of etcd's members, where etcd is one of them and has its quorum.
pub(super) async fn may_stop(
    cx: &Context,
    group: &Group<'_>,
    components: &[Component],
    taken: &Gate,
    within: Duration,
) -> Result<Option<Peers>, StepError> {
    let (own, start) = (cx.host.name(), cx.clock.mono());
    loop {
        let (mut reasons, mut worse) = (Vec::new(), Vec::new());
        let (mut members, mut lost) = (None, None);
        for (component, peers) in ask(group, components).await? {
            reasons.extend(peers.keeps(component, own).err());
            worse.extend(taken.worse(own, component, &peers));
            if component == Component::Etcd {
                match peers.lacks(component) {
                    Some(needed) => {
                        can_help(cx, group, needed).await?;
                        // One member alone elects nobody.
                        lost = (needed > 1)
                            .then(|| format!("etcd has no quorum, {needed} members must be healthy"));
                    }
                    None => members = Some(peers),
                }
            }
        }
        let waited = Duration::from_millis(cx.clock.mono().since(start));
        let reason = if !reasons.is_empty() {
            if waited >= PATIENCE {
                return Err(StepError::new(ErrorClass::Unavailable, reasons.join("; "))
                    .remedy("bring those named back first (their containers, their disks, their network)"));
            }
            reasons.join("; ")
        } else if !worse.is_empty() {
            if waited >= within {
                return Err(gate::stopped(&worse));
            }
            worse.join("; ")
        } else if let Some(lost) = lost.filter(|_| waited < ELECTION) {
            lost
        } else {
            return Ok(members);
        };
        cx.progress.tell(&format!("waiting: {reason}"));
        cx.clock.sleep(PAUSE).await;
    }
}

/// Asks every host of a group for these components, side by side. One that is not reached is not ready; a line
/// that broke tells nothing of its host, and ends the attempt.
pub(super) async fn ask(
    group: &Group<'_>,
    components: &[Component],
) -> Result<Vec<(Component, Peers)>, StepError> {
    let mut asked: Vec<(Component, Peers)> = components.iter().map(|c| (*c, Peers::default())).collect();
    let told = join_all(group.iter().map(|peer| ask_host(peer, components))).await;
    for (asked_one, told) in group.iter().zip(told) {
        for ((_, all), peer) in asked.iter_mut().zip(told?) {
            if let Some(peer) = peer {
                all.by_host.insert(asked_one.host.name().to_owned(), peer);
            }
        }
    }
    Ok(asked)
}

/// What one host says of each; None where it runs none.
async fn ask_host(asked: &peers::Peer<'_>, components: &[Component]) -> Result<Vec<Option<Peer>>, StepError> {
    let silent = |error: StepError| {
        if error.class == ErrorClass::Unknown {
            return Err(error);
        }
        Ok(Some(Peer { why: Some(error.message), member: None }))
    };
    let node = match asked.node().await {
        Ok(node) => node,
        Err(error) => return components.iter().map(|_| silent(error.clone())).collect(),
    };
    let mut told = Vec::new();
    for component in components {
        let peer = match node.static_pod(*component) {
            Ok(None) => Ok(None),
            Ok(Some(pod)) => ask_one(&node, *component, pod).await.map(Some),
            Err(error) => Err(error),
        };
        told.push(peer.or_else(silent)?);
    }
    Ok(told)
}

async fn ask_one(node: &Node<'_>, component: Component, pod: &StaticPod) -> Result<Peer, StepError> {
    let why = match health(node, component, pod).await?.state {
        State::Fresh => None,
        State::Stale(why) | State::Coming(why) => Some(why),
    };
    Ok(Peer { why, member: pod.flag("name").map(str::to_owned) })
}

/// What the restarts of a whole group will cost, for the preview; None where etcd is elsewhere. It speaks of the hosts
/// of the run: a cluster may have members that are none.
pub(crate) async fn outage(group: &Group<'_>) -> Result<Option<String>, StepError> {
    let asked = ask(group, &[Component::Etcd]).await?;
    let Some((_, etcd)) = asked.into_iter().next() else { return Ok(None) };
    let (all, healthy) = (etcd.by_host.len(), etcd.ready());
    let words = match all {
        0 => return Ok(None),
        _ if healthy < all / 2 + 1 => format!(
            "{healthy} of this run's {all} etcd members are healthy: their quorum is lost, and new files on all nodes \
             bring it back"
        ),
        1 | 2 => format!(
            "this run has {}: unless the cluster has more, the API is down while one restarts",
            plural(all, "etcd member")
        ),
        _ if healthy < all => {
            let ill =
                etcd.by_host.iter().filter(|(_, peer)| peer.why.is_some()).map(|(host, _)| host.as_str());
            let ill: Vec<&str> = ill.collect();
            format!(
                "{healthy} of this run's {all} etcd members are healthy, not {}: {}",
                ill.join(", "),
                if healthy > all / 2 + 1 {
                    "their quorum is kept without it"
                } else {
                    "restarts wait for it"
                }
            )
        }
        _ => format!("all {all} etcd members of this run are healthy: their quorum is kept"),
    };
    Ok(Some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(ready: &[bool]) -> Peers {
        let one = |(n, ready): (usize, &bool)| {
            let host = format!("cp-{}", n + 1);
            (host.clone(), Peer { why: (!ready).then(|| "down".to_owned()), member: Some(host) })
        };
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
                    let go = peers(&ready).keeps(Component::Etcd, &format!("cp-{}", own + 1)).is_ok();
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
        let keeps = |ready: &[bool]| peers(ready).keeps(Component::KubeApiserver, "cp-1");
        for ready in [&[true][..], &[true, true, false], &[false, true, false], &[false, false, false]] {
            assert_eq!(keeps(ready), Ok(()), "{ready:?}");
        }
        let words =
            "stopping kube-apiserver on cp-1 would leave 0 of 3 ready, 1 must be: cp-2: down; cp-3: down";
        assert_eq!(keeps(&[true, false, false]), Err(words.to_owned()));
    }
}
