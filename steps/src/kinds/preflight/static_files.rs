//! The folder of static pods: the kubelet runs every file in it that does not begin with a dot, and the file that a link
//! leads to. It does not look into folders, and complains of each every few seconds.

use std::collections::BTreeMap;

use certwright_engine::host::{HostError, StatKind};
use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use crate::kinds::finding::Finding;
use crate::kinds::node::Node;
use crate::tools::manifest::StaticPod;

/// What should not be there: backups of manifests, second manifests of one pod, and folders.
pub(super) async fn strays(node: &Node<'_>) -> Result<Vec<Finding>, StepError> {
    let folder = &node.manifests;
    let Some(names) = node.host.list(folder).await? else {
        return Ok(vec![Finding::new(
            format!("{folder} does not exist"),
            "check that this host is a control-plane node: its kubelet's staticPodPath is empty or wrong",
        )]);
    };
    let mut findings = Vec::new();
    let mut pods: BTreeMap<String, String> = BTreeMap::new();
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        let path = format!("{folder}/{name}");
        let shown = escape(&path);
        match node.host.stat(&path).await?.map(|stat| stat.kind) {
            Some(StatKind::File | StatKind::Symlink) => {}
            Some(StatKind::Folder) => {
                findings.push(Finding::new(
                    format!("{shown} is a folder among the manifests"),
                    format!(
                        "move it out of {folder}: no backup may lie where the kubelet looks for static pods"
                    ),
                ));
                continue;
            }
            Some(StatKind::Other) | None => continue,
        }
        let known = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        let text = match node.host.read(&path).await {
            Ok(text) => text,
            // A folder behind a link, or more than a manifest can be.
            Err(HostError::Refused { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let pod = match text {
            Some(text) if known => StaticPod::parse(&text).ok(),
            Some(_) | None => None,
        };
        let Some(pod) = pod else {
            findings.push(Finding::new(
                format!("{shown} is no manifest, yet the kubelet reads it"),
                format!("move {shown} out of {folder}"),
            ));
            continue;
        };
        if let Some(other) = pods.insert(pod.name.clone(), shown.clone()) {
            findings.push(Finding::new(
                format!("{shown} is a second manifest of pod {}, beside {other}", escape(&pod.name)),
                format!("move the older of the two out of {folder}"),
            ));
        }
    }
    Ok(findings)
}
