//! `kubectl get pods`.

use certwright_engine::host::Output;
use certwright_engine::text::escape;

use super::nodes::{READY, Readiness};
use super::records::{first, only, read};
use crate::tools::OutputError;

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
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

/// What is asked of each pod.
pub(super) const FIELDS: [&str; 8] = [
    ".metadata.name",
    ".metadata.deletionTimestamp",
    ".spec.nodeName",
    ".spec.containers[*].name",
    ".status.phase",
    READY,
    ".status.containerStatuses[?(@.ready==true)].name",
    ".status.containerStatuses[*].state.waiting.reason",
];

/// Parses what [`Kubectl::pods`](super::Kubectl::pods) prints.
pub fn parse_pods(output: &Output) -> Result<Vec<Pod>, OutputError> {
    let what = "`kubectl get pods`";
    let records = read::<{ FIELDS.len() }>(what, output)?;
    let one = |[name, deleted, node, containers, phase, condition, ready, waiting]: [Vec<String>; 8]| {
        Ok(Pod {
            name: escape(&only(what, name)?),
            node: escape(&first(node)),
            phase: escape(&first(phase)),
            ready: Readiness::of(&condition),
            ready_containers: ready.len(),
            containers: containers.len(),
            waiting: waiting
                .into_iter()
                .find(|reason| !reason.is_empty())
                .map_or(String::new(), |r| escape(&r)),
            terminating: !deleted.is_empty(),
        })
    };
    records.into_iter().map(one).collect()
}
