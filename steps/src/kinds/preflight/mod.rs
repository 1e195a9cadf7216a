//! `preflight`: everything a human would have to mend, found before anything is changed, and all of it at once.
//!
//! Reads only. Expired leaf certificates are no finding: they are what the plan is for. The kubelet's is one: with it
//! the run would end the node that it renews.

mod addresses;

mod checks;

mod cluster;

mod folder;

mod kubeadm;

mod owner;

mod pods;

mod static_files;

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, Params, UndoSupport};
use certwright_engine::step::{Context, Kind, Probe, Step, StepError};

use super::fields::{CERT_DIR, unchecked};
use super::finding::invalid;
use super::holdings::Holdings;
use super::kubelet;
use super::node::{Node, now};
use pods::Pods;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind {
    schema: KindSchema {
        name: "preflight",
        doc: "Checks what a renewal needs on a node, and reports every finding at once.",
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
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 2 * 60 * 1000,
        check: unchecked,
    },
    build: |with| Box::new(Preflight::new(with)),
};

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

#[async_trait]
impl Step for Preflight {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let host = cx.host.as_ref();
        // The first call also answers whether the login and sudo work: their refusal is an error of its own.
        let mut findings = checks::programs(host, &self.programs).await?;
        findings.extend(owner::another(cx).await?);
        findings.extend(checks::clock(cx, self.max_clock_skew).await?);
        findings.extend(checks::space(host, self.min_free_mib).await?);
        let node = Node::look(host).await?;
        findings.extend(static_files::strays(&node).await?);
        let pods = Pods::read(&node).await?;
        findings.extend(pods.taken_out(&node.manifests));
        let others = folder::others(host, &pods, &self.cert_dir).await?;
        let lacks = |program: &str| findings.iter().any(|finding| finding.is_about(program));
        let (lacks_openssl, lacks_kubeadm) = (lacks("openssl"), lacks("kubeadm"));
        // Without openssl the survey of certificates has no answer worth reading, and that of another folder misleads.
        if !lacks_openssl && others.is_empty() {
            // First of all: what the run would break for good, and the remedy of the first finding is shown in full.
            let kubelet = kubelet::findings(&node, &self.cert_dir, now(cx)).await?;
            findings.splice(0..0, kubelet);
            let holdings = Holdings::survey(&node, &self.cert_dir).await?;
            findings.extend(holdings.unrenewable());
            findings.extend(holdings.unable_to_issue(now(cx)));
            findings.extend(addresses::unnamed(&pods, &holdings));
            if !lacks_kubeadm {
                let kubeadm = kubeadm::look(&node, &pods, &holdings, &self.cert_dir, now(cx)).await?;
                findings.extend(kubeadm.findings);
            }
        }
        findings.extend(others);
        let cluster = cluster::cluster(cx, &self.cert_dir).await?;
        findings.extend(cluster.findings);
        if !findings.is_empty() {
            return Err(invalid(host.name(), &findings));
        }
        let mut ready = format!("{} is ready for a renewal", host.name());
        if let Some(outage) = cluster.outage {
            ready = format!("{ready}; {outage}");
        }
        Ok(Probe::satisfied(ready))
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
