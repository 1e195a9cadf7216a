//! The folder of static pods: the kubelet runs every file in it that does not begin with a dot, and the file that a link
//! leads to. It does not look into folders, and complains of each every few seconds.

use std::collections::BTreeMap;

use certwright_engine::host::HostError;
use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use super::places::Places;
use super::pods::Pods;
use crate::kinds::finding::Finding;
use crate::kinds::node::Node;
use crate::pki::Component;
use crate::tools::folders::EntryKind;
use crate::tools::manifest::StaticPod;

/// What should not be there: backups of manifests, second manifests of one pod, and folders.
pub(super) async fn strays(node: &Node<'_>, pods: &Pods, places: &Places) -> Result<Vec<Finding>, StepError> {
    let folder = &node.manifests;
    let Some(entries) = places.get(folder) else {
        return Ok(vec![Finding::new(
            format!("{folder} does not exist"),
            "check that this host is a control-plane node: its kubelet's staticPodPath is empty or wrong",
        )]);
    };
    let mut findings = Vec::new();
    let mut by_pod: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.name.starts_with('.')) {
        let shown = escape(&format!("{folder}/{}", entry.name)).replace('\n', "\\n");
        match entry.kind {
            EntryKind::File | EntryKind::Link => {}
            EntryKind::Folder => {
                findings.push(Finding::new(
                    format!("{shown} is a folder among the manifests"),
                    format!(
                        "move it out of {folder}: no backup may lie where the kubelet looks for static pods"
                    ),
                ));
                continue;
            }
            EntryKind::Other => continue,
        }
        let Some(pod) = pod_of(node, pods, &entry.name).await? else {
            findings.push(Finding::new(
                format!("{shown} is no manifest, yet the kubelet reads it"),
                format!("move {shown} out of {folder}"),
            ));
            continue;
        };
        if let Some(other) = by_pod.insert(pod.clone(), shown.clone()) {
            findings.push(Finding::new(
                format!("{shown} is a second manifest of pod {}, beside {other}", escape(&pod)),
                format!("move the older of the two out of {folder}"),
            ));
        }
    }
    Ok(findings)
}

/// The name of the pod in this file; None where it is no manifest.
async fn pod_of(node: &Node<'_>, pods: &Pods, name: &str) -> Result<Option<String>, StepError> {
    let component = name.strip_suffix(".yaml").and_then(Component::from_name);
    if let Some(pod) = component.and_then(|component| pods.get(component)) {
        return Ok(Some(pod.name.clone()));
    }
    if ![".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
        return Ok(None);
    }
    match node.host.read(&format!("{}/{name}", node.manifests)).await {
        Ok(text) => Ok(text.and_then(|text| StaticPod::parse(&text).ok()).map(|pod| pod.name)),
        // A folder behind a link, or more than a manifest can be.
        Err(HostError::Refused { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
