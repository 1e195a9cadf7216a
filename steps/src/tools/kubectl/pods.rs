//! `kubectl get pods -o json`.

use certwright_engine::host::Output;
use certwright_engine::text::escape;
use serde::Deserialize;

use super::nodes::Readiness;
use super::wire::{ConditionWire, ListWire, MetaWire};
use crate::tools::OutputError;
use crate::tools::output::json;

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
