//! Objects as the table that kubectl prints.

use serde_json::{Value, json};

use super::kinds::Kind;
use crate::wire::moment::age_since;

/// A table of these objects; without names of columns where it goes on from an earlier one.
pub(super) fn table(kind: &Kind, objects: &[Value], revision: &str) -> Value {
    let columns: Vec<Value> = columns(kind)
        .iter()
        .map(|(name, priority)| {
            json!({"name": name, "type": "string", "format": "", "description": "", "priority": priority})
        })
        .collect();
    let rows: Vec<Value> = objects.iter().map(|object| row(kind, object)).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": revision},
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// kubectl takes namespaces and labels from a part of the object.
fn row(kind: &Kind, object: &Value) -> Value {
    let part = json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    });
    json!({"cells": cells(kind, object), "object": part})
}

/// Names of the columns; those of priority 1 show with `-o wide` alone.
fn columns(kind: &Kind) -> &'static [(&'static str, u8)] {
    match kind.plural {
        "nodes" => {
            &[("Name", 0), ("Status", 0), ("Roles", 0), ("Age", 0), ("Version", 0), ("Internal-IP", 1)]
        }
        "pods" => &[
            ("Name", 0),
            ("Ready", 0),
            ("Status", 0),
            ("Restarts", 0),
            ("Age", 0),
            ("IP", 1),
            ("Node", 1),
            ("Nominated Node", 1),
            ("Readiness Gates", 1),
        ],
        "secrets" => &[("Name", 0), ("Type", 0), ("Data", 0), ("Age", 0)],
        "configmaps" => &[("Name", 0), ("Data", 0), ("Age", 0)],
        "leases" => &[("Name", 0), ("Holder", 0), ("Age", 0)],
        "namespaces" => &[("Name", 0), ("Status", 0), ("Age", 0)],
        "daemonsets" => &[
            ("Name", 0),
            ("Desired", 0),
            ("Current", 0),
            ("Ready", 0),
            ("Up-to-date", 0),
            ("Available", 0),
            ("Node Selector", 0),
            ("Age", 0),
        ],
        "certificatesigningrequests" => &[
            ("Name", 0),
            ("Age", 0),
            ("SignerName", 0),
            ("Requestor", 0),
            ("RequestedDuration", 0),
            ("Condition", 0),
        ],
        _others => &[("Name", 0), ("Age", 0)],
    }
}

fn cells(kind: &Kind, object: &Value) -> Vec<String> {
    let text = |pointer: &str| text(object, pointer).to_owned();
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0).to_string();
    let size = |pointer: &str| {
        object.pointer(pointer).and_then(Value::as_object).map_or(0, serde_json::Map::len).to_string()
    };
    let name = text("/metadata/name");
    let age = age_since(&text("/metadata/creationTimestamp"));
    match kind.plural {
        "nodes" => vec![
            name,
            if condition(object, "Ready") == Some("True") { "Ready" } else { "NotReady" }.to_owned(),
            roles(object),
            age,
            text("/status/nodeInfo/kubeletVersion"),
            address(object),
        ],
        "pods" => pod(object, name, age),
        "secrets" => vec![name, text("/type"), size("/data"), age],
        "configmaps" => vec![name, size("/data"), age],
        "leases" => vec![name, text("/spec/holderIdentity"), age],
        "namespaces" => vec![name, text("/status/phase"), age],
        "daemonsets" => vec![
            name,
            count("/status/desiredNumberScheduled"),
            count("/status/currentNumberScheduled"),
            count("/status/numberReady"),
            count("/status/updatedNumberScheduled"),
            count("/status/numberAvailable"),
            "<none>".to_owned(),
            age,
        ],
        "certificatesigningrequests" => vec![
            name,
            age,
            text("/spec/signerName"),
            text("/spec/username"),
            "<none>".to_owned(),
            request_state(object),
        ],
        _others => vec![name, age],
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let found = list(object, "/status/conditions").iter().find(|c| c["type"] == kind)?;
    found["status"].as_str()
}

fn roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let roles: Vec<&str> = labels
        .into_iter()
        .flat_map(|labels| labels.keys())
        .filter_map(|key| key.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

fn address(node: &Value) -> String {
    let internal = list(node, "/status/addresses").iter().find(|a| a["type"] == "InternalIP");
    internal.map_or("<none>", |a| text(a, "/address")).to_owned()
}

fn pod(object: &Value, name: String, age: String) -> Vec<String> {
    let containers = list(object, "/status/containerStatuses");
    let all = list(object, "/spec/containers").len();
    let ready = containers.iter().filter(|c| c["ready"] == true).count();
    let restarts: u64 = containers.iter().filter_map(|c| c["restartCount"].as_u64()).sum();
    let last_end = containers.iter().map(|c| text(c, "/lastState/terminated/finishedAt")).max();
    let restarts = match last_end.filter(|end| !end.is_empty() && restarts > 0) {
        Some(end) => format!("{restarts} ({} ago)", age_since(end)),
        None => restarts.to_string(),
    };
    let waiting = containers.iter().map(|c| text(c, "/state/waiting/reason")).find(|r| !r.is_empty());
    let status = waiting.unwrap_or_else(|| text(object, "/status/phase"));
    let ip = Some(text(object, "/status/podIP")).filter(|ip| !ip.is_empty()).unwrap_or("<none>");
    let node = text(object, "/spec/nodeName");
    let absent = || "<none>".to_owned();
    let ready = format!("{ready}/{all}");
    vec![name, ready, status.to_owned(), restarts, age, ip.to_owned(), node.to_owned(), absent(), absent()]
}

/// `Pending`, `Approved`, `Approved,Issued`, `Denied`.
fn request_state(object: &Value) -> String {
    let mut states: Vec<&str> =
        ["Approved", "Denied"].into_iter().filter(|kind| condition(object, kind) == Some("True")).collect();
    if states.is_empty() {
        return "Pending".to_owned();
    }
    if !text(object, "/status/certificate").is_empty() {
        states.push("Issued");
    }
    states.join(",")
}
