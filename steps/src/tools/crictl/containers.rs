//! `crictl ps -o json` and `crictl pods -o json`.

use certwright_engine::host::Output;
use certwright_engine::text::escape;
use serde::Deserialize;

use crate::tools::OutputError;
use crate::tools::output::json;

/// A container, as the runtime knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Id of the pod sandbox it is in.
    pub sandbox: String,
    /// `metadata.name`: the container's name in its pod.
    pub name: String,
    /// How many of this name were made before it in this sandbox.
    pub attempt: u32,
    /// What it does.
    pub state: ContainerState,
    /// When it was made, ns since 1970.
    pub created_ns: i128,
    /// Name of its pod; empty when not labelled.
    pub pod: String,
    /// Namespace of its pod; empty when not labelled.
    pub namespace: String,
    /// UID of its pod; empty when not labelled.
    pub uid: String,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, not started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// The runtime does not know.
    Unknown,
}

impl ContainerState {
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "CONTAINER_CREATED" => Self::Created,
            "CONTAINER_RUNNING" => Self::Running,
            "CONTAINER_EXITED" => Self::Exited,
            _ => Self::Unknown,
        }
    }
}

/// A pod sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Full id.
    pub id: String,
    /// Name of the pod.
    pub pod: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// How many sandboxes this pod had before.
    pub attempt: u32,
    /// True for `SANDBOX_READY`.
    pub ready: bool,
    /// When it was made, ns since 1970.
    pub created_ns: i128,
}

#[derive(Deserialize)]
struct PsWire {
    containers: Vec<ContainerWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerWire {
    id: String,
    pod_sandbox_id: String,
    metadata: MetadataWire,
    state: String,
    created_at: String,
    #[serde(default)]
    labels: Option<LabelsWire>,
}

#[derive(Deserialize)]
struct MetadataWire {
    name: String,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
}

#[derive(Deserialize, Default)]
struct LabelsWire {
    #[serde(rename = "io.kubernetes.pod.name", default)]
    pod: String,
    #[serde(rename = "io.kubernetes.pod.namespace", default)]
    namespace: String,
    #[serde(rename = "io.kubernetes.pod.uid", default)]
    uid: String,
}

#[derive(Deserialize)]
struct PodsWire {
    items: Vec<SandboxWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SandboxWire {
    id: String,
    metadata: MetadataWire,
    state: String,
    created_at: String,
}

/// Parses `crictl ps [-a] -o json`.
pub fn parse_containers(output: &Output) -> Result<Vec<Container>, OutputError> {
    let what = "`crictl ps`";
    let wire: PsWire = json(what, &output.stdout)?;
    let one = |wire: ContainerWire| {
        let labels = wire.labels.unwrap_or_default();
        Ok(Container {
            id: id(what, wire.id)?,
            sandbox: id(what, wire.pod_sandbox_id)?,
            name: escape(&wire.metadata.name),
            attempt: wire.metadata.attempt,
            state: ContainerState::parse(&wire.state),
            created_ns: nanoseconds(what, &wire.created_at)?,
            pod: escape(&labels.pod),
            namespace: escape(&labels.namespace),
            uid: escape(&labels.uid),
        })
    };
    wire.containers.into_iter().map(one).collect()
}

/// Parses `crictl pods -o json`.
pub fn parse_sandboxes(output: &Output) -> Result<Vec<Sandbox>, OutputError> {
    let what = "`crictl pods`";
    let wire: PodsWire = json(what, &output.stdout)?;
    let one = |wire: SandboxWire| {
        Ok(Sandbox {
            id: id(what, wire.id)?,
            pod: escape(&wire.metadata.name),
            namespace: escape(&wire.metadata.namespace),
            uid: escape(&wire.metadata.uid),
            attempt: wire.metadata.attempt,
            ready: wire.state == "SANDBOX_READY",
            created_ns: nanoseconds(what, &wire.created_at)?,
        })
    };
    wire.items.into_iter().map(one).collect()
}

fn id(what: &'static str, id: String) -> Result<String, OutputError> {
    if super::is_id(&id) { Ok(id) } else { Err(OutputError::shape(what, format!("`{id}` as an id"))) }
}

fn nanoseconds(what: &'static str, text: &str) -> Result<i128, OutputError> {
    text.parse().map_err(|_| OutputError::shape(what, format!("`{text}` as a time in ns")))
}

/// The containers of static pod `name` in kube-system: exactly this name, so never `etcd-defrag` for `etcd`.
pub fn select<'a>(containers: &'a [Container], name: &'a str) -> impl Iterator<Item = &'a Container> {
    containers.iter().filter(move |c| c.name == name && c.namespace == "kube-system")
}

/// The newest container of static pod `name`, whatever its state.
pub fn latest<'a>(containers: &'a [Container], name: &'a str) -> Option<&'a Container> {
    select(containers, name).max_by_key(|c| (c.created_ns, c.attempt))
}

/// The newest running container of static pod `name`.
pub fn running<'a>(containers: &'a [Container], name: &'a str) -> Option<&'a Container> {
    select(containers, name)
        .filter(|c| c.state == ContainerState::Running)
        .max_by_key(|c| (c.created_ns, c.attempt))
}
