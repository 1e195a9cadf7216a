//! Who talks to whom: etcd members, their leader, API servers and their clients.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::World;
use super::pods::TLS_UP;
use crate::lab::state::{Container, Node, State};
use crate::pki::layout::Component;

/// From the loss of a leader to the next one, ms.
const ELECTION: u64 = 1_000;
/// From its first contact with etcd until an API server is ready, ms.
const COME_UP: u64 = 1_800;

/// The etcd members that can commit at a moment: found once, asked for many nodes.
#[derive(Debug)]
pub(in crate::lab) struct Quorum(BTreeSet<String>);

impl Quorum {
    /// True when the member of `node` is one of them.
    pub(in crate::lab) fn has(&self, node: &str) -> bool {
        self.0.contains(node)
    }
}

impl State {
    fn etcd(&self, node: &str) -> Option<&Container> {
        self.nodes.get(node)?.running(Component::Etcd.name())
    }

    /// True when the etcd member of `node` runs and has done its start-up checks.
    pub(in crate::lab) fn etcd_is_up(&self, node: &str, at: u64) -> bool {
        self.etcd(node).is_some_and(|c| c.ready_at <= at)
    }

    fn has_majority(&self, node: &str, at: u64) -> bool {
        let all = self.nodes.len();
        self.links.count(node) + 1 > all / 2
            && self.etcd_is_up(node, at)
            && 1 + self.links.of(node).filter(|other| self.etcd_is_up(other, at)).count() > all / 2
    }

    /// Which etcd members can commit: a leader that has a majority, and those that are connected with it.
    pub(in crate::lab) fn quorum(&self, at: u64) -> Quorum {
        let leader = self.leader.as_deref().filter(|leader| self.has_majority(leader, at));
        let Some(leader) = leader else { return Quorum(BTreeSet::new()) };
        let followers = self.links.of(leader).filter(|other| self.etcd_is_up(other, at)).cloned();
        Quorum(followers.chain([leader.to_owned()]).collect())
    }

    /// The running API server of `node`.
    pub(in crate::lab) fn api_server(&self, node: &str) -> Option<&Container> {
        self.nodes.get(node)?.running(Component::KubeApiserver.name())
    }

    /// True when the API server of `node` answers requests.
    pub(in crate::lab) fn api_is_ready(&self, node: &str, at: u64, quorum: &Quorum) -> bool {
        let server = self.api_server(node);
        server.is_some_and(|c| c.came_up && c.connected && c.ready_at <= at) && quorum.has(node)
    }

    /// True when the API server of `node` does TLS.
    pub(in crate::lab) fn api_does_tls(&self, node: &str) -> bool {
        self.api_server(node).is_some_and(|c| c.came_up)
    }

    /// True when `component` (a controller-manager or scheduler) of `node` has a credential that is accepted.
    pub(in crate::lab) fn is_authorized(&self, node: &str, component: Component, at: u64) -> bool {
        let container = self.nodes.get(node).and_then(|n| n.running(component.name()));
        container.is_some_and(|c| c.ready_at <= at && c.loaded.values().all(|l| l.is_good(at)))
    }

    /// True when some controller-manager can do its work.
    pub(in crate::lab) fn controllers_work(&self, at: u64, quorum: &Quorum) -> bool {
        self.nodes.keys().any(|n| {
            self.is_authorized(n, Component::KubeControllerManager, at) && self.api_is_ready(n, at, quorum)
        })
    }

    /// True when the kubelet of `node` is heard by its API server.
    pub(in crate::lab) fn kubelet_is_heard(&self, node: &str, at: u64, quorum: &Quorum) -> bool {
        let kubelet = &self.node(node).kubelet;
        kubelet.active
            && kubelet.client.as_ref().is_some_and(|l| l.is_good(at))
            && self.api_is_ready(node, at, quorum)
    }
}

impl World<'_> {
    /// Members that run and accept each other's certificate connect; a connection lives as long as both ends.
    pub(super) fn connect_members(&mut self, at: u64) {
        let state = &mut *self.state;
        let mut good = BTreeSet::new();
        for (name, node) in &state.nodes {
            match node.running(Component::Etcd.name()) {
                None => state.links.end(name),
                Some(etcd) => {
                    let own = etcd.loaded.get("etcd-peer");
                    if etcd.ready_at <= at && own.is_some_and(|own| own.is_good(at)) {
                        good.insert(name.as_str());
                    }
                }
            }
        }
        state.links.meet(&good);
    }

    /// Keeps a leader that has a majority; else one is elected a second later.
    pub(super) fn elect(&mut self, at: u64) {
        let state = &mut *self.state;
        if state.leader.as_ref().is_some_and(|leader| state.has_majority(leader, at)) {
            state.election_at = None;
            return;
        }
        state.leader = None;
        let candidate = state.nodes.keys().find(|n| state.has_majority(n, at)).cloned();
        match (candidate, state.election_at) {
            (None, _) => state.election_at = None,
            // A lone member has nobody to wait for.
            (Some(candidate), None) if state.nodes.len() == 1 => state.leader = Some(candidate),
            (Some(_), None) => state.election_at = Some(at + state.delay(ELECTION)),
            (Some(candidate), Some(due)) if due <= at => {
                state.leader = Some(candidate);
                state.election_at = None;
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// API servers connect with their own etcd where both accept the other's certificate.
    pub(super) fn connect_api_servers(&mut self, at: u64, quorum: &Quorum) {
        let tls_up = self.state.delay(TLS_UP);
        let come_up = self.state.delay(COME_UP);
        for (name, node) in &mut self.state.nodes {
            let etcd = node.running(Component::Etcd.name()).filter(|c| c.ready_at <= at);
            let etcd_serves = etcd.and_then(|c| c.loaded.get("etcd-server")).is_some_and(|l| l.is_good(at));
            let Some(server) = node.running(Component::KubeApiserver.name()) else { continue };
            let trusted = server.loaded.get("apiserver-etcd-client").is_some_and(|l| l.is_good(at));
            let connects = etcd_serves && trusted && server.started + tls_up <= at;
            let connected = etcd.is_some() && (server.connected || connects);
            let is_new = connected && !server.came_up && quorum.has(name);
            if connected == server.connected && !is_new {
                continue;
            }
            let server = Arc::make_mut(node).running_mut(Component::KubeApiserver.name());
            let server = server.expect("it was found");
            server.connected = connected;
            if is_new {
                server.came_up = true;
                server.ready_at = server.ready_at.max(at + come_up);
            }
        }
    }

    /// Controller-managers and schedulers that reach their API server once have synced.
    pub(super) fn sync_clients(&mut self, at: u64, quorum: &Quorum) {
        for component in [Component::KubeControllerManager, Component::KubeScheduler] {
            let waits = |node: &Node| node.running(component.name()).is_some_and(|c| !c.connected);
            let waiting = self.state.nodes.iter().filter(|(_, node)| waits(node)).map(|(name, _)| name);
            let reaches = |name: &&String| {
                self.state.is_authorized(name, component, at) && self.state.api_is_ready(name, at, quorum)
            };
            for name in waiting.filter(reaches).cloned().collect::<Vec<_>>() {
                let container = self.state.node_mut(&name).running_mut(component.name());
                container.expect("it was found").connected = true;
            }
        }
    }
}
