//! What a kubelet wants to run: static pods from their folder, and pods that the API gives to this node.

use std::path::Path;

use certwright_steps::pki::Digest;
use serde::Deserialize;

use crate::wire::klog::{Level, say};

/// A pod that should run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its name.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its uid; that of a static pod follows from its manifest.
    pub(super) uid: String,
    /// `file` or `api`.
    pub(super) source: &'static str,
    /// Name of its container.
    pub(super) container: String,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// How long it has to end when it is asked to, ms.
    pub(super) grace_ms: u64,
}

#[derive(Debug, Deserialize)]
struct PodWire {
    metadata: MetadataWire,
    spec: SpecWire,
}

#[derive(Debug, Deserialize)]
struct MetadataWire {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire {
    containers: Vec<ContainerWire>,
    #[serde(default)]
    termination_grace_period_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct ContainerWire {
    name: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
}

/// Every static pod of the folder: each file whose name does not begin with a dot, as the real kubelet reads it.
pub(super) fn read(folder: &Path, host: &str) -> Vec<Wanted> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let plain = |path: &&std::path::PathBuf| {
        !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) && path.is_file()
    };
    files.iter().filter(plain).filter_map(|path| pod(path, host)).collect()
}

fn pod(path: &Path, host: &str) -> Option<Wanted> {
    let bytes = std::fs::read(path).ok()?;
    let wire: PodWire = match serde_saphyr::from_slice(&bytes) {
        Ok(wire) => wire,
        Err(error) => {
            let words =
                format!("\"Could not process manifest file\" err=\"{error}\" path=\"{}\"", path.display());
            say(Level::Error, "file.go:182", &words);
            return None;
        }
    };
    let container = wire.spec.containers.into_iter().next()?;
    Some(Wanted {
        name: format!("{}-{host}", wire.metadata.name),
        namespace: wire.metadata.namespace.unwrap_or_else(|| "default".to_owned()),
        uid: Digest::of(&bytes).to_string()[..32].to_owned(),
        source: "file",
        container: container.name,
        command: container.command.into_iter().chain(container.args).collect(),
        grace_ms: 1000 * wire.spec.termination_grace_period_seconds.unwrap_or(30),
    })
}
