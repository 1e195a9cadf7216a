//! The objects of `kubectl ... -o json` as the few facts that matter.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::host::Output;
use certwright_engine::text::{Secret, escape};
use serde::Deserialize;

use crate::tools::OutputError;
use crate::tools::output::{json, whole};

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its Ready condition.
    pub ready: Readiness,
    /// Why it is not ready (`KubeletNotReady`, `NodeStatusUnknown`); empty when not said.
    pub reason: String,
    /// Its InternalIP addresses, in order.
    pub addresses: Vec<String>,
    /// True when labelled as control plane (or as master, before 1.20).
    pub control_plane: bool,
}

/// A Ready condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// True.
    Ready,
    /// False.
    NotReady,
    /// Unknown, or not said.
    Unknown,
}

impl Readiness {
    fn of(conditions: &[ConditionWire]) -> Self {
        match conditions.iter().find(|c| c.kind == "Ready").map(|c| c.status.as_str()) {
            Some("True") => Self::Ready,
            Some("False") => Self::NotReady,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The node it is bound to; empty when it is not.
    pub node: String,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Its Ready condition.
    pub ready: Readiness,
    /// Ready containers.
    pub ready_containers: usize,
    /// Containers in all.
    pub containers: usize,
    /// Restarts of all its containers.
    pub restarts: u64,
    /// Why a container waits (`CrashLoopBackOff`), of the first that gives a reason; empty when none does.
    pub waiting: String,
    /// True when it is being deleted.
    pub terminating: bool,
}

impl Pod {
    /// True for a pod as it should be: running with all containers ready, or finished with success.
    pub fn is_healthy(&self) -> bool {
        match self.phase.as_str() {
            "Succeeded" => true,
            "Running" => self.ready_containers == self.containers && self.ready == Readiness::Ready,
            _ => false,
        }
    }
}

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSet {
    /// Its name.
    pub name: String,
    /// Its generation.
    pub generation: i64,
    /// The generation its controller has seen.
    pub observed_generation: i64,
    /// Pods there should be.
    pub desired: i64,
    /// Pods of the newest template.
    pub updated: i64,
    /// Ready pods.
    pub ready: i64,
    /// Available pods.
    pub available: i64,
    /// When `rollout restart` was last asked for (RFC 3339 as kubectl writes it); None when never.
    pub restarted_at: Option<String>,
}

impl DaemonSet {
    /// True when the controller has seen the newest template and all pods run it, as `rollout status` judges.
    pub fn is_rolled_out(&self) -> bool {
        self.observed_generation >= self.generation
            && self.updated >= self.desired
            && self.available >= self.desired
    }
}

#[derive(Deserialize)]
struct ListWire<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaWire {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    generation: i64,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct ConditionWire {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct NodeWire {
    metadata: MetaWire,
    #[serde(default)]
    status: NodeStatusWire,
}

#[derive(Deserialize, Default)]
struct NodeStatusWire {
    #[serde(default)]
    conditions: Vec<ConditionWire>,
    #[serde(default)]
    addresses: Vec<AddressWire>,
}

#[derive(Deserialize)]
struct AddressWire {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

/// Parses `kubectl get nodes -o json`.
pub fn parse_nodes(output: &Output) -> Result<Vec<Node>, OutputError> {
    let list: ListWire<NodeWire> = json("`kubectl get nodes`", &output.stdout)?;
    let one = |node: NodeWire| {
        let conditions = &node.status.conditions;
        let role = |key: &str| node.metadata.labels.contains_key(key);
        Node {
            name: escape(&node.metadata.name),
            ready: Readiness::of(conditions),
            reason: conditions
                .iter()
                .find(|c| c.kind == "Ready")
                .map_or(String::new(), |c| escape(&c.reason)),
            addresses: node
                .status
                .addresses
                .iter()
                .filter(|a| a.kind == "InternalIP")
                .map(|a| escape(&a.address))
                .collect(),
            control_plane: role("node-role.kubernetes.io/control-plane")
                || role("node-role.kubernetes.io/master"),
        }
    };
    Ok(list.items.into_iter().map(one).collect())
}

#[derive(Deserialize)]
struct PodWire {
    metadata: MetaWire,
    #[serde(default)]
    spec: PodSpecWire,
    #[serde(default)]
    status: PodStatusWire,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PodSpecWire {
    #[serde(default)]
    node_name: String,
    #[serde(default)]
    containers: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PodStatusWire {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    conditions: Vec<ConditionWire>,
    #[serde(default)]
    container_statuses: Vec<ContainerStatusWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatusWire {
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    restart_count: u64,
    #[serde(default)]
    state: StateWire,
}

#[derive(Deserialize, Default)]
struct StateWire {
    #[serde(default)]
    waiting: Option<WaitingWire>,
}

#[derive(Deserialize)]
struct WaitingWire {
    #[serde(default)]
    reason: String,
}

/// Parses `kubectl get pods -o json`.
pub fn parse_pods(output: &Output) -> Result<Vec<Pod>, OutputError> {
    let list: ListWire<PodWire> = json("`kubectl get pods`", &output.stdout)?;
    let one = |pod: PodWire| {
        let statuses = &pod.status.container_statuses;
        let waiting = statuses.iter().filter_map(|s| s.state.waiting.as_ref()).find(|w| !w.reason.is_empty());
        Pod {
            name: escape(&pod.metadata.name),
            namespace: escape(&pod.metadata.namespace),
            node: escape(&pod.spec.node_name),
            phase: escape(&pod.status.phase),
            ready: Readiness::of(&pod.status.conditions),
            ready_containers: statuses.iter().filter(|s| s.ready).count(),
            containers: pod.spec.containers.len(),
            restarts: statuses.iter().map(|s| s.restart_count).sum(),
            waiting: waiting.map_or(String::new(), |w| escape(&w.reason)),
            terminating: pod.metadata.deletion_timestamp.is_some(),
        }
    };
    Ok(list.items.into_iter().map(one).collect())
}

#[derive(Deserialize)]
struct DaemonSetWire {
    metadata: MetaWire,
    spec: DaemonSetSpecWire,
    #[serde(default)]
    status: DaemonSetStatusWire,
}

#[derive(Deserialize)]
struct DaemonSetSpecWire {
    template: TemplateWire,
}

#[derive(Deserialize)]
struct TemplateWire {
    #[serde(default)]
    metadata: TemplateMetaWire,
}

#[derive(Deserialize, Default)]
struct TemplateMetaWire {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DaemonSetStatusWire {
    observed_generation: i64,
    desired_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_ready: i64,
    number_available: i64,
}

/// Parses `kubectl get daemonset NAME -o json`.
pub fn parse_daemonset(output: &Output) -> Result<DaemonSet, OutputError> {
    let wire: DaemonSetWire = json("`kubectl get daemonset`", &output.stdout)?;
    let restarted = "kubectl.kubernetes.io/restartedAt";
    Ok(DaemonSet {
        name: escape(&wire.metadata.name),
        generation: wire.metadata.generation,
        observed_generation: wire.status.observed_generation,
        desired: wire.status.desired_number_scheduled,
        updated: wire.status.updated_number_scheduled,
        ready: wire.status.number_ready,
        available: wire.status.number_available,
        restarted_at: wire.spec.template.metadata.annotations.get(restarted).map(|at| escape(at)),
    })
}

/// Decodes what `get secret ... -o jsonpath={.data.value}` prints; None when the secret has no such key.
pub fn parse_secret_value(output: &Output) -> Result<Option<Secret>, OutputError> {
    let what = "`kubectl get secret`";
    // The garbled seed printed quotes around the template; a shell's leftovers are not base64 either way.
    let text = whole(what, &output.stdout)?.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    let value = STANDARD.decode(text).map_err(|_| OutputError::shape(what, "not base64"))?;
    Ok(Some(Secret::new(value)))
}
