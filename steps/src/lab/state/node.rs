//! A control-plane node: its pods and containers as the runtime has them, its kubelet, and what that told the API last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A control-plane node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Node {
    /// Its address.
    pub(in crate::lab) address: String,
    /// Pods by the name of their container: the four static ones and etcd-defrag.
    pub(in crate::lab) pods: BTreeMap<String, Pod>,
    /// The kubelet process.
    pub(in crate::lab) kubelet: Kubelet,
    /// Pods as the kubelet last told the API server.
    pub(in crate::lab) posted: BTreeMap<String, Posted>,
    /// When the kubelet last told the API server that it lives.
    pub(in crate::lab) heartbeat: u64,
}

/// A pod sandbox with one container, as the runtime has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Pod {
    /// Pod name (`etcd-cp-1`).
    pub(in crate::lab) name: String,
    /// Pod uid.
    pub(in crate::lab) uid: String,
    /// Id of the sandbox.
    pub(in crate::lab) sandbox: String,
    /// When the sandbox was made.
    pub(in crate::lab) sandbox_created: u64,
    /// When the pod was made, for its age.
    pub(in crate::lab) created: u64,
    /// Generation of the DaemonSet's template it was made from; 1 for a static pod.
    pub(in crate::lab) generation: u64,
    /// Its containers, oldest first: at most one that has exited, as the kubelet keeps them.
    pub(in crate::lab) containers: Vec<Container>,
    /// When the kubelet will start the next container.
    pub(in crate::lab) restart_at: Option<u64>,
    /// Restarts in a row that the kubelet's back-off counts.
    pub(in crate::lab) restarts_in_row: u32,
    /// When a container last ended.
    pub(in crate::lab) last_end: u64,
    /// A fault keeps the next container from being started until the sandbox or the kubelet is restarted.
    pub(in crate::lab) stuck: bool,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Container {
    /// Full id, 64 hex digits.
    pub(in crate::lab) id: String,
    /// Which start of the pod's container it is, from 0.
    pub(in crate::lab) attempt: u32,
    /// When it was created and started.
    pub(in crate::lab) started: u64,
    /// From when on it answers, as far as nothing else is missing.
    pub(in crate::lab) ready_at: u64,
    /// When it will end, and with which status.
    pub(in crate::lab) ends: Option<(u64, i32)>,
    /// When and how it ended.
    pub(in crate::lab) ended: Option<(u64, i32)>,
    /// Certificates it has read, by the name of their leaf.
    pub(in crate::lab) loaded: BTreeMap<String, Loaded>,
    /// An API server: connected with its etcd. A controller-manager or scheduler: has synced once.
    pub(in crate::lab) connected: bool,
    /// An API server: has been connected since it started.
    pub(in crate::lab) came_up: bool,
    /// The certificate it signed itself when it started (PEM); empty for others than controller-manager and scheduler.
    pub(in crate::lab) own: String,
    /// What it complained of and when, oldest first.
    pub(in crate::lab) log: Vec<(u64, Complaint)>,
}

/// What a container writes about certificates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) enum Complaint {
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Loaded {
    /// PEM of the certificate.
    pub(in crate::lab) pem: String,
    /// First second of its validity, s since 1970.
    pub(in crate::lab) not_before: i64,
    /// Last second of its validity, s since 1970.
    pub(in crate::lab) not_after: i64,
    /// Whether the node's own CA signed it.
    pub(in crate::lab) trusted: bool,
    /// Modification time and size of the files it was read from; how a change is noticed.
    pub(in crate::lab) stamp: String,
    /// When a change of the file will have been read.
    pub(in crate::lab) reload_at: Option<u64>,
}

impl Loaded {
    /// True when it is trusted and valid at `now`.
    pub(in crate::lab) fn is_good(&self, now: u64) -> bool {
        self.trusted && self.is_valid(now)
    }

    /// True between its dates.
    pub(in crate::lab) fn is_valid(&self, now: u64) -> bool {
        let seconds = (now / 1000).cast_signed();
        self.not_before <= seconds && seconds <= self.not_after
    }
}

/// The kubelet process of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Kubelet {
    /// Whether it runs.
    pub(in crate::lab) active: bool,
    /// Since when it runs or does not.
    pub(in crate::lab) since: u64,
    /// Its client certificate, as it has loaded it.
    pub(in crate::lab) client: Option<Loaded>,
    /// When its rotation will be done.
    pub(in crate::lab) rotates_at: Option<u64>,
}

/// A pod as the API has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Posted {
    /// Pod name.
    pub(in crate::lab) name: String,
    /// Pod uid.
    pub(in crate::lab) uid: String,
    /// When the pod was made.
    pub(in crate::lab) created: u64,
    /// Id of its container.
    pub(in crate::lab) container: String,
    /// When that started.
    pub(in crate::lab) started: u64,
    /// Times its container was restarted.
    pub(in crate::lab) restarts: u32,
    /// When the container before it ended.
    pub(in crate::lab) last_end: u64,
    /// Whether it is ready.
    pub(in crate::lab) ready: bool,
    /// Whether its container runs.
    pub(in crate::lab) running: bool,
    /// Generation of the DaemonSet's template it was made from.
    pub(in crate::lab) generation: u64,
}

impl Node {
    /// The running container of a pod.
    pub(in crate::lab) fn running(&self, pod: &str) -> Option<&Container> {
        self.pods.get(pod).and_then(Pod::running)
    }

    /// The running container of a pod, to change it.
    pub(in crate::lab) fn running_mut(&mut self, pod: &str) -> Option<&mut Container> {
        self.pods.get_mut(pod)?.containers.last_mut().filter(|c| c.ended.is_none())
    }
}

impl Pod {
    /// The running container.
    pub(in crate::lab) fn running(&self) -> Option<&Container> {
        self.containers.last().filter(|c| c.ended.is_none())
    }
}

impl Posted {
    /// What a kubelet tells of a pod with this newest container.
    pub(in crate::lab) fn of(pod: &Pod, container: &Container, ready: bool) -> Self {
        Self {
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            created: pod.created,
            container: container.id.clone(),
            started: container.started,
            restarts: container.attempt,
            last_end: pod.last_end,
            ready,
            running: container.ended.is_none(),
            generation: pod.generation,
        }
    }

    /// Whether that is what it would tell again.
    pub(in crate::lab) fn tells(&self, pod: &Pod, container: &Container, is_ready: bool) -> bool {
        let Self {
            name,
            uid,
            created,
            container: id,
            started,
            restarts,
            last_end,
            ready,
            running,
            generation,
        } = self;
        (name, uid, id) == (&pod.name, &pod.uid, &container.id)
            && (*created, *last_end, *generation) == (pod.created, pod.last_end, pod.generation)
            && (*started, *restarts, *ready) == (container.started, container.attempt, is_ready)
            && *running == container.ended.is_none()
    }
}
