//! Who talks to whom: etcd members, their leader, API servers and their clients.

use super::World;
use super::pods::TLS_UP;
use crate::lab::state::{Container, State};
use crate::pki::layout::Component;

/// From the loss of a leader to the next one, ms.
const ELECTION: u64 = 1_000;
/// From its first contact with etcd until an API server is ready, ms.
const COME_UP: u64 = 1_800;

impl State {
    fn etcd(&self, node: &str) -> Option<&Container> {
        self.nodes.get(node)?.running(Component::Etcd.name())
    }

    /// True when the etcd member of `node` runs and has done its start-up checks.
    pub(in crate::lab) fn etcd_is_up(&self, node: &str, at: u64) -> bool {
        self.etcd(node).is_some_and(|c| c.ready_at <= at)
    }

    /// True when two members have a connection.
    pub(in crate::lab) fn are_linked(&self, a: &str, b: &str) -> bool {
        let pair = if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) };
        self.links.contains(&pair)
    }

    fn has_majority(&self, node: &str, at: u64) -> bool {
        let reached = self.nodes.keys().filter(|other| {
            (other.as_str() == node || self.are_linked(node, other)) && self.etcd_is_up(other, at)
        });
        self.etcd_is_up(node, at) && reached.count() > self.nodes.len() / 2
    }

    /// True when the etcd member of `node` can commit: it is, or is connected with, a leader that has a majority.
    pub(in crate::lab) fn etcd_is_healthy(&self, node: &str, at: u64) -> bool {
        let Some(leader) = &self.leader else { return false };
        self.etcd_is_up(node, at)
            && self.has_majority(leader, at)
            && (leader == node || self.are_linked(leader, node))
    }

    /// The running API server of `node`.
    pub(in crate::lab) fn api_server(&self, node: &str) -> Option<&Container> {
        self.nodes.get(node)?.running(Component::KubeApiserver.name())
    }

    /// True when the API server of `node` answers requests.
    pub(in crate::lab) fn api_is_ready(&self, node: &str, at: u64) -> bool {
        let server = self.api_server(node);
        server.is_some_and(|c| c.came_up && c.connected && c.ready_at <= at) && self.etcd_is_healthy(node, at)
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
    pub(in crate::lab) fn controllers_work(&self, at: u64) -> bool {
        self.nodes
            .keys()
            .any(|n| self.is_authorized(n, Component::KubeControllerManager, at) && self.api_is_ready(n, at))
    }

    /// True when the kubelet of `node` is heard by its API server.
    pub(in crate::lab) fn kubelet_is_heard(&self, node: &str, at: u64) -> bool {
        let kubelet = &self.node(node).kubelet;
        kubelet.active
            && kubelet.client.as_ref().is_some_and(|l| l.is_good(at))
            && self.api_is_ready(node, at)
    }
}

impl World<'_> {
    /// Members that run and accept each other's certificate connect; a connection lives as long as both ends.
    pub(super) fn connect_members(&mut self, at: u64) {
        let names = self.state.names();
        for (k, a) in names.iter().enumerate() {
            for b in &names[k + 1..] {
                let state = &*self.state;
                let (one, two) = (state.etcd(a), state.etcd(b));
                let good = |c: &Container| {
                    c.ready_at <= at && c.loaded.get("etcd-peer").is_some_and(|l| l.is_good(at))
                };
                let pair = (a.clone(), b.clone());
                match (one, two) {
                    (Some(one), Some(two)) if good(one) && good(two) => {
                        self.state.links.insert(pair);
                    }
                    (Some(_), Some(_)) => {}
                    _ => {
                        self.state.links.remove(&pair);
                    }
                }
            }
        }
    }

    /// Keeps a leader that has a majority; else one is elected a second later.
    pub(super) fn elect(&mut self, at: u64) {
        let state = &mut *self.state;
        if state.leader.as_ref().is_some_and(|leader| state.has_majority(leader, at)) {
            state.election_at = None;
            return;
        }
        state.leader = None;
        let candidate = state.names().into_iter().find(|n| state.has_majority(n, at));
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
    pub(super) fn connect_api_servers(&mut self, at: u64) {
        let tls_up = self.state.delay(TLS_UP);
        let come_up = self.state.delay(COME_UP);
        for name in self.state.names() {
            let state = &*self.state;
            let etcd = state.etcd(&name).filter(|c| c.ready_at <= at);
            let etcd_serves = etcd.and_then(|c| c.loaded.get("etcd-server")).is_some_and(|l| l.is_good(at));
            let up = etcd.is_some();
            let healthy = state.etcd_is_healthy(&name, at);
            let Some(server) = self.state.node_mut(&name).running_mut(Component::KubeApiserver.name()) else {
                continue;
            };
            let trusted = server.loaded.get("apiserver-etcd-client").is_some_and(|l| l.is_good(at));
            if !up {
                server.connected = false;
            } else if !server.connected && etcd_serves && trusted && server.started + tls_up <= at {
                server.connected = true;
            }
            if server.connected && !server.came_up && healthy {
                server.came_up = true;
                server.ready_at = server.ready_at.max(at + come_up);
            }
        }
    }

    /// Controller-managers and schedulers that reach their API server once have synced.
    pub(super) fn sync_clients(&mut self, at: u64) {
        for name in self.state.names() {
            for component in [Component::KubeControllerManager, Component::KubeScheduler] {
                let reached =
                    self.state.is_authorized(&name, component, at) && self.state.api_is_ready(&name, at);
                if let Some(container) = self.state.node_mut(&name).running_mut(component.name()) {
                    container.connected |= reached;
                }
            }
        }
    }
}
