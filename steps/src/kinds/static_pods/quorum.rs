//! Whether a node's etcd member and API server may be stopped: what their peers say on their own nodes.
//!
//! Invariant: where etcd has its quorum, a stop leaves a majority of healthy members; where an API server answers,
//! a stop leaves one that does. What nobody has any more cannot be lost, and waiting for it would be in vain: then
//! nothing is held back but what cannot help. Deliberately absent: members that are no hosts of the run.

use std::collections::BTreeMap;
use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use futures_util::future::join_all;

use super::health::health;
use super::look::State;
use super::prospect::can_help;
use crate::kinds::node::Node;
use crate::kinds::peers::peers;
use crate::pki::Component;
use crate::tools::manifest::StaticPod;
use crate::tools::output::plural;

/// How long a gate waits for peers to come back before it gives the attempt up; the step's retry asks again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the peers.
const PAUSE: Duration = Duration::from_secs(2);

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
        self.by_host.values().filter(|peer| peer.why.is_none()).count()
    }

    /// The names of the healthy etcd members but that of `own`, in the order of their hosts.
    pub(super) fn healthy_members(&self, own: &str) -> impl Iterator<Item = &str> {
        let others = self.by_host.iter().filter(move |(host, peer)| *host != own && peer.why.is_none());
        others.filter_map(|(_, peer)| peer.member.as_deref())
    }

    /// Whether `own` may be stopped, where `needed` of `component` must be left.
    fn judge(&self, component: Component, own: &str, needed: usize) -> Verdict {
        let (all, ready) = (self.by_host.len(), self.ready());
        let own_ready = self.by_host.get(own).is_some_and(|peer| peer.why.is_none());
        let left = ready - usize::from(own_ready);
        // One and two members: any stop is an outage. Not ready itself, or too few already: nothing is lost.
        if all < 1 + needed || !own_ready || ready < needed || left >= needed {
            return Verdict::Go;
        }
        let others: Vec<String> = self
            .by_host
            .iter()
            .filter_map(|(host, peer)| Some(format!("{host}: {}", peer.why.as_ref()?)))
            .collect();
        Verdict::Wait(format!(
            "stopping {} on {own} would leave {left} of {all} ready, {needed} must be: {}",
            component.name(),
            others.join("; ")
        ))
    }
}

/// Waits until `components` may be stopped on the host of `cx`, for a minute at most; what was seen of etcd's members,
/// where etcd is one of them and has its quorum.
pub(super) async fn may_stop(cx: &Context, components: &[Component]) -> Result<Option<Peers>, StepError> {
    let deadline = cx.clock.mono().plus(u64::try_from(PATIENCE.as_millis()).expect("a minute"));
    loop {
        let mut reasons = Vec::new();
        let mut members = None;
        for (component, peers) in ask(cx, components).await? {
            let needed = match component {
                Component::Etcd => peers.by_host.len() / 2 + 1,
                Component::KubeApiserver => 1,
                Component::KubeControllerManager | Component::KubeScheduler => continue,
            };
            if let Verdict::Wait(reason) = peers.judge(component, cx.host.name(), needed) {
                reasons.push(reason);
            }
            if component == Component::Etcd {
                if peers.ready() < needed {
                    can_help(cx, needed).await?;
                } else {
                    members = Some(peers);
                }
            }
        }
        if reasons.is_empty() {
            return Ok(members);
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

/// Asks every host of this one's groups for these components, side by side. One that is not reached is not ready; a line
/// that broke tells nothing of its host, and ends the attempt.
async fn ask(cx: &Context, components: &[Component]) -> Result<Vec<(Component, Peers)>, StepError> {
    let mut asked: Vec<(Component, Peers)> = components.iter().map(|c| (*c, Peers::default())).collect();
    let hosts = peers(cx);
    let told = join_all(hosts.iter().map(|host| ask_host(host.as_ref(), components))).await;
    for (host, told) in hosts.iter().zip(told) {
        for ((_, all), peer) in asked.iter_mut().zip(told?) {
            if let Some(peer) = peer {
                all.by_host.insert(host.name().to_owned(), peer);
            }
        }
    }
    Ok(asked)
}

/// What one host says of each; None where it runs none.
async fn ask_host(host: &dyn Host, components: &[Component]) -> Result<Vec<Option<Peer>>, StepError> {
    let silent = |error: StepError| {
        if error.class == ErrorClass::Unknown {
            return Err(error);
        }
        Ok(Some(Peer { why: Some(error.message), member: None }))
    };
    let read = async {
        let node = Node::look(host).await?;
        let pods = node.static_pods(components).await?;
        Ok::<_, StepError>((node, pods))
    };
    let (node, pods) = match read.await {
        Ok(read) => read,
        Err(error) => return components.iter().map(|_| silent(error.clone())).collect(),
    };
    let mut told = Vec::new();
    for (component, pod) in components.iter().zip(pods) {
        let peer = match pod {
            Ok(None) => Ok(None),
            Ok(Some(pod)) => ask_one(&node, *component, &pod).await.map(Some),
            Err(error) => Err(error),
        };
        told.push(peer.or_else(silent)?);
    }
    Ok(told)
}

async fn ask_one(node: &Node<'_>, component: Component, pod: &StaticPod) -> Result<Peer, StepError> {
    let why = match health(node, component, pod).await? {
        State::Fresh => None,
        State::Stale(why) | State::Coming(why) => Some(why),
    };
    Ok(Peer { why, member: pod.flag("name").map(str::to_owned) })
}

/// What the restarts of a whole group will cost, for the preview; None where etcd is elsewhere. It speaks of the hosts
/// of the run: a cluster may have members that are none.
pub(crate) async fn outage(cx: &Context) -> Result<Option<String>, StepError> {
    let asked = ask(cx, &[Component::Etcd]).await?;
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
                "{healthy} of this run's {all} etcd members are healthy, not {}: restarts wait for it",
                ill.join(", ")
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
