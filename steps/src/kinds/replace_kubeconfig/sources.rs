//! Where a new kubeconfig may come from, in the order in which it is looked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use certwright_engine::host::{Host, HostError};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Evidence, StepError, host_error};
use certwright_engine::text::Secret;

use super::present::Present;
use super::swap;
use crate::kinds::silence::{Silence, patience};
use crate::kubeconfigs::{Held, Judged, Reference, Source, Unfit, order};
use crate::pki::{Authority, Certificate, Digest, Kubeconfig, layout};
use crate::tools::kubectl::{self, Failure, Kubectl};

/// The kubeconfig of a node that kubeadm renews.
const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// Where to look.
pub(super) struct Sources<'a> {
    /// What a step may use.
    pub(super) cx: &'a Context,
    /// Name of the cluster's secret.
    pub(super) secret: String,
    /// The group whose admin.conf is the fallback.
    pub(super) group: &'a str,
}

/// A kubeconfig that might be taken.
pub(super) struct Candidate {
    /// What is said of it.
    pub(super) judged: Judged,
    found: Result<Accepted, Refusal>,
}

/// What may be put in place.
pub(super) struct Accepted {
    kubeconfig: Kubeconfig,
    /// NotAfter of its certificate, seconds since 1970.
    pub(super) ends: i64,
}

impl Accepted {
    /// The present file with it in.
    pub(super) fn text(&self, cx: &Context, present: &Present) -> Result<Secret, StepError> {
        present.with(&self.kubeconfig).map_err(|error| {
            let message = format!("{}: {} {error}", cx.host.name(), present.path);
            StepError::new(ErrorClass::Invalid, message).remedy(
                "write the entry as `kubectl config view --raw` shows it, or put the new certificate and key in by hand",
            )
        })
    }
}

/// What is known of a source that was of no use, beside what is said of it.
struct Refusal {
    class: ErrorClass,
    evidence: Option<Evidence>,
}

/// Why the text of a source is not there.
struct Unread {
    class: ErrorClass,
    why: String,
    evidence: Option<Evidence>,
}

impl Unread {
    /// kubectl failed, or would have.
    fn failed(failure: Failure, evidence: Evidence) -> Self {
        let why = format!("cannot be read: {}", failure.cause());
        Self { class: failure.class(), why, evidence: Some(evidence) }
    }
}

/// What candidates are measured against, at one time.
#[derive(Clone, Copy)]
pub(super) struct Measure<'a> {
    /// What the present file holds.
    pub(super) reference: &'a Reference<'a>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl Candidate {
    fn judge(source: Source, text: Result<Vec<u8>, Unread>, measure: Measure<'_>) -> Self {
        let (class, evidence, kubeconfig) = match text {
            Ok(text) => (ErrorClass::Invalid, None, Kubeconfig::parse(&text).map_err(Unfit::from)),
            Err(unread) => (unread.class, unread.evidence, Err(Unfit::Unreadable(unread.why))),
        };
        let (kubeconfig, held) = match kubeconfig {
            Ok(kubeconfig) => {
                let held = Held::of(&kubeconfig);
                (Some(kubeconfig), held)
            }
            Err(unfit) => (None, Err(unfit)),
        };
        let judged = Judged::new(source, held.as_ref().map_err(Clone::clone), measure.reference, measure.now);
        let found = match (&judged.verdict, kubeconfig, held) {
            (Ok(_), Some(kubeconfig), Ok(held)) => {
                Ok(Accepted { kubeconfig, ends: held.certificate.not_after })
            }
            (Ok(_) | Err(_), _, _) => Err(Refusal { class, evidence }),
        };
        Self { judged, found }
    }

    /// What may be taken.
    pub(super) fn accepted(&self) -> Option<&Accepted> {
        self.found.as_ref().ok()
    }
}

impl Sources<'_> {
    /// The cluster's secret: in its admin cluster, or in itself where it is its own.
    pub(super) async fn secret_candidate(&self, measure: Measure<'_>) -> Result<Candidate, StepError> {
        let source = self.secret();
        if !kubectl::is_name(&self.cx.cluster.namespace) || !kubectl::is_name(&self.secret) {
            let message = format!("{source} is not a name of Kubernetes");
            return Err(StepError::new(ErrorClass::Invalid, message)
                .remedy("correct `name` and `namespace` of [cluster] in the inventory"));
        }
        let text = match self.asked() {
            Some((host, kubectl)) => self.read_secret(host, &kubectl).await?,
            None => Err(Unread {
                class: ErrorClass::Invalid,
                why: format!("cannot be read: group {} has no host", self.group),
                evidence: None,
            }),
        };
        Ok(Candidate::judge(source, text, measure))
    }

    /// Who is asked for the secret.
    fn asked(&self) -> Option<(&Arc<dyn Host>, Kubectl)> {
        match &self.cx.cluster.admin_kubeconfig {
            Some(path) => Some((&self.cx.host, Kubectl::new(path))),
            None => Some((self.cx.hosts.group(self.group).next()?, Kubectl::new(ADMIN_CONF))),
        }
    }

    /// Its stdout is a secret, so only its stderr becomes evidence.
    async fn read_secret(
        &self,
        host: &Arc<dyn Host>,
        kubectl: &Kubectl,
    ) -> Result<Result<Vec<u8>, Unread>, StepError> {
        let patience = match patience(self.cx, host.as_ref(), kubectl).await? {
            Ok(patience) => patience,
            Err(silence) => return Ok(Err(Unread::failed(Silence::FAILURE, silence.evidence))),
        };
        let command = kubectl.secret_value(&self.secret, &self.cx.cluster.namespace).deadline(patience);
        let evidence = |status, last_lines| Evidence { command: command.display(), status, last_lines };
        let output = match host.run(&command).await {
            Ok(output) => output,
            // Nobody who answers, which no waiting would mend: a node may have what is wanted.
            Err(error @ HostError::Deadline { .. }) => {
                return Ok(Err(Unread::failed(Failure::TimedOut, evidence(None, vec![error.to_string()]))));
            }
            Err(error) => return Err(host_error(&error, Some(&command))),
        };
        if let Some(failure) = kubectl::classify(&output) {
            let evidence = evidence(Some(output.status), output.stderr.last_lines(8));
            return Ok(Err(Unread::failed(failure, evidence)));
        }
        let refusal = |why: &str| Unread { class: ErrorClass::Invalid, why: why.to_owned(), evidence: None };
        Ok(match kubectl::parse_secret_value(&output) {
            Ok(Some(secret)) => Ok(secret.reveal().to_vec()),
            Ok(None) => Err(refusal("has no key `value`")),
            Err(_) => Err(refusal("does not decode")),
        })
    }

    /// The admin.conf of every node of the group.
    pub(super) async fn node_candidates(&self, measure: Measure<'_>) -> Result<Vec<Candidate>, StepError> {
        let mut candidates = Vec::new();
        for host in self.cx.hosts.group(self.group) {
            let source = Source::AdminConf { host: host.name().to_owned() };
            let text = match host.read(ADMIN_CONF).await {
                Ok(Some(text)) => Ok(text),
                Ok(None) => {
                    Err(Unread { class: ErrorClass::Invalid, why: "is missing".to_owned(), evidence: None })
                }
                // One node that is away must not keep the others from helping.
                Err(error) => Err(Unread {
                    class: error.class(),
                    why: format!("cannot be read: {error}"),
                    evidence: None,
                }),
            };
            candidates.push(Candidate::judge(source, text, measure));
        }
        Ok(candidates)
    }

    /// The CAs of the group's nodes, as digests of their public keys.
    pub(super) async fn authorities(&self) -> Result<BTreeSet<Digest>, StepError> {
        let path = Authority::Ca.certificate(layout::CERT_DIR);
        let mut digests = BTreeSet::new();
        for host in self.cx.hosts.group(self.group) {
            let Some(pem) = host.read(&path).await? else { continue };
            let certificate = Certificate::from_pem(&pem).map_err(|error| {
                StepError::new(ErrorClass::Invalid, format!("{}: {path} {error}", host.name()))
            })?;
            digests.insert(certificate.public_key);
        }
        Ok(digests)
    }

    /// All of them, in the order in which they are tried.
    pub(super) fn order(&self) -> impl Iterator<Item = Source> {
        let nodes = self.cx.hosts.group(self.group);
        std::iter::once(self.secret())
            .chain(nodes.map(|host| Source::AdminConf { host: host.name().to_owned() }))
    }

    fn secret(&self) -> Source {
        Source::Secret { namespace: self.cx.cluster.namespace.clone(), name: self.secret.clone() }
    }

    /// What apply does, in its order.
    pub(super) fn commands(&self, path: &str) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((host, kubectl)) = self.asked() {
            let command = kubectl.secret_value(&self.secret, &self.cx.cluster.namespace).display();
            lines.push(format!("{command}   # on {}", host.name()));
        }
        let nodes: Vec<&str> = self.cx.hosts.group(self.group).map(|host| host.name()).collect();
        lines.push(format!(
            "cat {ADMIN_CONF}   # if that is of no use: of {}, the first that is",
            nodes.join(", ")
        ));
        lines.push(Kubectl::new(swap::trial(self.cx)).nodes_text().display());
        lines.push(format!("cp {path} {}", swap::kept(self.cx, path)));
        lines.push(format!("mv {} {path}   # mode 0600", swap::trial(self.cx)));
        lines
    }
}

/// The error for a file that should be replaced when nothing may take its place.
///
/// Its class is that of a source that may come round, where there is one.
pub(super) fn none_accepted(cx: &Context, path: &str, why: &str, candidates: &[Candidate]) -> StepError {
    let refusals = || candidates.iter().filter_map(|candidate| candidate.found.as_ref().err());
    let passing = |class: ErrorClass| match class {
        ErrorClass::DeadlineExceeded | ErrorClass::Unavailable | ErrorClass::Unknown => true,
        ErrorClass::Unsatisfied | ErrorClass::Refused | ErrorClass::Invalid | ErrorClass::Denied => false,
    };
    let class = refusals().map(|refusal| refusal.class).find(|class| passing(*class));
    let order = order(candidates.iter().map(|candidate| &candidate.judged));
    let message = format!("{}: {path} {why}, and nothing may replace it: {order}", cx.host.name());
    let error = StepError::new(class.unwrap_or(ErrorClass::Invalid), message).remedy(
        "see that the control-plane nodes are renewed and that the inventory names this cluster, then resume",
    );
    match refusals().find_map(|refusal| refusal.evidence.clone()) {
        Some(evidence) => error.evidence(evidence),
        None => error,
    }
}
