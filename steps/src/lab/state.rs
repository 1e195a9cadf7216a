//! What the lab remembers between two commands: processes, connections, API objects, faults and its clock.
//!
//! Files and certificates are not here: they lie in the nodes' folders, and what a process has *loaded* of them
//! is here. All times are lab time, ms since 1970. Deliberately absent: behaviour (see [`super::world`]).

mod links;
mod node;
mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(super) use links::Links;
pub(super) use node::{Complaint, Container, Kubelet, Loaded, Node, Pod, Posted};
pub(super) use objects::{AdminCluster, DaemonSet, Objects, Request};

use super::fault::{Armed, Fired};
use super::spec::LabSpec;

/// The lab's memory, as `DIR/.lab/state.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Version of this format.
    pub(super) format: u32,
    /// What the lab was made from.
    pub(super) spec: Arc<LabSpec>,
    /// How many ids and serial numbers were handed out.
    pub(super) issued: u64,
    /// The latest time the lab has seen.
    pub(super) now: u64,
    /// The run that began last in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    /// The control-plane nodes by name; a copy of the state shares those that nothing has changed since.
    pub(super) nodes: BTreeMap<String, Arc<Node>>,
    /// Established connections between etcd members.
    pub(super) links: Links,
    /// The etcd leader; kept while it has a majority.
    pub(super) leader: Option<String>,
    /// When a new leader will have been elected.
    pub(super) election_at: Option<u64>,
    /// Objects behind the API.
    pub(super) objects: Objects,
    /// Until when a command that outlived its caller still runs, by host.
    pub(super) busy: BTreeMap<String, u64>,
    /// Faults that wait for their moment.
    pub(super) faults: Vec<Armed>,
    /// Faults that have happened.
    pub(super) fired: Vec<Fired>,
}

impl State {
    /// 64 hex digits that no other id of this lab has, the same in every lab with this seed and history.
    pub(super) fn id(&mut self) -> String {
        self.issued += 1;
        let seed = format!("{}/{}", self.spec.seed, self.issued);
        crate::pki::Digest::of(seed.as_bytes()).to_string()
    }

    /// A serial number: 8 bytes, positive, never the same twice.
    pub(super) fn serial(&mut self) -> [u8; 8] {
        self.issued += 1;
        let digest = Sha256::digest(format!("{}/{}/serial", self.spec.seed, self.issued));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        bytes[0] = bytes[0] & 0x7f | 0x01;
        bytes
    }

    /// True when nothing but time made this state of `before`, and would make it again.
    pub(super) fn is_only_older_than(&self, before: &Self) -> bool {
        self.issued == before.issued
            && self.fired == before.fired
            && self.faults == before.faults
            && self.busy == before.busy
    }

    /// A delay of real machines as this lab has it: shorter by its pace.
    pub(super) fn delay(&self, ms: u64) -> u64 {
        ms / u64::from(self.spec.pace.max(1))
    }

    /// The node with this name.
    ///
    /// # Panics
    /// When there is none: names come from the lab itself.
    pub(super) fn node(&self, name: &str) -> &Node {
        self.nodes.get(name).unwrap_or_else(|| panic!("the lab has a node `{name}`"))
    }

    /// The node with this name, to change it.
    pub(super) fn node_mut(&mut self, name: &str) -> &mut Node {
        let node = self.nodes.get_mut(name).unwrap_or_else(|| panic!("the lab has a node `{name}`"));
        Arc::make_mut(node)
    }

    /// The names of all nodes.
    pub(super) fn names(&self) -> Vec<String> {
        self.nodes.keys().cloned().collect()
    }
}
