//! `kubectl get daemonset NAME -o json`.

use std::collections::BTreeMap;

use certwright_engine::host::Output;
use certwright_engine::text::escape;
use serde::Deserialize;

use crate::tools::OutputError;
use crate::tools::output::json;

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
struct DaemonSetWire {
    metadata: MetaWire,
    spec: DaemonSetSpecWire,
    #[serde(default)]
    status: DaemonSetStatusWire,
}

#[derive(Deserialize)]
struct MetaWire {
    name: String,
    #[serde(default)]
    generation: i64,
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
