//! In which lab and after which preparation each kind is put to the test.

use std::fmt;
use std::sync::LazyLock;

use certwright_engine::plan::KindSchema;
use certwright_engine::step::{Registry, Verdict};
use certwright_steps::lab::{LabSpec, Validity};
use certwright_steps::tools::archive;
use serde_json::{Value, json};

/// One kind in one lab.
pub(crate) struct Scenario {
    /// What is particular about it.
    pub(crate) name: &'static str,
    /// The kind.
    pub(crate) kind: &'static str,
    /// Parameters beside its defaults.
    pub(crate) with: Value,
    /// The host of the task.
    pub(crate) host: &'static str,
    /// The lab.
    pub(crate) lab: LabSpec,
    /// Steps that are run before: kind, parameters, host.
    pub(crate) before: Vec<(&'static str, Value, &'static str)>,
    /// What the first probe says.
    pub(crate) expect: Verdict,
}

impl Scenario {
    pub(crate) fn new(kind: &'static str, host: &'static str, lab: Validity) -> Self {
        let lab = LabSpec::default().certificates(lab);
        Self { name: "", kind, with: json!({}), host, lab, before: Vec::new(), expect: Verdict::Satisfied }
    }

    fn name(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn with(self, with: Value) -> Self {
        Self { with, ..self }
    }

    /// The kubelets' client certificates are like this.
    pub(crate) fn kubelet(mut self, validity: Validity) -> Self {
        self.lab.kubelet = validity;
        self
    }

    /// The kubelets ask the cluster for the certificates that they serve with.
    pub(crate) fn bootstrapping(mut self) -> Self {
        self.lab.server_tls_bootstrap = true;
        self
    }

    pub(crate) fn after(mut self, kind: &'static str, host: &'static str) -> Self {
        self.before.push((kind, json!({}), host));
        self
    }

    pub(crate) fn renewed(self) -> Self {
        self.after("kubeadm-renew", "cp-1").after("kubeadm-renew", "cp-2").after("kubeadm-renew", "cp-3")
    }

    pub(crate) fn drifted(self) -> Self {
        Self { expect: Verdict::Drifted, ..self }
    }

    /// What the kind declares.
    pub(crate) fn schema(&self) -> &'static KindSchema {
        static REGISTRY: LazyLock<Registry> = LazyLock::new(certwright_steps::registry);
        &REGISTRY.get(self.kind).expect("a registered kind").schema
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}{}{}", self.kind, self.host, if self.name.is_empty() { "" } else { ", " }, self.name)
    }
}

/// All scenarios; at least one for every kind.
pub(crate) fn scenarios() -> Vec<Scenario> {
    use Validity::{Expired, Expiring, Valid};
    let paths = json!({ "paths": ["/etc/kubernetes", "/var/lib/kubelet/pki"] });
    let archive = "/var/lib/certwright/backups/own.tar";
    let own = json!({
        "argv": ["/bin/sh", "-c", archive::BACKUP, "certwright", "", archive, "/etc/kubernetes"],
        "creates": format!("{archive}.sha256"),
    });
    vec![
        Scenario::new("preflight", "cp-1", Expiring),
        Scenario::new("backup", "cp-1", Expiring).with(paths).drifted(),
        Scenario::new("kubeadm-renew", "cp-1", Expiring).drifted(),
        Scenario::new("kubeadm-renew", "cp-3", Expired).name("expired").drifted(),
        Scenario::new("kubeadm-renew", "cp-2", Valid).name("forced").with(json!({ "force": true })).drifted(),
        Scenario::new("verify-certificates", "cp-1", Valid),
        Scenario::new("restart-static-pods", "cp-1", Expiring).after("kubeadm-renew", "cp-1").drifted(),
        Scenario::new("restart-static-pods", "cp-2", Valid).name("nothing to do"),
        Scenario::new("api-ready", "cp-1", Valid),
        Scenario::new("replace-kubeconfig", "workstation", Expiring).renewed().drifted(),
        Scenario::new("replace-kubeconfig", "workstation", Expired).name("expired").renewed().drifted(),
        Scenario::new("kubelet-client", "cp-1", Valid),
        Scenario::new("kubelet-client", "cp-1", Expired).kubelet(Expired).name("quorum lost").drifted(),
        Scenario::new("kubelet-client", "cp-2", Valid)
            .kubelet(Expired)
            .name("rotates")
            .with(json!({ "rotated-within": 120_000 }))
            .drifted(),
        Scenario::new("kubelet-client", "cp-1", Valid)
            .bootstrapping()
            .name("serves")
            .with(json!({ "rotated-within": 120_000, "approve-serving": true }))
            .drifted(),
        Scenario::new("kubelet-certificates", "cp-1", Valid),
        Scenario::new("rollout-restart", "workstation", Expiring)
            .with(json!({ "resource": "daemonset/etcd-defrag" }))
            .after("kubeadm-renew", "cp-1")
            .drifted(),
        Scenario::new("pods-healthy", "workstation", Valid),
        Scenario::new("scan-logs", "cp-1", Valid),
        Scenario::new("command", "cp-1", Valid).with(own).drifted(),
    ]
}
