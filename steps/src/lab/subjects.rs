//! Whom the lab's certificates speak for, as kubeadm makes them.

use super::mint::Subject;
use super::spec::{LabSpec, NodeSpec};
use crate::pki::layout::Leaf;

/// The subject kubeadm gives a leaf.
pub(super) fn of_leaf(leaf: &Leaf, node: &NodeSpec, spec: &LabSpec) -> Subject {
    let client = |name: &str, organization: Option<&str>| Subject {
        common_name: name.to_owned(),
        organizations: organization.map(str::to_owned).into_iter().collect(),
        client: true,
        ..Subject::default()
    };
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    match leaf.name {
        "apiserver" => Subject {
            common_name: "kube-apiserver".into(),
            sans: owned(&[
                &node.name,
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                "kubernetes.default.svc.cluster.local",
                "10.96.0.1",
                &node.address,
                &spec.endpoint,
            ]),
            server: true,
            ..Subject::default()
        },
        "etcd-peer" | "etcd-server" => Subject {
            common_name: node.name.clone(),
            sans: owned(&[&node.name, "localhost", &node.address, "127.0.0.1", "::1"]),
            server: true,
            client: true,
            ..Subject::default()
        },
        "admin.conf" => client("kubernetes-admin", Some("kubeadm:cluster-admins")),
        "super-admin.conf" => client("kubernetes-super-admin", Some("system:masters")),
        "apiserver-etcd-client" => client("kube-apiserver-etcd-client", None),
        "apiserver-kubelet-client" => client("kube-apiserver-kubelet-client", None),
        "etcd-healthcheck-client" => client("kube-etcd-healthcheck-client", None),
        "front-proxy-client" => client("front-proxy-client", None),
        "controller-manager.conf" => client("system:kube-controller-manager", None),
        "scheduler.conf" => client("system:kube-scheduler", None),
        other => client(other, None),
    }
}

/// The kubelet's client certificate on the node of this name.
pub(super) fn of_kubelet(node: &str) -> Subject {
    Subject {
        common_name: format!("system:node:{node}"),
        organizations: vec!["system:nodes".into()],
        client: true,
        ..Subject::default()
    }
}

/// What a kubelet serves with, where it asks the cluster for it.
pub(super) fn of_kubelet_server(node: &str, address: &str) -> Subject {
    Subject {
        common_name: format!("system:node:{node}"),
        organizations: vec!["system:nodes".into()],
        sans: vec![node.to_owned(), address.to_owned()],
        server: true,
        ..Subject::default()
    }
}

/// The cluster's administrator.
pub(super) fn of_admin() -> Subject {
    Subject {
        common_name: "kubernetes-admin".into(),
        organizations: vec!["kubeadm:cluster-admins".into()],
        client: true,
        ..Subject::default()
    }
}
