//! Nodes, pods and the secret, as kubectl prints them.

use base64::Engine as _;
use serde_json::{Value, json};

use super::connect::Asked;
use super::jsonpath;
use super::kubeadm::VERSION;
use super::table::{row, table};
use crate::lab::clockwork::{age, rfc3339};
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::{Node, Posted};
use crate::lab::templates;
use crate::lab::world::pods::DEFRAG;
use crate::pki::layout::Component;

/// How old a kubelet's last sign of life may be, ms.
const GRACE: u64 = 40_000;

/// Where the API has what kubeadm wrote of the cluster.
pub(super) const KUBEADM_CONFIG: &str = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";

/// `get --raw` of it.
pub(super) fn kubeadm_config(shell: &Shell<'_>) -> Answer {
    let spec = &shell.state().spec;
    let object = json!({
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": templates::cluster_configuration(spec)},
    });
    Answer::ok(object.to_string())
}

/// `-o json` as kubectl writes it.
pub(super) fn pretty(value: &Value) -> Answer {
    Answer { stdout: indented(value), ..Answer::default() }
}

/// JSON as kubectl writes it.
pub(super) fn indented(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, format);
    serde::Serialize::serialize(value, &mut serializer).expect("a value serializes to JSON");
    bytes.push(b'\n');
    bytes
}

fn seconds(ms: u64) -> i64 {
    (ms / 1000).cast_signed()
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}

/// A list as `-o FORMAT` prints it; another format is a gap of the lab.
pub(super) fn structured(what: &str, format: &str, items: &[Value]) -> Answer {
    let list = list(items);
    let printed = if format == "json" { Some(indented(&list)) } else { jsonpath::print(format, &list) };
    match printed {
        Some(stdout) => Answer { stdout, ..Answer::default() },
        None => Answer::gap(format_args!("kubectl get {what} -o {format}")),
    }
}

fn is_ready(node: &Node, now: u64) -> bool {
    node.heartbeat + GRACE > now
}

/// A node's age counts from the making of its first pod.
fn created(node: &Node) -> u64 {
    node.pods.values().map(|p| p.created).min().unwrap_or(0)
}

/// `get nodes`.
pub(super) fn nodes(shell: &Shell<'_>, output: Option<&str>) -> Answer {
    let (state, now) = (shell.state(), shell.now());
    if let Some(format) = output {
        let all: Vec<Value> = state.nodes.iter().map(|(name, node)| node_json(name, node, now)).collect();
        return structured("nodes", format, &all);
    }
    let mut rows = vec![row(["NAME", "STATUS", "ROLES", "AGE", "VERSION"])];
    rows.extend(state.nodes.iter().map(|(name, node)| {
        let status = if is_ready(node, now) { "Ready" } else { "NotReady" };
        row([name, status, "control-plane", &age((now - created(node)) / 1000), VERSION])
    }));
    Answer::ok(table(&rows, 6, 3))
}

fn node_json(name: &str, node: &Node, now: u64) -> Value {
    let ready = is_ready(node, now);
    let (status, reason, message) = if ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    };
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "creationTimestamp": rfc3339(seconds(created(node))),
            "labels": {
                "kubernetes.io/hostname": name,
                "node-role.kubernetes.io/control-plane": "",
            },
            "name": name,
        },
        "spec": {},
        "status": {
            "addresses": [
                {"address": node.address, "type": "InternalIP"},
                {"address": name, "type": "Hostname"},
            ],
            "conditions": [{
                "lastHeartbeatTime": rfc3339(seconds(node.heartbeat)),
                "lastTransitionTime": rfc3339(seconds(node.kubelet.since)),
                "message": message,
                "reason": reason,
                "status": status,
                "type": "Ready",
            }],
            "nodeInfo": {"kubeletVersion": VERSION, "containerRuntimeVersion": "containerd://1.7.24"},
        },
    })
}

/// `get pods`; without a namespace those of all.
pub(super) fn pods(shell: &Shell<'_>, namespace: Option<&str>, output: Option<&str>) -> Answer {
    if namespace.is_some_and(|n| n != "kube-system") {
        return match output {
            Some(format) if format != "wide" => structured("pods", format, &[]),
            _ => Answer::default()
                .stderr(format!("No resources found in {} namespace.\n", namespace.unwrap_or_default())),
        };
    }
    let state = shell.state();
    let mut all: Vec<(&str, &Node, &str, &Posted)> = state
        .nodes
        .iter()
        .flat_map(|(name, node)| {
            node.posted.iter().map(move |(pod, posted)| (name.as_str(), &**node, pod.as_str(), posted))
        })
        .collect();
    all.sort_by(|a, b| a.3.name.cmp(&b.3.name));
    match output {
        None | Some("wide") => {
            Answer::ok(pod_table(&all, namespace.is_none(), output.is_some(), shell.now()))
        }
        Some(format) => {
            let all: Vec<Value> =
                all.iter().map(|(name, node, pod, p)| pod_json(name, node, pod, p)).collect();
            structured("pods", format, &all)
        }
    }
}

fn pod_table(pods: &[(&str, &Node, &str, &Posted)], with_namespace: bool, wide: bool, now: u64) -> String {
    let mut header = row(["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
    if wide {
        header.extend(row(["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]));
    }
    let mut rows = vec![header];
    for (name, node, _, posted) in pods {
        let restarts = match posted.restarts {
            0 => "0".to_owned(),
            n => format!("{n} ({} ago)", age(now.saturating_sub(posted.last_end) / 1000)),
        };
        let ready = if posted.ready { "1/1" } else { "0/1" };
        let status = if posted.running { "Running" } else { "CrashLoopBackOff" };
        let mut cells = row([&posted.name, ready, status, &restarts, &age((now - posted.created) / 1000)]);
        if wide {
            cells.extend(row([&node.address, name, "<none>", "<none>"]));
        }
        rows.push(cells);
    }
    if with_namespace {
        for (k, row) in rows.iter_mut().enumerate() {
            row.insert(0, if k == 0 { "NAMESPACE" } else { "kube-system" }.to_owned());
        }
    }
    table(&rows, 6, 3)
}

fn pod_json(node_name: &str, node: &Node, pod: &str, posted: &Posted) -> Value {
    let owner = if pod == DEFRAG {
        json!({"apiVersion": "apps/v1", "controller": true, "kind": "DaemonSet", "name": DEFRAG})
    } else {
        json!({"apiVersion": "v1", "controller": true, "kind": "Node", "name": node_name})
    };
    let labels = match Component::from_name(pod) {
        Some(component) => json!({"component": component.name(), "tier": "control-plane"}),
        None => json!({"app": DEFRAG, "pod-template-generation": posted.generation.to_string()}),
    };
    let condition =
        |kind: &str, holds: bool| json!({"status": if holds { "True" } else { "False" }, "type": kind});
    let started = rfc3339(seconds(posted.started));
    let state = if posted.running {
        json!({"running": {"startedAt": started}})
    } else {
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": format!("back-off restarting failed container={pod}")}})
    };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "creationTimestamp": rfc3339(seconds(posted.created)),
            "labels": labels,
            "name": posted.name,
            "namespace": "kube-system",
            "ownerReferences": [owner],
            "uid": posted.uid,
        },
        "spec": {"containers": [{"name": pod}], "nodeName": node_name},
        "status": {
            "conditions": [
                condition("Initialized", true),
                condition("Ready", posted.ready),
                condition("ContainersReady", posted.ready),
                condition("PodScheduled", true),
            ],
            "containerStatuses": [{
                "containerID": format!("containerd://{}", posted.container),
                "name": pod,
                "ready": posted.ready,
                "restartCount": posted.restarts,
                "started": posted.running,
                "state": state,
            }],
            "hostIP": node.address,
            "phase": "Running",
            "podIP": node.address,
            "startTime": rfc3339(seconds(posted.created)),
        },
    })
}

/// `get secret NAME -n NAMESPACE -o jsonpath='{.data.value}'`: it lies in the admin cluster, where there is one.
pub(super) fn secret(
    shell: &Shell<'_>,
    asked: Asked,
    name: &str,
    namespace: &str,
    output: Option<&str>,
) -> Answer {
    let objects = &shell.state().objects;
    let cluster = &shell.state().spec.cluster;
    let holds = match asked {
        Asked::Cluster => objects.admin.is_none(),
        Asked::Admin => true,
    };
    let is_it = name == format!("{}-kubeconfig", cluster.name) && namespace == cluster.namespace;
    let Some(kubeconfig) = objects.kubeconfig.as_ref().filter(|_| holds && is_it) else {
        return Answer::fail(1, format!("Error from server (NotFound): secrets \"{name}\" not found\n"));
    };
    let value = base64::engine::general_purpose::STANDARD.encode(kubeconfig);
    match output {
        Some("jsonpath={.data.value}") => Answer::ok(value),
        Some("json") => pretty(&json!({
            "apiVersion": "v1",
            "data": {"value": value},
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "cluster.x-k8s.io/secret",
        })),
        other => Answer::gap(format_args!("kubectl get secret -o {}", other.unwrap_or("(none)"))),
    }
}
