//! How the lab's processes live: what happens between two commands, in the order of time.
//!
//! [`World::advance`] brings everything up to a moment: kubelets start what has ended, etcd members connect or refuse
//! each other, API servers find their etcd, controllers act. It is driven by timers in the [`State`], so jumps of hours
//! cost nothing. Measured on a real 1.36 cluster: a renewed file is served within 3 s without a restart (etcd, API
//! server), the controller-manager and the scheduler keep what they loaded, back-off is 12, 25, 55, 82 s and more.
//!
//! Deliberately absent: leases that are renewed (the scheduler and the controller-manager that have run longest count as
//! their holders, and controllers work without one), liveness probes (an API server that has been up and loses its etcd stays
//! up, unready), memory of requests, and anything that moves by itself without a reason above.

mod cluster;
pub(super) mod controllers;
mod kubelet;
pub(super) mod load;
pub(super) mod logs;
pub(super) mod pods;
pub(in crate::lab) mod requests;

pub(super) use load::loaded;
pub(super) use logs::expired_text;

use super::LabError;
use super::files::Files;
use super::state::State;

/// State and files together: what time acts upon.
pub(super) struct World<'a> {
    /// The lab's memory.
    pub(super) state: &'a mut State,
    /// Its folders.
    pub(super) files: &'a Files,
}

/// Whose files may have changed since the lab was last brought up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touched<'a> {
    /// Those of this host: it is the one that a command of the lab runs on. What somebody else writes meanwhile is
    /// noticed a little later.
    Host(&'a str),
    /// Those of any host.
    Any,
}

impl World<'_> {
    /// Lets time pass until `now`; the lab's clock never goes back.
    pub(super) fn advance(&mut self, now: u64, touched: Touched<'_>) -> Result<(), LabError> {
        let now = now.max(self.state.now);
        self.notice_files(now, touched);
        let mut at = self.state.now;
        loop {
            self.tick(at)?;
            let next = self.next_timer(at).filter(|next| *next <= now).unwrap_or(now);
            self.write_logs(at, next);
            if next == at {
                break;
            }
            at = next;
        }
        self.state.now = now;
        Ok(())
    }

    /// Everything that is due at `at`.
    fn tick(&mut self, at: u64) -> Result<(), LabError> {
        self.reload(at);
        self.end_containers(at);
        self.live_kubelets(at)?;
        self.start_containers(at);
        self.connect_members(at);
        self.elect(at);
        // Nothing below changes it.
        let quorum = self.state.quorum(at);
        self.connect_api_servers(at, &quorum);
        self.sync_clients(at, &quorum);
        self.post(at, &quorum);
        self.refresh_secret(at, &quorum)?;
        self.roll_out(at, &quorum);
        self.rotate_kubelets(at, &quorum)?;
        self.serve_kubelets(at, &quorum)
    }

    /// The earliest timer after `at`.
    fn next_timer(&self, at: u64) -> Option<u64> {
        let state = &*self.state;
        let objects = &state.objects;
        let of_lab =
            [state.election_at, objects.kubeconfig_at, objects.defrag.as_ref().and_then(|d| d.step_at)];
        let of_nodes = state.nodes.values().flat_map(|node| {
            let of_pods = node.pods.values().flat_map(|pod| {
                let of_container = pod.running().into_iter().flat_map(|container| {
                    let reloads = container.loaded.values().filter_map(|l| l.reload_at);
                    let gives_up = (!container.came_up).then(|| self.gives_up_at(container));
                    let ends = container.ends.map(|(at, _)| at);
                    let first_try = container.started + state.delay(pods::TLS_UP);
                    reloads.chain(ends).chain(gives_up).chain([container.ready_at, first_try])
                });
                of_container.chain(pod.restart_at)
            });
            of_pods.chain(node.kubelet.rotates_at)
        });
        of_lab.into_iter().flatten().chain(self.signs_at()).chain(of_nodes).filter(|t| *t > at).min()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use certwright_engine::clock::Clock;

    use super::{Touched, World};
    use crate::lab::{Lab, LabSpec, NodeSpec, Validity};

    const START: u64 = 1_795_553_100_000;

    /// What a command costs must not be work for every node that it has nothing to do with.
    #[test]
    fn time_that_changes_nothing_copies_no_node_and_one_that_changes_one_copies_that() {
        let folder = tempfile::tempdir().unwrap();
        let node = |n: u32| NodeSpec {
            name: format!("cp-{n}"),
            address: format!("192.0.2.{n}"),
            certificates: None,
            kubelet: None,
            groups: Vec::new(),
        };
        let spec = LabSpec { nodes: (1..=5).map(node).collect(), ..LabSpec::default() };
        let spec = spec.certificates(Validity::Valid);
        let lab = Lab::create(folder.path().join("lab"), &spec, &Clock::virtual_from(START)).unwrap();
        lab.pass_until(START + 1_000).unwrap();
        let mut locked = lab.locked().unwrap();
        let before = locked.state.clone();
        let mut world = World { state: &mut locked.state, files: &lab.files };
        let shared = |world: &World<'_>| -> Vec<bool> {
            let nodes = world.state.nodes.iter();
            nodes.map(|(name, node)| Arc::ptr_eq(node, &before.nodes[name])).collect()
        };
        world.advance(START + 3_000, Touched::Any).unwrap();
        assert_eq!(shared(&world), [true; 5]);
        // One that is changed shows that sharing can end.
        world.restart_kubelet("cp-3", START + 3_000).unwrap();
        world.advance(START + 3_500, Touched::Host("cp-3")).unwrap();
        assert_eq!(shared(&world), [true, true, false, true, true]);
    }
}
