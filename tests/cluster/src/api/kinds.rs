//! The kinds of objects that there are.

/// A kind of object and where it stands in the API.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Its group; empty for the first one.
    pub(super) group: &'static str,
    /// Its name in paths.
    pub(super) plural: &'static str,
    /// Its name in commands.
    pub(super) singular: &'static str,
    /// Its name in objects.
    pub(super) name: &'static str,
    /// Short names in commands.
    pub(super) short: &'static [&'static str],
    /// Where its objects lie.
    pub(super) scope: Scope,
    /// Parts of an object that have a path of their own.
    pub(super) parts: &'static [&'static str],
}

/// Where objects of a kind lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In the cluster.
    Cluster,
    /// In a namespace.
    Namespaced,
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", self.group) }
    }

    /// `secrets`, `daemonsets.apps`: as messages name it.
    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

/// All of them.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        group: "",
        plural: "configmaps",
        singular: "configmap",
        name: "ConfigMap",
        short: &["cm"],
        scope: Scope::Namespaced,
        parts: &[],
    },
    Kind {
        group: "",
        plural: "namespaces",
        singular: "namespace",
        name: "Namespace",
        short: &["ns"],
        scope: Scope::Cluster,
        parts: &["status"],
    },
    Kind {
        group: "",
        plural: "nodes",
        singular: "node",
        name: "Node",
        short: &["no"],
        scope: Scope::Cluster,
        parts: &["status"],
    },
    Kind {
        group: "",
        plural: "pods",
        singular: "pod",
        name: "Pod",
        short: &["po"],
        scope: Scope::Namespaced,
        parts: &["status"],
    },
    Kind {
        group: "",
        plural: "secrets",
        singular: "secret",
        name: "Secret",
        short: &[],
        scope: Scope::Namespaced,
        parts: &[],
    },
    Kind {
        group: "apps",
        plural: "daemonsets",
        singular: "daemonset",
        name: "DaemonSet",
        short: &["ds"],
        scope: Scope::Namespaced,
        parts: &["status"],
    },
    Kind {
        group: "certificates.k8s.io",
        plural: "certificatesigningrequests",
        singular: "certificatesigningrequest",
        name: "CertificateSigningRequest",
        short: &["csr"],
        scope: Scope::Cluster,
        parts: &["approval", "status"],
    },
    Kind {
        group: "coordination.k8s.io",
        plural: "leases",
        singular: "lease",
        name: "Lease",
        short: &[],
        scope: Scope::Namespaced,
        parts: &[],
    },
];

/// The groups, in order, without the first one.
pub(super) const GROUPS: &[&str] = &["apps", "certificates.k8s.io", "coordination.k8s.io"];

/// The kind with this group and plural.
pub(super) fn find(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.plural == plural)
}
