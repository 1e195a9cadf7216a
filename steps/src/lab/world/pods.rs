//! Containers and sandboxes: how they are made, end, and come back.

use std::sync::Arc;

use super::World;
use super::load::{leaf_of, reads};
use crate::lab::build::YEAR;
use crate::lab::files::Files;
use crate::lab::mint::{self, Dates};
use crate::lab::state::{Container, Node, Pod, State};
use crate::pki::layout::Component;

/// The name of the DaemonSet's container, and of its pod in [`crate::lab::state::Node::pods`].
pub(in crate::lab) const DEFRAG: &str = "etcd-defrag";

/// From a container's start until it answers TCP, ms.
pub(in crate::lab) const TLS_UP: u64 = 200;

/// The kubelet forgets restarts when the container has run this long, ms.
const FORGET: u64 = 600_000;
/// How long an API server tries to reach its etcd before it gives up, ms.
const GIVE_UP: u64 = 20_000;
/// How long a starting etcd member waits for each absent peer (`InitialCorruptCheck`), ms.
const ABSENT_PEER: u64 = 27_000;

/// From the end of a container to the start of the next one, ms, by restarts in a row. Measured.
fn back_off(pod: &str, restarts_in_row: u32) -> u64 {
    let first = match Component::from_name(pod) {
        Some(Component::KubeApiserver) => 1_000,
        Some(Component::KubeControllerManager) => 600,
        Some(Component::Etcd | Component::KubeScheduler) | None => 900,
    };
    [first, 12_000, 25_000, 55_000, 82_000, 164_000].get(restarts_in_row as usize).copied().unwrap_or(300_000)
}

/// From a container's start until it is ready, ms, when nothing is missing. Measured.
fn readiness(pod: &str) -> u64 {
    match Component::from_name(pod) {
        Some(Component::Etcd) => 600,
        Some(Component::KubeApiserver) => 2_600,
        Some(Component::KubeControllerManager | Component::KubeScheduler) => 200,
        None => 100,
    }
}

/// A new sandbox without a container.
pub(in crate::lab) fn sandbox(state: &mut State, name: &str, at: u64) -> Pod {
    let uid = state.id();
    Pod {
        name: name.to_owned(),
        uid: uid[..32].to_owned(),
        sandbox: state.id(),
        sandbox_created: at,
        created: at,
        generation: 1,
        containers: Vec::new(),
        restart_at: None,
        restarts_in_row: 0,
        last_end: 0,
        stuck: false,
    }
}

/// Starts the next container of a pod; one whose files cannot be read ends at once.
pub(in crate::lab) fn start(state: &mut State, files: &Files, node: &str, pod: &str, at: u64) {
    let id = state.id();
    let mut ready_at = at + state.delay(readiness(pod));
    let wanted = reads(pod);
    let loaded: std::collections::BTreeMap<_, _> =
        wanted.iter().filter_map(|leaf| Some((leaf.name.to_owned(), leaf_of(files, node, leaf)?))).collect();
    let complete = loaded.len() == wanted.len();
    if pod == Component::Etcd.name() && state.nodes.contains_key(node) {
        ready_at += state.delay(ABSENT_PEER) * absent_peers(state, node, loaded.get("etcd-peer"), at);
    }
    let serial = state.serial();
    let ends = (!complete && pod != DEFRAG).then(|| (at + state.delay(300), 1));
    let entry = state.node_mut(node).pods.get_mut(pod).expect("only pods that exist are started");
    let attempt = entry.containers.last().map_or(0, |c| c.attempt + 1);
    // The kubelet keeps one dead container a pod.
    let dead = entry.containers.len().saturating_sub(1);
    entry.containers.drain(..dead);
    for old in &mut entry.containers {
        old.loaded.clear();
    }
    entry.restart_at = None;
    let own = own_certificate(pod, at, serial);
    entry.containers.push(Container {
        id,
        attempt,
        started: at,
        ready_at,
        ends,
        ended: None,
        loaded,
        connected: false,
        came_up: pod != Component::KubeApiserver.name(),
        own,
        log: Vec::new(),
    });
}

/// The controller-manager and the scheduler sign what they serve themselves, anew at each start.
fn own_certificate(pod: &str, at: u64, serial: [u8; 8]) -> String {
    match Component::from_name(pod) {
        Some(Component::KubeControllerManager | Component::KubeScheduler) => {}
        Some(Component::Etcd | Component::KubeApiserver) | None => return String::new(),
    }
    let from = (at / 1000).cast_signed();
    let dates = Dates { from: from - 3600, to: from + YEAR };
    mint::authority(&format!("localhost@{from}"), dates, serial)
        .map_or_else(|_| String::new(), |p| p.certificate)
}

/// Peers that do not run, or that would refuse this member or be refused by it.
fn absent_peers(state: &State, node: &str, own: Option<&crate::lab::state::Loaded>, at: u64) -> u64 {
    let own_is_good = own.is_some_and(|l| l.is_good(at));
    let is_there = |name: &&String| {
        let peer = state.nodes[*name].running(Component::Etcd.name());
        let good = peer.and_then(|c| c.loaded.get("etcd-peer")).is_some_and(|l| l.is_good(at));
        own_is_good && good
    };
    state.nodes.keys().filter(|name| *name != node).filter(|name| !is_there(name)).count() as u64
}

/// A new pod of the DaemonSet on a node, with its container.
pub(in crate::lab) fn new_defrag(state: &mut State, files: &Files, node: &str, at: u64) {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let id = state.id();
    let suffix: String =
        id.bytes().take(5).map(|b| char::from(LETTERS[usize::from(b) * 7 % LETTERS.len()])).collect();
    let generation = state.objects.defrag.as_ref().map_or(1, |d| d.generation);
    let mut pod = sandbox(state, &format!("{DEFRAG}-{suffix}"), at);
    pod.generation = generation;
    pod.uid = format!("{}-{}-4{}-8{}-{}", &id[..8], &id[8..12], &id[13..16], &id[17..20], &id[20..32]);
    state.node_mut(node).pods.insert(DEFRAG.to_owned(), pod);
    start(state, files, node, DEFRAG, at);
}

impl World<'_> {
    /// When an API server that cannot reach its etcd ends by itself.
    pub(super) fn gives_up_at(&self, container: &Container) -> u64 {
        container.started + self.state.delay(GIVE_UP)
    }

    /// Ends containers whose time has come.
    pub(super) fn end_containers(&mut self, at: u64) {
        let give_up = self.state.delay(GIVE_UP);
        let end = |pod: &Pod| {
            let container = pod.running()?;
            let in_vain = !container.came_up && container.started + give_up <= at;
            container.ends.or(in_vain.then_some((at, 1))).filter(|(due, _)| *due <= at)
        };
        let nodes =
            self.state.nodes.values_mut().filter(|node| node.pods.values().any(|pod| end(pod).is_some()));
        for pod in nodes.flat_map(|node| Arc::make_mut(node).pods.values_mut()) {
            let Some((due, status)) = end(pod) else { continue };
            let last_end = pod.last_end;
            let container = pod.containers.last_mut().expect("it is the one that ends");
            container.ends = Some((due, status));
            container.ended = Some((due, status));
            container.connected = false;
            if due.saturating_sub(last_end.max(container.started)) > FORGET {
                pod.restarts_in_row = 0;
            }
            pod.last_end = due;
        }
    }

    /// Starts containers where a living kubelet's back-off has passed.
    pub(super) fn start_containers(&mut self, at: u64) {
        let is_idle = |pod: &Pod| pod.running().is_some() && pod.restart_at.is_none();
        let ended = |node: &Arc<Node>| node.pods.values().any(|pod| !is_idle(pod));
        let nodes = self.state.nodes.iter().filter(|(_, node)| ended(node)).map(|(name, _)| name.clone());
        for name in nodes.collect::<Vec<_>>() {
            let pods: Vec<String> = self.state.node(&name).pods.keys().cloned().collect();
            for pod in pods {
                let node = self.state.node(&name);
                let entry = &node.pods[&pod];
                if entry.running().is_some() || entry.stuck || !node.kubelet.active {
                    self.state.node_mut(&name).pods.get_mut(&pod).expect("it was there").restart_at = None;
                    continue;
                }
                let due = entry.restart_at.unwrap_or_else(|| {
                    let from = entry.last_end.max(node.kubelet.since);
                    from.max(at) + self.state.delay(back_off(&pod, entry.restarts_in_row))
                });
                if due <= at {
                    self.state.node_mut(&name).pods.get_mut(&pod).expect("it was there").restarts_in_row += 1;
                    start(self.state, self.files, &name, &pod, at);
                } else {
                    self.state.node_mut(&name).pods.get_mut(&pod).expect("it was there").restart_at =
                        Some(due);
                }
            }
        }
    }
}
