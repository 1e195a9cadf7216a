//! DaemonSets: a pod on each node, replaced one at a time when the template changes.
//!
//! No kubelet here runs these pods: this controller plays its part, too, and a pod is ready one round after it was made
//! where its node is. A node that is not ready holds a rollout up, as it does in a real cluster.

use serde_json::{Value, json};

use super::manager::list;
use super::nodes::is_ready;
use crate::wire::client::{AskError, Client};
use crate::wire::{moment, random};

/// The label that tells of which template a pod is.
const GENERATION: &str = "pod-template-generation";

pub(super) async fn reconcile(client: &mut Client) -> Result<(), AskError> {
    let sets = list(client, "/apis/apps/v1/daemonsets").await?;
    if sets.is_empty() {
        return Ok(());
    }
    let nodes = list(client, "/api/v1/nodes").await?;
    for set in sets {
        let namespace = set["metadata"]["namespace"].as_str().unwrap_or_default();
        let pods = list(client, &format!("/api/v1/namespaces/{namespace}/pods")).await?;
        let own: Vec<Value> = pods.into_iter().filter(|pod| is_of(pod, &set)).collect();
        one(client, &set, &nodes, own).await?;
    }
    Ok(())
}

fn is_of(pod: &Value, set: &Value) -> bool {
    let owners = pod["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|owner| owner["uid"] == set["metadata"]["uid"])
}

fn is_newest(pod: &Value, set: &Value) -> bool {
    let label = pod["metadata"]["labels"][GENERATION].as_str();
    label.and_then(|label| label.parse().ok()) == set["metadata"]["generation"].as_u64()
}

fn is_available(pod: &Value) -> bool {
    pod["status"]["containerStatuses"][0]["ready"] == true
}

async fn one(
    client: &mut Client,
    set: &Value,
    nodes: &[Value],
    mut pods: Vec<Value>,
) -> Result<(), AskError> {
    let namespace = set["metadata"]["namespace"].as_str().unwrap_or_default();
    let base = format!("/api/v1/namespaces/{namespace}/pods");
    for node in nodes {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let found = pods.iter_mut().find(|pod| pod["spec"]["nodeName"] == name);
        match found {
            None => pods.push(client.post(&base, &pod(set, name)).await?),
            Some(pod) if !is_available(pod) && is_ready(node) => {
                let path = format!("{base}/{}/status", pod["metadata"]["name"].as_str().unwrap_or_default());
                *pod = client.patch(&path, &json!({"status": running(set, node)})).await?;
            }
            Some(_) => {}
        }
    }
    tell(client, set, nodes.len(), &pods).await?;
    // One at a time: the next one goes when all are there.
    let all_available = pods.len() >= nodes.len() && pods.iter().all(is_available);
    let old = pods.iter().find(|pod| !is_newest(pod, set));
    if let Some(old) = old.filter(|old| all_available || !is_available(old)) {
        let name = old["metadata"]["name"].as_str().unwrap_or_default();
        client.delete(&format!("{base}/{name}")).await?;
    }
    Ok(())
}

fn container(set: &Value) -> Value {
    set["spec"]["template"]["spec"]["containers"][0]["name"].clone()
}

fn pod(set: &Value, node: &str) -> Value {
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
    labels[GENERATION] = set["metadata"]["generation"].to_string().into();
    json!({
        "metadata": {
            "generateName": format!("{name}-"),
            "labels": labels,
            "annotations": set["spec"]["template"]["metadata"]["annotations"],
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "blockOwnerDeletion": true,
                "controller": true,
                "kind": "DaemonSet",
                "name": name,
                "uid": set["metadata"]["uid"],
            }],
        },
        "spec": {"nodeName": node, "containers": set["spec"]["template"]["spec"]["containers"]},
        "status": {"phase": "Pending", "startTime": moment::seconds()},
    })
}

fn running(set: &Value, node: &Value) -> Value {
    let now = moment::seconds();
    let addresses = node["status"]["addresses"].as_array();
    let address = addresses.into_iter().flatten().find(|address| address["type"] == "InternalIP");
    let address = address.map_or(Value::Null, |address| address["address"].clone());
    let conditions: Vec<Value> = ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .iter()
        .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": now}))
        .collect();
    json!({
        "phase": "Running",
        "hostIP": address,
        "podIP": address,
        "conditions": conditions,
        "containerStatuses": [{
            "name": container(set),
            "containerID": format!("containerd://{}{}", random::digits(), random::digits()),
            "ready": true,
            "started": true,
            "restartCount": 0,
            "state": {"running": {"startedAt": now}},
        }],
    })
}

/// Writes the set's status where it changed.
async fn tell(client: &mut Client, set: &Value, nodes: usize, pods: &[Value]) -> Result<(), AskError> {
    let available = pods.iter().filter(|pod| is_available(pod)).count();
    let updated = pods.iter().filter(|pod| is_newest(pod, set)).count();
    let status = json!({
        "currentNumberScheduled": pods.len(),
        "desiredNumberScheduled": nodes,
        "numberAvailable": available,
        "numberMisscheduled": 0,
        "numberReady": available,
        "numberUnavailable": nodes.saturating_sub(available),
        "observedGeneration": set["metadata"]["generation"],
        "updatedNumberScheduled": updated,
    });
    if set["status"] == status {
        return Ok(());
    }
    let part = |field| set["metadata"][field].as_str().unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{}/daemonsets/{}/status", part("namespace"), part("name"));
    client.patch(&path, &json!({"status": status})).await.map(drop)
}
