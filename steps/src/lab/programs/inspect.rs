//! `crictl inspect`, and the words that containers share with `crictl ps`.

use serde_json::{Value, json};

use super::args::Flags;
use super::containers::pretty;
use super::crictl::{find, not_found};
use crate::lab::clockwork::rfc3339_ns;
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::{Container, Pod};
use crate::lab::world::pods::DEFRAG;
use crate::pki::layout::Component;

/// The image of a container as the runtime names it. Digests are those of the real node.
pub(super) fn image(name: &str) -> &'static str {
    match Component::from_name(name) {
        Some(Component::Etcd) => "sha256:a9e25ecfbafe6fdf03a83a87fe50558a95dc58ab984d74ccfd3677edd8df5473",
        Some(Component::KubeApiserver) => {
            "sha256:2cbf923929131b2537f3a723f532509da6f5492b23f82700dd0d4a54109cf558"
        }
        Some(Component::KubeControllerManager) => {
            "sha256:c1eb341b399138a19310ea5a79f40dae9c015b893c786c6b5b7b9b485c40b8d7"
        }
        Some(Component::KubeScheduler) => {
            "sha256:ac906a031a646367038655201ad7704c6388d21398c99cc30f8afd1e9abc6989"
        }
        None => "sha256:52c1bddde282b453df48060d3945211ee31af286c1c2abd01898d08041cb0ddb",
    }
}

/// The image as the pod names it.
pub(super) fn image_name(name: &str) -> String {
    match name {
        "etcd" => "registry.k8s.io/etcd:3.6.8-0".to_owned(),
        DEFRAG => "registry.k8s.io/etcd-defrag:real".to_owned(),
        name => format!("registry.k8s.io/{name}:{}", super::kubeadm::VERSION),
    }
}

/// A container's labels.
pub(super) fn labels(name: &str, pod: &Pod) -> Value {
    json!({
        "io.kubernetes.container.name": name,
        "io.kubernetes.pod.name": pod.name,
        "io.kubernetes.pod.namespace": "kube-system",
        "io.kubernetes.pod.uid": pod.uid,
    })
}

/// A container's annotations.
pub(super) fn annotations(name: &str, container: &Container) -> Value {
    let (hash, port, grace) = match Component::from_name(name) {
        Some(Component::Etcd) => ("f46469c9", 2381, "30"),
        Some(Component::KubeApiserver) => ("2c2c3b45", 6443, "30"),
        Some(Component::KubeControllerManager) => ("dbd2b0a7", 10257, "30"),
        Some(Component::KubeScheduler) => ("e90e06ed", 10259, "30"),
        None => ("bdb9e48d", 0, "1"),
    };
    let mut all = json!({
        "io.kubernetes.container.hash": hash,
        "io.kubernetes.container.restartCount": container.attempt.to_string(),
        "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
        "io.kubernetes.container.terminationMessagePolicy": "File",
        "io.kubernetes.pod.terminationGracePeriod": grace,
    });
    if port != 0 {
        all["io.kubernetes.container.ports"] = json!(format!(
            "[{{\"name\":\"probe-port\",\"hostPort\":{port},\"containerPort\":{port},\"protocol\":\"TCP\"}}]"
        ));
    }
    all
}

/// `crictl inspect [-o json] ID`.
pub(super) fn inspect(shell: &Shell<'_>, args: &[String]) -> Result<Answer, Answer> {
    let flags = Flags::read(args, &["-o|--output"], &[])?;
    if !matches!(flags.get("--output"), None | Some("json")) {
        return Err(Answer::gap("crictl inspect -o ..."));
    }
    let [id] = flags.rest.as_slice() else {
        return Err(Answer::fail(1, "ID cannot be empty\n"));
    };
    let node = shell.state().node(shell.call.host);
    let Some((pod, container)) = find(node, id) else {
        return Err(not_found(shell.now(), id));
    };
    let name = node.pods.iter().find(|(_, p)| p.name == pod.name).map_or("", |(name, _)| name.as_str());
    Ok(pretty(&json!({"info": info(pod, container), "status": status(name, pod, container)})))
}

fn info(pod: &Pod, container: &Container) -> Value {
    json!({
        "pid": if container.ended.is_some() { 0 } else { 600 + container.attempt },
        "removing": false,
        "runtimeType": "io.containerd.runc.v2",
        "sandboxID": pod.sandbox,
        "snapshotKey": container.id,
        "snapshotter": "overlayfs",
    })
}

fn status(name: &str, pod: &Pod, container: &Container) -> Value {
    let (state, code, finished, reason) = match container.ended {
        None => ("CONTAINER_RUNNING", 0, "0001-01-01T00:00:00Z".to_owned(), ""),
        Some((at, 0)) => ("CONTAINER_EXITED", 0, rfc3339_ns(at), "Completed"),
        Some((at, code)) => ("CONTAINER_EXITED", code, rfc3339_ns(at), "Error"),
    };
    let log = format!("/var/log/pods/kube-system_{}_{}/{name}/{}.log", pod.name, pod.uid, container.attempt);
    json!({
        "annotations": annotations(name, container),
        "createdAt": rfc3339_ns(container.started),
        "exitCode": code,
        "finishedAt": finished,
        "id": container.id,
        "image": {
            "annotations": {},
            "image": image_name(name),
            "imageRef": "",
            "runtimeHandler": "",
            "userSpecifiedImage": "",
        },
        "imageId": "",
        "imageRef": image(name),
        "labels": labels(name, pod),
        "logPath": log,
        "message": "",
        "metadata": {"attempt": container.attempt, "name": name},
        "mounts": [],
        "reason": reason,
        "startedAt": rfc3339_ns(container.started),
        "state": state,
        "stopSignal": "RUNTIME_DEFAULT",
        "user": null,
    })
}
