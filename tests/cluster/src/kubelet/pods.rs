//! Pods as the API has them: what a kubelet says of what runs here.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::manifests::Wanted;
use crate::runtime::{Container, Sandbox};
use crate::wire::moment;

/// The annotation that says where a pod comes from.
const SOURCE: &str = "kubernetes.io/config.source";

/// Whether an object is the mirror of a static pod.
pub(super) fn is_mirror(pod: &Value) -> bool {
    pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some()
}

/// The pod that the API wants to run here; None for a mirror, for one that is ending, or without a container.
pub(super) fn wanted(pod: &Value) -> Option<Wanted> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    if is_mirror(pod) || text("/metadata/deletionTimestamp").is_some() {
        return None;
    }
    let words = |pointer: &str| -> Vec<String> {
        let list = pod.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let container = text("/spec/containers/0/name")?;
    let mut command = words("/spec/containers/0/command");
    command.extend(words("/spec/containers/0/args"));
    if command.is_empty() {
        command.push(container.clone());
    }
    let grace = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(30);
    Some(Wanted {
        name: text("/metadata/name")?,
        namespace: text("/metadata/namespace")?,
        uid: text("/metadata/uid")?,
        source: "api",
        container,
        command,
        grace_ms: grace * 1000,
    })
}

/// The mirror of a static pod.
pub(super) fn mirror(sandbox: &Sandbox, node: &str) -> Value {
    json!({
        "metadata": {
            "name": sandbox.name,
            "namespace": sandbox.namespace,
            "annotations": {
                SOURCE: "file",
                "kubernetes.io/config.hash": sandbox.uid,
                "kubernetes.io/config.mirror": sandbox.uid,
                "kubernetes.io/config.seen": at(sandbox.created),
            },
            "labels": {"component": sandbox.container, "tier": "control-plane"},
        },
        "spec": {
            "containers": [{"name": sandbox.container, "image": image(&sandbox.container)}],
            "hostNetwork": true,
            "nodeName": node,
            "priorityClassName": "system-node-critical",
        },
        "status": {"phase": "Pending"},
    })
}

fn image(container: &str) -> String {
    match container {
        "etcd" => "registry.k8s.io/etcd:3.6.8-0".to_owned(),
        name => format!("registry.k8s.io/{name}:v1.36.1"),
    }
}

/// A moment, ms since 1970, as the API has it.
pub(super) fn at(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(0);
    time::OffsetDateTime::from_unix_timestamp(seconds).map(moment::render_seconds).unwrap_or_default()
}

/// The status of a pod whose containers are these, oldest first.
pub(super) fn status(sandbox: &Sandbox, containers: &[&Container], address: Ipv4Addr, ready: bool) -> Value {
    let newest = containers.last();
    let running = newest.is_some_and(|c| c.ended.is_none());
    let ready = ready && running;
    let word = if ready { "True" } else { "False" };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": at(sandbox.created)});
    json!({
        "phase": if newest.is_some() { "Running" } else { "Pending" },
        "hostIP": address,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": at(sandbox.created),
        "conditions": [
            condition("Initialized", "True"),
            condition("Ready", word),
            condition("ContainersReady", word),
            condition("PodScheduled", "True"),
        ],
        "containerStatuses": newest.map(|c| container_status(c, containers, ready)).into_iter().collect::<Vec<_>>(),
    })
}

fn container_status(newest: &Container, all: &[&Container], ready: bool) -> Value {
    let before = all.iter().rev().find(|c| c.ended.is_some());
    let state = match newest.ended {
        None => json!({"running": {"startedAt": at(newest.started)}}),
        Some(_) => json!({"waiting": {
            "reason": "CrashLoopBackOff",
            "message": format!("back-off restarting failed container={}", newest.name),
        }}),
    };
    let last = before.and_then(|c| {
        Some(json!({"terminated": {
            "containerID": format!("containerd://{}", c.id),
            "exitCode": c.ended?.1,
            "reason": if c.ended?.1 == 0 { "Completed" } else { "Error" },
            "startedAt": at(c.started),
            "finishedAt": at(c.ended?.0),
        }}))
    });
    json!({
        "name": newest.name,
        "image": image(&newest.name),
        "imageID": "",
        "containerID": format!("containerd://{}", newest.id),
        "restartCount": newest.attempt,
        "ready": ready,
        "started": newest.ended.is_none(),
        "state": state,
        "lastState": last.unwrap_or_else(|| json!({})),
    })
}
