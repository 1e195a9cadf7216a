//! Where a new kubeconfig may come from, in the order in which it is looked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Evidence, StepError, host_error};

use super::swap;
use crate::kinds::candidate::{Examined, Rejection};
use crate::kinds::silence::{Silence, silence};
use crate::pki::{Authority, Certificate, Digest, layout};
use crate::tools::kubectl::{self, Kubectl};

/// The kubeconfig of a node that kubeadm renews.
const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// How much later than the present one a certificate must end to be worth replacing one that works, s.
///
/// The secret's controller and kubeadm issue within minutes of each other; those two are as good as each other.
const MUCH: i64 = 86_400;

/// Where to look.
pub(super) struct Sources<'a> {
    /// What a step may use.
    pub(super) cx: &'a Context,
    /// Name of the cluster's secret.
    pub(super) secret: String,
    /// The group whose admin.conf is the fallback.
    pub(super) group: &'a str,
}

/// What a candidate is measured against.
pub(super) enum Reference<'a> {
    /// The present file.
    Present(&'a Examined),
    /// Where there is none to compare with: the CAs of the control-plane nodes.
    Authorities(BTreeSet<Digest>),
}

/// A kubeconfig that might be taken.
pub(super) struct Candidate {
    /// Where it is from, for people.
    pub(super) name: String,
    found: Result<Examined, Refusal>,
    newer_by: i64,
}

/// Why a candidate is not taken.
struct Refusal {
    class: ErrorClass,
    why: String,
    evidence: Option<Evidence>,
}

impl Candidate {
    fn judge(name: String, text: Result<Vec<u8>, Refusal>, reference: &Reference<'_>, now: i64) -> Self {
        let judged = |text: Vec<u8>| {
            let examined = Examined::new(&text)?;
            match reference {
                Reference::Present(present) => examined.replaces(present, now)?,
                Reference::Authorities(authorities) => {
                    examined.valid(now)?;
                    examined.trusts(authorities)?;
                }
            }
            Ok(examined)
        };
        let refusal = |rejection: Rejection| Refusal {
            class: ErrorClass::Invalid,
            why: rejection.to_string(),
            evidence: None,
        };
        let found = text.and_then(|text| judged(text).map_err(refusal));
        let newer_by = match (&found, reference) {
            (Ok(examined), Reference::Present(present)) => {
                examined.certificate.not_after - present.certificate.not_after
            }
            (Ok(_), Reference::Authorities(_)) => i64::MAX,
            (Err(_), _) => 0,
        };
        Self { name, found, newer_by }
    }

    /// What may be taken.
    pub(super) fn accepted(&self) -> Option<&Examined> {
        self.found.as_ref().ok()
    }

    /// True when it may be taken.
    pub(super) fn is_accepted(&self) -> bool {
        self.found.is_ok()
    }

    /// True when it is worth replacing a file that works.
    pub(super) fn is_much_newer(&self) -> bool {
        self.newer_by > MUCH
    }

    /// One line for people.
    pub(super) fn describe(&self) -> String {
        match &self.found {
            Ok(_) => format!("{} is newer", self.name),
            Err(refusal) => format!("{} {}", self.name, refusal.why),
        }
    }
}

impl Sources<'_> {
    /// The cluster's secret: in its admin cluster, or in itself where it is its own.
    pub(super) async fn secret_candidate(
        &self,
        reference: &Reference<'_>,
        now: i64,
    ) -> Result<Candidate, StepError> {
        let name = format!("the secret {}/{}", self.cx.cluster.namespace, self.secret);
        if !kubectl::is_name(&self.cx.cluster.namespace) || !kubectl::is_name(&self.secret) {
            let message = format!("{name} is not a name of Kubernetes");
            return Err(StepError::new(ErrorClass::Invalid, message)
                .remedy("correct `name` and `namespace` of [cluster] in the inventory"));
        }
        let text = match self.asked() {
            Some((host, kubectl)) => self.read_secret(host, &kubectl).await?,
            None => Err(Refusal {
                class: ErrorClass::Invalid,
                why: format!("cannot be read: group {} has no host", self.group),
                evidence: None,
            }),
        };
        Ok(Candidate::judge(name, text, reference, now))
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
    ) -> Result<Result<Vec<u8>, Refusal>, StepError> {
        if let Some(silence) = silence(self.cx, host.as_ref(), kubectl).await? {
            return Ok(Err(Refusal {
                class: Silence::FAILURE.class(),
                why: format!("cannot be read: {}", Silence::FAILURE.cause()),
                evidence: Some(silence.evidence),
            }));
        }
        let command = kubectl.secret_value(&self.secret, &self.cx.cluster.namespace);
        let output = host.run(&command).await.map_err(|error| host_error(&error, Some(&command)))?;
        if let Some(failure) = kubectl::classify(&output) {
            return Ok(Err(Refusal {
                class: failure.class(),
                why: format!("cannot be read: {}", failure.cause()),
                evidence: Some(Evidence {
                    command: command.display(),
                    status: Some(output.status),
                    last_lines: output.stderr.last_lines(8),
                }),
            }));
        }
        let refusal = |why: &str| Refusal { class: ErrorClass::Invalid, why: why.to_owned(), evidence: None };
        Ok(match kubectl::parse_secret_value(&output) {
            Ok(Some(secret)) => Ok(secret.reveal().to_vec()),
            Ok(None) => Err(refusal("has no key `value`")),
            Err(_) => Err(refusal("does not decode")),
        })
    }

    /// The admin.conf of every node of the group.
    pub(super) async fn node_candidates(
        &self,
        reference: &Reference<'_>,
        now: i64,
    ) -> Result<Vec<Candidate>, StepError> {
        let mut candidates = Vec::new();
        for host in self.cx.hosts.group(self.group) {
            let name = format!("admin.conf of {}", host.name());
            let text = match host.read(ADMIN_CONF).await {
                Ok(Some(text)) => Ok(text),
                Ok(None) => {
                    Err(Refusal { class: ErrorClass::Invalid, why: "is missing".to_owned(), evidence: None })
                }
                // One node that is away must not keep the others from helping.
                Err(error) => Err(Refusal {
                    class: error.class(),
                    why: format!("cannot be read: {error}"),
                    evidence: None,
                }),
            };
            candidates.push(Candidate::judge(name, text, reference, now));
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
        lines.push(Kubectl::new(swap::trial(self.cx, path)).nodes_text().display());
        lines.push(format!("cp {path} {}", swap::kept(self.cx, path)));
        lines.push(format!("mv {} {path}   # mode 0600", swap::trial(self.cx, path)));
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
    let order: Vec<String> = candidates.iter().map(Candidate::describe).collect();
    let message =
        format!("{}: {path} {why}, and nothing may replace it: {}", cx.host.name(), order.join("; "));
    let error = StepError::new(class.unwrap_or(ErrorClass::Invalid), message).remedy(
        "see that the control-plane nodes are renewed and that the inventory names this cluster, then resume",
    );
    match refusals().find_map(|refusal| refusal.evidence.clone()) {
        Some(evidence) => error.evidence(evidence),
        None => error,
    }
}
