//! `preflight`: everything a human would have to mend, found before anything is changed, and all of it at once.
//!
//! What must be mended is a finding, and stops a run; what an operator should only know is a warning, and is shown before
//! the run. Reads only. Expired leaf certificates are no finding: they are what the plan is for. The kubelet's is one: with it
//! the run would end the node that it renews.

mod addresses;

mod checks;

mod cluster;

mod etcd;

mod folder;

mod kubeadm;

mod leftovers;

mod owner;

mod places;

mod pods;

mod renewers;

mod static_files;

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Kind, Probe, Step, StepError};

use super::facts::{Ready, Versions, Warning};
use super::fields::{CERT_DIR, unchecked};
use super::finding::{Finding, invalid_with};
use super::holdings::Holdings;
use super::kubelet;
use super::node::{Node, now};
use crate::tools::kubeadm::Version;
use crate::tools::output::plural;
use places::Places;
use pods::Pods;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "preflight",
        doc: "Checks what a renewal needs on a node: reports every finding at once, and warns of what stops nothing.",
        fields: &[
            Field {
                name: "programs",
                ty: FieldType::Strings,
                default: Some(r#"["kubeadm", "crictl", "kubectl", "openssl", "curl", "tar", "sha256sum"]"#),
                doc: "Programs that must be on the node's PATH.",
            },
            Field {
                name: "min-free-mib",
                ty: FieldType::Integer,
                default: Some("256"),
                doc: "Space that must be free where certificates and backups are written, MiB.",
            },
            Field {
                name: "max-clock-skew",
                ty: FieldType::Duration,
                default: Some("\"60s\""),
                doc: "How far the node's clock may be from the workstation's.",
            },
            CERT_DIR,
        ],
        on: On::Nodes,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 2 * 60 * 1000,
        check: unchecked,
    },
    |with| Box::new(Preflight::new(with)),
);

/// A step of this kind.
struct Preflight {
    programs: Vec<String>,
    min_free_mib: u64,
    max_clock_skew: Duration,
    cert_dir: String,
}

impl Preflight {
    fn new(with: &Params) -> Self {
        Self {
            programs: with.strings("programs"),
            min_free_mib: with.integer("min-free-mib"),
            max_clock_skew: with.duration("max-clock-skew"),
            cert_dir: with.str("cert-dir").trim_end_matches('/').to_owned(),
        }
    }
}

/// What a look told.
#[derive(Debug, Default)]
struct Found {
    /// What must be mended first.
    findings: Vec<Finding>,
    /// What holds nothing up.
    warnings: Vec<Warning>,
    /// kubeadm's version, where it was asked.
    kubeadm: Option<Version>,
}

/// What is said of a machine that is none of the control plane.
const NO_NODE: &str = "it is no control-plane node: ";

/// Whether preflight found that a host is no control-plane node at all: then nothing else is worth telling of it.
pub fn is_no_node(error: &StepError) -> bool {
    error.message.contains(NO_NODE)
}

impl Preflight {
    /// The only finding of a machine that is none of the control plane, such as a wrong line of the inventory: what would
    /// make a control-plane node of it must not be advised.
    async fn other_machine(
        &self,
        cx: &Context,
        node: &Node<'_>,
        pods: &Pods,
    ) -> Result<Option<Finding>, StepError> {
        if !pods.is_empty() || cx.host.list(&self.cert_dir).await?.is_some_and(|names| !names.is_empty()) {
            return Ok(None);
        }
        let what = format!("{NO_NODE}no manifest in {}, nothing in {}", node.manifests, self.cert_dir);
        let remedy = "see whether the inventory has the right address and the right group for it";
        Ok(Some(Finding { what, remedy: remedy.to_owned() }))
    }

    /// What needs neither certificates nor kubeadm.
    async fn surroundings(&self, cx: &Context, node: &Node<'_>, pods: &Pods) -> Result<Found, StepError> {
        let host = cx.host.as_ref();
        let mut found = Found::default();
        found.findings.extend(owner::another(cx).await?);
        found.findings.extend(checks::clock(cx, self.max_clock_skew).await?);
        found.findings.extend(checks::space(host, self.min_free_mib).await?);
        let places = Places::read(host, &node.manifests, &self.cert_dir).await?;
        found.findings.extend(static_files::strays(node, pods, &places).await?);
        found.findings.extend(pods.taken_out(&node.manifests));
        found.warnings.extend(renewers::competing(host).await?);
        found.warnings.extend(leftovers::warnings(&places, &self.cert_dir));
        found.warnings.extend(pods.external_etcd());
        Ok(found)
    }

    /// What the certificates and their keys tell, and kubeadm where it is there.
    async fn certificates(
        &self,
        cx: &Context,
        node: &Node<'_>,
        pods: &Pods,
        kubeadm: Kubeadm,
    ) -> Result<Found, StepError> {
        let mut found = Found::default();
        let holdings = Holdings::survey(node, &self.cert_dir).await?;
        found.findings.extend(holdings.unrenewable());
        found.findings.extend(holdings.unable_to_issue(now(cx)));
        found.findings.extend(addresses::unnamed(pods, &holdings));
        found.warnings.extend(holdings.without_their_key());
        found.warnings.extend(addresses::nameless(pods, &holdings, cx.cluster.virtual_ip.as_deref()));
        if kubeadm == Kubeadm::Answers {
            let look = kubeadm::look(node, pods, &holdings, &self.cert_dir, now(cx)).await?;
            found.findings.extend(look.findings);
            found.warnings.extend(look.warnings);
            found.kubeadm = look.version;
        }
        Ok(found)
    }
}

/// Whether kubeadm can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kubeadm {
    Answers,
    /// It is not there, or the worker cannot hand it its configuration: a finding of its own.
    Silent,
}

#[async_trait]
impl Step for Preflight {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let host = cx.host.as_ref();
        // The first call also answers whether the login and sudo work: their refusal is an error of its own.
        let programs = checks::programs(host, &self.programs).await?;
        let kubeadm = if programs.can_run("kubeadm") { Kubeadm::Answers } else { Kubeadm::Silent };
        let lacks_openssl = programs.lacks("openssl");
        let node = Node::look(host).await?;
        let pods = Pods::of(&node)?;
        if let Some(other) = self.other_machine(cx, &node, &pods).await? {
            return Err(invalid_with(host.name(), &[other], &[]));
        }
        let mut curable = None;
        let mut found = Found { findings: programs.findings, ..Found::default() };
        let around = self.surroundings(cx, &node, &pods).await?;
        found.findings.extend(around.findings);
        found.warnings.extend(around.warnings);
        let others = folder::others(host, &pods, &self.cert_dir).await?;
        // Without openssl the survey of certificates has no answer worth reading, and that of another folder misleads.
        if !lacks_openssl && others.is_empty() {
            // First of all: what the run would break for good, and the remedy of the first finding is shown in full.
            let kubelet = kubelet::condition(&node, &self.cert_dir, now(cx)).await?;
            found.findings.splice(0..0, kubelet.findings);
            curable = kubelet.curable;
            let certificates = self.certificates(cx, &node, &pods, kubeadm).await?;
            found.findings.extend(certificates.findings);
            found.warnings.extend(certificates.warnings);
            found.kubeadm = certificates.kubeadm;
        }
        found.findings.extend(others);
        let cluster = cluster::cluster(cx, &node, &self.cert_dir).await?;
        found.findings.extend(cluster.findings);
        found.warnings.extend(cluster.warnings);
        if !found.findings.is_empty() {
            return Err(invalid_with(host.name(), &found.findings, &found.warnings));
        }
        let mut ready = format!("{} is ready for a renewal", host.name());
        if let Some(what) = curable {
            ready = format!("{ready}; kubelet-client mends this first: {what}");
        }
        for more in [cluster.outage, cluster.etcd].into_iter().flatten() {
            ready = format!("{ready}; {more}");
        }
        if !found.warnings.is_empty() {
            ready = format!("{ready}; {}", plural(found.warnings.len(), "warning"));
        }
        let versions = Versions {
            kubernetes: pods.version().map(|(_, version)| version.to_string()),
            kubeadm: found.kubeadm.map(|version| version.to_string()),
        };
        Ok(Probe::satisfied(ready).facts(&Ready { warnings: found.warnings, versions }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_is_looked_for_before_anything_is_changed() {
        let programs = KIND.schema.fields.iter().find(|field| field.name == "programs").expect("a field");
        assert!(
            programs.default.is_some_and(|list| list.contains("\"kubectl\"")),
            "api-ready runs it on every node"
        );
    }
}
