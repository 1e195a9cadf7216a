//! What containers write about certificates while something is wrong.

use super::World;
use super::cluster::Quorum;
use crate::lab::clockwork::{klog, rfc3339, rfc3339_us};
use crate::lab::state::{Complaint, Container, State};
use crate::pki::layout::Component;

/// How often a container complains, ms.
const EVERY: u64 = 5_000;
/// How many complaints of one stretch of time are kept: enough to be found, few enough for a year.
const OF_A_STRETCH: u64 = 4;
/// The time that they take, ms.
pub(in crate::lab) const STRETCH: u64 = OF_A_STRETCH * EVERY;
/// How many lines a container keeps.
const KEPT: usize = 30;

impl World<'_> {
    /// Writes what went wrong from `from` until `to`; the state is the same all that time.
    pub(in crate::lab) fn write_logs(&mut self, from: u64, to: u64) {
        let last = to / EVERY;
        let first = (from / EVERY + 1).max((last + 1).saturating_sub(OF_A_STRETCH));
        if first > last {
            return;
        }
        let quorum = self.state.quorum(from);
        for at in (first..=last).map(|k| k * EVERY) {
            for name in self.state.names() {
                for component in Component::ALL {
                    let Some(complaint) = self.state.complaint(&name, component, (from, &quorum), at) else {
                        continue;
                    };
                    let container = self.state.node_mut(&name).running_mut(component.name());
                    let Some(container) = container.filter(|c| c.started <= at) else { continue };
                    container.log.push((at, complaint));
                    let surplus = container.log.len().saturating_sub(KEPT);
                    container.log.drain(..surplus);
                }
            }
        }
    }
}

impl State {
    fn complaint(
        &self,
        node: &str,
        component: Component,
        (state_at, quorum): (u64, &Quorum),
        at: u64,
    ) -> Option<Complaint> {
        let container = self.nodes.get(node)?.running(component.name())?;
        match component {
            Component::Etcd => self.refused_peer(node, state_at, at),
            Component::KubeApiserver => self.refused_etcd(node, container, at),
            Component::KubeControllerManager | Component::KubeScheduler => {
                self.refused_client(node, container, (state_at, quorum), at)
            }
        }
    }

    fn refused_peer(&self, node: &str, state_at: u64, at: u64) -> Option<Complaint> {
        let own = self.nodes.get(node)?.running(Component::Etcd.name())?.loaded.get("etcd-peer")?;
        if self.links.count(node) + 1 == self.nodes.len() {
            return None;
        }
        let (_, peer) = self.nodes.iter().find(|(name, other)| {
            let its = other.running(Component::Etcd.name()).and_then(|c| c.loaded.get("etcd-peer"));
            name.as_str() != node
                && self.etcd_is_up(name, state_at)
                && !self.links.has(node, name)
                && its.is_some_and(|its| !its.is_good(at) || !own.is_good(at))
        })?;
        Some(Complaint::RefusedPeer(peer.address.clone()))
    }

    fn refused_etcd(&self, node: &str, server: &Container, at: u64) -> Option<Complaint> {
        let etcd = self.nodes.get(node)?.running(Component::Etcd.name())?.loaded.get("etcd-server")?;
        (!server.connected && !etcd.is_valid(at)).then_some(Complaint::ExpiredEtcd(etcd.not_after))
    }

    fn refused_client(
        &self,
        node: &str,
        client: &Container,
        (state_at, quorum): (u64, &Quorum),
        at: u64,
    ) -> Option<Complaint> {
        if !self.api_does_tls(node) {
            return None;
        }
        let serving = self.api_server(node)?.loaded.get("apiserver")?;
        if !serving.is_valid(at) {
            return Some(Complaint::ExpiredServer(self.node(node).address.clone(), serving.not_after));
        }
        let stale = !client.loaded.values().all(|l| l.is_good(at));
        (stale && self.api_is_ready(node, state_at, quorum)).then_some(Complaint::Unauthorized)
    }
}

impl Complaint {
    /// The line that the container called `name` wrote at `at`.
    pub(in crate::lab) fn line(&self, name: &str, at: u64) -> String {
        let lease = |why: &str| {
            format!(
                "{} leaderelection.go:461] \"Error retrieving lease lock\" err=\"{why}\" lock=\"kube-system/{name}\"",
                klog('E', at, 1)
            )
        };
        match self {
            // As etcd 3.4 and later writes it.
            Self::RefusedPeer(address) => format!(
                "{{\"level\":\"warn\",\"ts\":\"{}\",\"caller\":\"embed/config_logging.go:194\",\"msg\":\"rejected \
                 connection on peer endpoint\",\"remote-addr\":\"{address}:{}\",\"server-name\":\"\",\"error\":\"remote \
                 error: tls: bad certificate\"}}",
                rfc3339_us(at),
                32_768 + at / EVERY % 28_000
            ),
            Self::ExpiredEtcd(not_after) => format!(
                "{} logging.go:55] [core] [Channel #1 SubChannel #3] grpc: addrConn.createTransport failed to connect to \
                 {{Addr: \"127.0.0.1:2379\", ServerName: \"127.0.0.1:2379\", }}. Err: connection error: desc = \
                 \"transport: authentication handshake failed: tls: failed to verify certificate: {}\"",
                klog('W', at, 1),
                expired_text(at, *not_after)
            ),
            Self::ExpiredServer(address, not_after) => lease(&format!(
                "Get \\\"https://{address}:6443/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{name}?timeout=5s\\\": \
                 tls: failed to verify certificate: {}",
                expired_text(at, *not_after)
            )),
            Self::Unauthorized => lease("Unauthorized"),
        }
    }
}

/// Go's words for a certificate whose time is over.
pub(in crate::lab) fn expired_text(at: u64, not_after: i64) -> String {
    format!(
        "x509: certificate has expired or is not yet valid: current time {} is after {}",
        rfc3339((at / 1000).cast_signed()),
        rfc3339(not_after)
    )
}
