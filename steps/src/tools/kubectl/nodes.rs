//! `kubectl get nodes`.

use certwright_engine::host::Output;
use certwright_engine::text::escape;

use super::records::{only, read};
use crate::tools::OutputError;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its Ready condition.
    pub ready: Readiness,
    /// All addresses and host names that its kubelet told, of every type, as they are.
    pub names: Vec<String>,
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

/// The status of an object's Ready condition.
pub(super) const READY: &str = r#".status.conditions[?(@.type=="Ready")].status"#;

impl Readiness {
    pub(super) fn of(condition: &[String]) -> Self {
        match condition.first().map(String::as_str) {
            Some("True") => Self::Ready,
            Some("False") => Self::NotReady,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// What is asked of each node.
pub(super) const FIELDS: [&str; 3] = [".metadata.name", ".status.addresses[*].address", READY];

/// Parses what [`Kubectl::nodes`](super::Kubectl::nodes) prints.
pub fn parse_nodes(output: &Output) -> Result<Vec<Node>, OutputError> {
    let what = "`kubectl get nodes`";
    let records = read::<{ FIELDS.len() }>(what, output)?;
    let one = |[name, names, ready]: [Vec<String>; 3]| {
        Ok(Node { name: escape(&only(what, name)?), ready: Readiness::of(&ready), names })
    };
    records.into_iter().map(one).collect()
}
