//! The files of a kubeadm node that are text: static pod manifests and the kubelet's configuration.
//!
//! They are those of a real 1.36 node with names and addresses left open.

use super::spec::{LabSpec, NodeSpec};
use crate::pki::layout::Component;

/// The static pod manifests of the node that was joined as number `index` (0 ran `init`).
pub(super) fn manifests(spec: &LabSpec, node: &NodeSpec, index: usize) -> Vec<(Component, String)> {
    // A joining member lists those that were there before it, and says that the cluster exists.
    let members: Vec<String> =
        spec.nodes[..=index].iter().map(|n| format!("{}=https://{}:2380", n.name, n.address)).collect();
    let existing = if index == 0 { "" } else { "\n    - --initial-cluster-state=existing" };
    let fill = |template: &str| {
        template
            .replace("{{members}}", &members.join(","))
            .replace("{{existing}}", existing)
            .replace("{{node}}", &node.name)
            .replace("{{address}}", &node.address)
            .replace("{{cluster}}", &spec.cluster.name)
    };
    let template = |component| match component {
        Component::Etcd => include_str!("templates/etcd.yaml"),
        Component::KubeApiserver => include_str!("templates/kube-apiserver.yaml"),
        Component::KubeControllerManager => include_str!("templates/kube-controller-manager.yaml"),
        Component::KubeScheduler => include_str!("templates/kube-scheduler.yaml"),
    };
    Component::ALL.into_iter().map(|c| (c, fill(template(c)))).collect()
}

/// What the cluster keeps for kubeadm.
pub(super) fn cluster_configuration(spec: &LabSpec) -> String {
    include_str!("templates/cluster-configuration.yaml")
        .replace("{{cluster}}", &spec.cluster.name)
        .replace("{{endpoint}}", &spec.endpoint)
}

/// The kubelet's files by path.
pub(super) fn kubelet(spec: &LabSpec, node: &NodeSpec) -> [(&'static str, String); 3] {
    let config = include_str!("templates/kubelet-config.yaml");
    // Fields are in the order of their names.
    let config = if spec.server_tls_bootstrap {
        config.replace("shutdownGracePeriod: 0s", "serverTLSBootstrap: true\nshutdownGracePeriod: 0s")
    } else {
        config.to_owned()
    };
    [
        ("/var/lib/kubelet/config.yaml", config),
        (
            "/var/lib/kubelet/kubeadm-flags.env",
            format!("KUBELET_KUBEADM_ARGS=\"--node-ip={}\"\n", node.address),
        ),
        (
            "/var/lib/kubelet/instance-config.yaml",
            "containerRuntimeEndpoint: \"unix:///run/containerd/containerd.sock\"\n".to_owned(),
        ),
    ]
}
