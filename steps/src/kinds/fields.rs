//! The parameters that several kinds share, so that one word means one thing in every plan.

use certwright_engine::plan::{Field, FieldType, Params};

/// What is due: certificates with less validity left than this.
pub(super) const BEFORE: Field = Field {
    name: "before",
    ty: FieldType::Duration,
    default: Some("\"30d\""),
    doc: "Certificates that expire within this time are due.",
};

/// Everything is due, once a run.
pub(super) const FORCE: Field = Field {
    name: "force",
    ty: FieldType::Bool,
    default: Some("false"),
    doc: "Renew even what is not due, once in a run.",
};

/// kubeadm's `certificatesDir`.
pub(super) const CERT_DIR: Field = Field {
    name: "cert-dir",
    ty: FieldType::Path,
    default: Some("\"/etc/kubernetes/pki\""),
    doc: "kubeadm's certificatesDir.",
};

/// The four control-plane components, in the order in which a node restarts them.
pub(super) const COMPONENTS: Field = Field {
    name: "components",
    ty: FieldType::SomeOf(&["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]),
    default: Some(r#"["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]"#),
    doc: "The components of the control plane that are meant.",
};

/// Where a node keeps its archives.
pub(super) const BACKUPS: &str = "/var/lib/certwright/backups";

/// No rule over more than one parameter.
#[expect(clippy::unnecessary_wraps, reason = "a kind's `check` is a pointer to such a function")]
pub(super) fn unchecked(_with: &Params) -> Result<(), String> {
    Ok(())
}
