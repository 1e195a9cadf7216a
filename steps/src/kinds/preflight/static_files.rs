//! The folder of static pods: the kubelet runs every file in it that does not begin with a dot.

use std::collections::BTreeMap;

use certwright_engine::host::StatKind;
use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use crate::kinds::finding::Finding;
use crate::kinds::node::Node;
use crate::tools::manifest::StaticPod;

/// Files that should not be there: backups of manifests, and second manifests of one pod.
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
        if !node.host.stat(&path).await?.is_some_and(|stat| stat.kind == StatKind::File) {
            continue;
        }
        let known = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        let pod = match node.host.read(&path).await? {
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
