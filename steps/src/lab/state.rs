//! What the lab remembers between two commands: processes, connections, API objects, faults and its clock.
//!
//! Files and certificates are not here: they lie in the nodes' folders, and what a process has *loaded* of them
//! is here. All times are lab time, ms since 1970. Deliberately absent: behaviour (see [`super::world`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::fault::{Armed, Fired};
use super::spec::LabSpec;
use super::world::requests::SigningAsk;

/// The lab's memory, as `DIR/.lab/state.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Version of this format.
    pub(super) format: u32,
    /// What the lab was made from.
    pub(super) spec: LabSpec,
    /// How many ids and serial numbers were handed out.
    pub(super) issued: u64,
    /// The latest time the lab has seen.
    pub(super) now: u64,
    /// The control-plane nodes by name.
    pub(super) nodes: BTreeMap<String, Node>,
    /// Established connections between etcd members, each pair in order.
    pub(super) links: BTreeSet<(String, String)>,
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

/// A control-plane node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    /// Its address.
    pub(super) address: String,
    /// Pods by the name of their container: the four static ones and etcd-defrag.
    pub(super) pods: BTreeMap<String, Pod>,
    /// The kubelet process.
    pub(super) kubelet: Kubelet,
    /// Pods as the kubelet last told the API server.
    pub(super) posted: BTreeMap<String, Posted>,
    /// When the kubelet last told the API server that it lives.
    pub(super) heartbeat: u64,
}

/// A pod sandbox with one container, as the runtime has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pod {
    /// Pod name (`etcd-cp-1`).
    pub(super) name: String,
    /// Pod uid.
    pub(super) uid: String,
    /// Id of the sandbox.
    pub(super) sandbox: String,
    /// When the sandbox was made.
    pub(super) sandbox_created: u64,
    /// When the pod was made, for its age.
    pub(super) created: u64,
    /// Generation of the DaemonSet's template it was made from; 1 for a static pod.
    pub(super) generation: u64,
    /// Its containers, oldest first: at most one that has exited, as the kubelet keeps them.
    pub(super) containers: Vec<Container>,
    /// When the kubelet will start the next container.
    pub(super) restart_at: Option<u64>,
    /// Restarts in a row that the kubelet's back-off counts.
    pub(super) restarts_in_row: u32,
    /// When a container last ended.
    pub(super) last_end: u64,
    /// A fault keeps the next container from being started until the sandbox or the kubelet is restarted.
    pub(super) stuck: bool,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Container {
    /// Full id, 64 hex digits.
    pub(super) id: String,
    /// Which start of the pod's container it is, from 0.
    pub(super) attempt: u32,
    /// When it was created and started.
    pub(super) started: u64,
    /// From when on it answers, as far as nothing else is missing.
    pub(super) ready_at: u64,
    /// When it will end, and with which status.
    pub(super) ends: Option<(u64, i32)>,
    /// When and how it ended.
    pub(super) ended: Option<(u64, i32)>,
    /// Certificates it has read, by the name of their leaf.
    pub(super) loaded: BTreeMap<String, Loaded>,
    /// An API server: connected with its etcd. A controller-manager or scheduler: has synced once.
    pub(super) connected: bool,
    /// An API server: has been connected since it started.
    pub(super) came_up: bool,
    /// The certificate it signed itself when it started (PEM); empty for others than controller-manager and scheduler.
    pub(super) own: String,
    /// What it complained of and when, oldest first.
    pub(super) log: Vec<(u64, Complaint)>,
}

/// What a container writes about certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Complaint {
    /// An etcd member turned a peer at this address away.
    RefusedPeer(String),
    /// An API server met an etcd whose certificate ended then, s since 1970.
    ExpiredEtcd(i64),
    /// A client met, at this address, an API server whose certificate ended then, s since 1970.
    ExpiredServer(String, i64),
    /// A client was turned away by the API server.
    Unauthorized,
}

/// A certificate as a process holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loaded {
    /// PEM of the certificate.
    pub(super) pem: String,
    /// First second of its validity, s since 1970.
    pub(super) not_before: i64,
    /// Last second of its validity, s since 1970.
    pub(super) not_after: i64,
    /// Whether the node's own CA signed it.
    pub(super) trusted: bool,
    /// Modification time and size of the files it was read from; how a change is noticed.
    pub(super) stamp: String,
    /// When a change of the file will have been read.
    pub(super) reload_at: Option<u64>,
}

impl Loaded {
    /// True when it is trusted and valid at `now`.
    pub(super) fn is_good(&self, now: u64) -> bool {
        self.trusted && self.is_valid(now)
    }

    /// True between its dates.
    pub(super) fn is_valid(&self, now: u64) -> bool {
        let seconds = (now / 1000).cast_signed();
        self.not_before <= seconds && seconds <= self.not_after
    }
}

/// The kubelet process of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kubelet {
    /// Whether it runs.
    pub(super) active: bool,
    /// Since when it runs or does not.
    pub(super) since: u64,
    /// Its client certificate, as it has loaded it.
    pub(super) client: Option<Loaded>,
    /// When its rotation will be done.
    pub(super) rotates_at: Option<u64>,
}

/// A pod as the API has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Posted {
    /// Pod name.
    pub(super) name: String,
    /// Pod uid.
    pub(super) uid: String,
    /// When the pod was made.
    pub(super) created: u64,
    /// Id of its container.
    pub(super) container: String,
    /// When that started.
    pub(super) started: u64,
    /// Times its container was restarted.
    pub(super) restarts: u32,
    /// When the container before it ended.
    pub(super) last_end: u64,
    /// Whether it is ready.
    pub(super) ready: bool,
    /// Whether its container runs.
    pub(super) running: bool,
    /// Generation of the DaemonSet's template it was made from.
    pub(super) generation: u64,
}

/// Objects behind the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Objects {
    /// The kubeconfig in the cluster's secret; None when there is no secret.
    pub(super) kubeconfig: Option<String>,
    /// NotAfter of its client certificate, s since 1970.
    pub(super) kubeconfig_not_after: i64,
    /// When its controller will have renewed it.
    pub(super) kubeconfig_at: Option<u64>,
    /// The DaemonSet etcd-defrag.
    pub(super) defrag: Option<DaemonSet>,
    /// The admin cluster's own certificate authority (PEM) where there is an admin cluster.
    pub(super) admin: Option<AdminCluster>,
    /// Requests for kubelets' serving certificates, oldest first.
    #[serde(default)]
    pub(super) requests: Vec<Request>,
}

/// A request for a kubelet's serving certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// Its name.
    pub(super) name: String,
    /// What it asks for, and who asks.
    pub(super) asked: SigningAsk,
    /// PEM of the request.
    pub(super) pem: String,
    /// Its key, PEM.
    pub(super) key: String,
    /// When it was made.
    pub(super) created: u64,
    /// When it was approved.
    pub(super) approved: Option<u64>,
    /// Whether it was signed.
    pub(super) signed: bool,
}

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaemonSet {
    /// Generation of its template, from 1.
    pub(super) generation: u64,
    /// When it was made.
    pub(super) created: u64,
    /// The annotation `kubectl.kubernetes.io/restartedAt`.
    pub(super) restarted: Option<u64>,
    /// When the controller takes the next step of a rollout.
    pub(super) step_at: Option<u64>,
}

/// The admin cluster: always healthy, holds the secret of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminCluster {
    /// Its API server's address.
    pub(super) address: String,
    /// PEM of its CA.
    pub(super) ca: String,
    /// What its API server serves.
    pub(super) serving: Loaded,
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
        self.nodes.get_mut(name).unwrap_or_else(|| panic!("the lab has a node `{name}`"))
    }

    /// The names of all nodes.
    pub(super) fn names(&self) -> Vec<String> {
        self.nodes.keys().cloned().collect()
    }
}

impl Node {
    /// The running container of a pod.
    pub(super) fn running(&self, pod: &str) -> Option<&Container> {
        self.pods.get(pod).and_then(Pod::running)
    }

    /// The running container of a pod, to change it.
    pub(super) fn running_mut(&mut self, pod: &str) -> Option<&mut Container> {
        self.pods.get_mut(pod)?.containers.last_mut().filter(|c| c.ended.is_none())
    }
}

impl Pod {
    /// The running container.
    pub(super) fn running(&self) -> Option<&Container> {
        self.containers.last().filter(|c| c.ended.is_none())
    }
}
