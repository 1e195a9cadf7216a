//! `kubeadm-renew`: every certificate kubeadm covers is renewed, proved one by one, and can be put back.
//!
//! Satisfied when each is valid for longer than `before`, is signed by its CA and matches its key. With `force`
//! each must also have been issued by this very run: the run's backup, which is made before anything is renewed and
//! never made anew, holds what was there; a certificate whose file still equals the backup's is yet to be renewed.
//! So a retry or a resume of a forced renewal that was done renews nothing twice.
//!
//! kubeadm is given what the manifests say where the cluster does not tell it its configuration (see
//! [`super::configuration`]). Deliberately absent: trust in kubeadm's exit status (0 for a missing certificate and for an external CA).

mod proof;

mod undo;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Output};
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport,
};
use certwright_engine::step::{Context, Done, Facts, Kind, Probe, Step, StepError, refused};
use serde::{Deserialize, Serialize};

use super::archives;
use super::configuration::{self, Source};
use super::facts::{CertificateFacts, read_facts};
use super::fields::{BEFORE, CERT_DIR, FORCE};
use super::finding::{Finding, invalid, shorten};
use super::holdings::{Holdings, LEAF_VALIDITY};
use super::node::{Node, now};
use crate::pki::layout::KUBERNETES;
use crate::span::span;
use crate::tools::archive;
use crate::tools::kubeadm::{self, Configuration, LeafOutcome};
use crate::tools::output::plural;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "kubeadm-renew",
        doc: "Renews every certificate kubeadm covers on a node, with a backup before and a proof after.",
        fields: &[
            BEFORE,
            FORCE,
            CERT_DIR,
            Field {
                name: "backups",
                ty: FieldType::Path,
                default: Some("\"/var/lib/certwright/backups\""),
                doc: "The folder of archives on the node: the `to` of the plan's backup step.",
            },
        ],
        on: On::Nodes,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Supported,
        timeout_ms: 5 * 60 * 1000,
        check,
    },
    |with| Box::new(KubeadmRenew::new(with)),
);

fn check(with: &Params) -> Result<(), String> {
    let before = with.duration("before");
    if before < LEAF_VALIDITY {
        return Ok(());
    }
    let days = |of: Duration| span(of.as_secs().cast_signed());
    let (before, validity) = (days(before), days(LEAF_VALIDITY));
    Err(format!(
        "`before` is {before}, and kubeadm issues certificates for {validity}: they would be due as soon as they are renewed \
         (`force` renews what is not due)"
    ))
}

/// A step of this kind.
struct KubeadmRenew {
    before: Duration,
    force: bool,
    cert_dir: String,
    backups: String,
}

/// What a probe saw.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewFacts {
    /// Every covered certificate that can be read, in kubeadm's order.
    certificates: Vec<CertificateFacts>,
    /// Every file that a renewal writes.
    files: Vec<String>,
    /// What apply runs, where there is something to do.
    commands: Vec<String>,
    /// Where kubeadm takes its configuration from then.
    #[serde(default)]
    source: Option<Source>,
}

impl RenewFacts {
    fn of(holdings: &Holdings) -> Self {
        Self { certificates: holdings.facts(), files: holdings.written(), commands: Vec::new(), source: None }
    }
}

impl KubeadmRenew {
    fn new(with: &Params) -> Self {
        Self {
            before: with.duration("before"),
            force: with.bool("force"),
            cert_dir: with.str("cert-dir").trim_end_matches('/').to_owned(),
            backups: with.str("backups").to_owned(),
        }
    }

    /// What the backup of this run must hold where no backup step made one.
    fn backed_up(&self) -> Vec<String> {
        let mut paths = vec![KUBERNETES.to_owned(), "/var/lib/kubelet/pki".to_owned()];
        if !self.cert_dir.starts_with(&format!("{KUBERNETES}/")) {
            paths.push(self.cert_dir.clone());
        }
        paths
    }

    async fn holdings(&self, node: &Node<'_>) -> Result<Holdings, StepError> {
        if self.force {
            // Whether a file is still as it was before this run: its digest tells.
            Holdings::with_digests(node, &self.cert_dir).await
        } else {
            Holdings::survey(node, &self.cert_dir).await
        }
    }

    /// Why this run has work to do on these certificates; empty when it has none.
    async fn reasons(&self, cx: &Context, holdings: &Holdings) -> Result<Vec<String>, StepError> {
        let due = holdings.due(self.before, now(cx));
        if !due.is_empty() || !self.force {
            return Ok(due);
        }
        let host = cx.host.as_ref();
        let Some(archive) = archives::find(host, &self.backups, &cx.run).await? else {
            return Ok(vec!["renewal is forced".to_owned()]);
        };
        let held = archives::contents(host, &archive.path).await?;
        Ok(holdings
            .files()
            .filter(|file| file.sha256.is_none() || held.get(&file.path) == file.sha256.as_ref())
            .map(|file| format!("{} is as before this run, and renewal is forced", file.path))
            .collect())
    }

    /// What apply runs.
    fn commands(&self, cx: &Context, configuration: &Configuration) -> Vec<String> {
        let archive = archives::path(&self.backups, &cx.run);
        let backup = archive::backup_command(&archive, &self.backed_up());
        let renew = configuration.told(&kubeadm::renew_all(configuration));
        vec![format!("{}   # unless it exists", backup.display()), renew]
    }

    /// A backup that does not hold what would be renewed is no way back.
    async fn archive_holds(&self, cx: &Context, archive: &str, holdings: &Holdings) -> Result<(), StepError> {
        let held = archives::contents(cx.host.as_ref(), archive).await?;
        match holdings.files().find(|file| file.exists() && !held.contains_key(&file.path)) {
            None => Ok(()),
            Some(file) => {
                let message = format!("{}: {archive} does not hold {}", cx.host.name(), file.path);
                Err(StepError::new(ErrorClass::Invalid, message)
                    .remedy("add its folder to `paths` of the backup step, then start a new run"))
            }
        }
    }

    async fn renew(
        &self,
        cx: &Context,
        holdings: &Holdings,
        (source, configuration): (&Source, &Configuration),
    ) -> Result<String, StepError> {
        let command = kubeadm::renew_all(configuration);
        let output = cx.run(&command).await?;
        let renewal = kubeadm::parse_renewal(&output);
        let host = cx.host.name();
        if output.status > 128 {
            let message = format!("{host}: kubeadm was ended by signal {}", output.status - 128);
            return Err(refused(ErrorClass::Unknown, message, &command, &output).remedy(
                "see who ended it (dmesg tells of a lack of memory), then resume: certificates renewed so far are kept, all are \
                 looked at again",
            ));
        }
        if output.stderr.lossy().contains("deadline exceeded") && !output.success() {
            let message = format!("{host}: kubeadm certs renew all: context deadline exceeded");
            return Err(refused(ErrorClass::DeadlineExceeded, message, &command, &output).remedy(
                "see whether the host is overloaded or its disk hangs (uptime, df, dmesg), then resume: certificates renewed so \
                 far are kept, all are looked at again",
            ));
        }
        if !output.success() {
            let why = if renewal.error.is_empty() { "no reason given" } else { &renewal.error };
            let message = format!("{host}: kubeadm certs renew all failed: {why}");
            return Err(refused(ErrorClass::Refused, message, &command, &output).remedy(
                "mend what it names, then resume: certificates renewed so far are kept, all are looked at again",
            ));
        }
        if let Some(error) = skipped(cx, holdings, &renewal.outcomes, (&command, &output)) {
            return Err(error);
        }
        let configured = match source {
            _ if renewal.fell_back_to_defaults => {
                ", with kubeadm's defaults (the cluster's configuration could not be read)".to_owned()
            }
            Source::Manifests(why) => format!(", configured by the manifests ({why})"),
            Source::Cluster | Source::ClusterElsewhere => String::new(),
        };
        let renewed = renewal.outcomes.values().filter(|outcome| **outcome == LeafOutcome::Renewed).count();
        Ok(format!("kubeadm renewed {}{configured}", plural(renewed, "certificate")))
    }
}

/// The error for certificates of this node that kubeadm passed over with exit status 0.
///
/// Others do not matter: with defaults kubeadm speaks of a local etcd where etcd is external.
fn skipped(
    cx: &Context,
    holdings: &Holdings,
    outcomes: &BTreeMap<&'static str, LeafOutcome>,
    (command, output): (&Command, &Output),
) -> Option<StepError> {
    let named = |wanted: LeafOutcome| -> Vec<&str> {
        holdings.names().filter(|name| outcomes.get(name) == Some(&wanted)).collect()
    };
    let (external, missing) = (named(LeafOutcome::ExternalCa), named(LeafOutcome::Missing));
    let host = cx.host.name();
    if !external.is_empty() {
        let message =
            format!("{host}: kubeadm could not renew {}: the CA's key is not there", external.join(", "));
        let error = refused(ErrorClass::Invalid, message, command, output);
        return Some(error.remedy("put the CA's key back, or renew these where it is kept, then resume"));
    }
    if !missing.is_empty() {
        let message = format!("{host}: kubeadm found no {}", missing.join(", "));
        let error = refused(ErrorClass::Invalid, message, command, output);
        return Some(error.remedy("make them again (kubeadm init phase certs, or kubeconfig), then resume"));
    }
    None
}

#[async_trait]
impl Step for KubeadmRenew {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let holdings = self.holdings(&node).await?;
        possible(cx, &holdings.unrenewable())?;
        let reasons = self.reasons(cx, &holdings).await?;
        let mut facts = RenewFacts::of(&holdings);
        if reasons.is_empty() {
            return Ok(Probe::satisfied(holdings.summary(now(cx))).facts(&facts));
        }
        possible(cx, &holdings.unable_to_issue(now(cx)))?;
        let source = configuration::source(&node, &holdings, &self.cert_dir, now(cx)).await?;
        let configuration = configuration::configuration(&node, &source, &self.cert_dir).await?;
        facts.commands = self.commands(cx, &configuration);
        facts.source = Some(source);
        Ok(Probe::drifted(shorten(&reasons)).facts(&facts))
    }

    async fn apply(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let holdings = self.holdings(&node).await?;
        possible(cx, &holdings.unrenewable())?;
        if self.reasons(cx, &holdings).await?.is_empty() {
            return Ok(Done::new("nothing is due any more"));
        }
        possible(cx, &holdings.unable_to_issue(now(cx)))?;
        let source = match read_facts::<RenewFacts>(facts)?.source {
            Some(source) => source,
            // The probe found nothing to do.
            None => configuration::source(&node, &holdings, &self.cert_dir, now(cx)).await?,
        };
        let configuration = configuration::configuration(&node, &source, &self.cert_dir).await?;
        cx.progress.tell("making sure of the backup");
        let archive = archives::ensure(cx.host.as_ref(), &self.backups, &cx.run, &self.backed_up()).await?;
        self.archive_holds(cx, &archive, &holdings).await?;
        cx.progress.tell("kubeadm renews");
        let renewed = self.renew(cx, &holdings, (&source, &configuration)).await?;
        Ok(Done::new(format!("{renewed}; the old ones are in {archive}")))
    }

    async fn verify(&self, cx: &Context, facts: &Facts) -> Result<Probe, StepError> {
        let before: RenewFacts = read_facts(facts)?;
        let node = Node::look(cx.host.as_ref()).await?;
        let holdings = self.holdings(&node).await?;
        let after = RenewFacts::of(&holdings);
        let differences = proof::differences(&before.certificates, &after.certificates);
        let wrong = proof::once(differences, self.reasons(cx, &holdings).await?, &before.certificates);
        if !wrong.is_empty() {
            let message = format!("{}: {}", cx.host.name(), shorten(&wrong));
            return Err(StepError::new(ErrorClass::Unsatisfied, message).remedy(
                "kubeadm's exit status was 0: look at the files on that node, and at who else writes them",
            ));
        }
        let count = plural(after.certificates.len(), "certificate");
        let summary = format!("{count} renewed; {}", holdings.summary(now(cx)));
        Ok(Probe::satisfied(summary).facts(&after))
    }

    async fn undo(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        let before: RenewFacts = read_facts(facts)?;
        undo::undo(cx, &self.cert_dir, &self.backups, &before).await
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        read_facts::<RenewFacts>(facts).map(|facts| facts.commands).unwrap_or_default()
    }
}

/// An error for everything that stands against a renewal.
fn possible(cx: &Context, findings: &[Finding]) -> Result<(), StepError> {
    if findings.is_empty() { Ok(()) } else { Err(invalid(cx.host.name(), findings)) }
}
