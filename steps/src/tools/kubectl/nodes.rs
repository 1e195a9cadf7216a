//! `kubectl get nodes -o json`.

use certwright_engine::host::Output;
use certwright_engine::text::escape;
use serde::Deserialize;

use super::wire::{ConditionWire, ListWire, MetaWire};
use crate::tools::OutputError;
use crate::tools::output::json;

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
    /// All addresses and host names that its kubelet told, of every type, as they are.
    pub names: Vec<String>,
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
    pub(super) fn of(conditions: &[ConditionWire]) -> Self {
        match conditions.iter().find(|c| c.kind == "Ready").map(|c| c.status.as_str()) {
            Some("True") => Self::Ready,
            Some("False") => Self::NotReady,
            Some(_) | None => Self::Unknown,
        }
    }
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
            names: node.status.addresses.iter().map(|a| a.address.clone()).collect(),
            control_plane: role("node-role.kubernetes.io/control-plane")
                || role("node-role.kubernetes.io/master"),
        }
    };
    Ok(list.items.into_iter().map(one).collect())
}
