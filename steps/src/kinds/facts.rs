//! What the renewing kinds journal about certificates, and the one reader of it.
//!
//! Invariant: a fact is public: names, dates and digests, never a key. Reports compare the facts of a task's
//! first probe with those of its last look.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Facts, StepError};
use serde::{Deserialize, Serialize};

use crate::pki::{Certificate, Digest};

/// One certificate as a step of kind `kubeadm-renew` or `replace-kubeconfig` saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFacts {
    /// kubeadm's name (`apiserver`, `admin.conf`), or `kubeconfig` for the workstation's.
    pub name: String,
    /// The file it stands in.
    pub path: String,
    /// The whole subject, escaped.
    pub subject: String,
    /// The whole issuer, escaped.
    pub issuer: String,
    /// The serial number in lower-case hex.
    pub serial: String,
    /// NotBefore, seconds since 1970.
    pub not_before: i64,
    /// NotAfter, seconds since 1970.
    pub not_after: i64,
    /// Subject alternative names (`DNS:name`, `IP:address`).
    pub sans: Vec<String>,
    /// Extended key usages by openssl's names.
    pub usages: Vec<String>,
    /// SHA-256 of its DER bytes.
    pub fingerprint: Digest,
    /// Whether the private key kept for it is its own.
    pub key_matches: bool,
    /// Whether the authority it should come from signed it.
    pub signed: bool,
    /// When its file was last written, ns since 1970 by the host's clock.
    pub written_ns: i64,
}

impl CertificateFacts {
    /// The facts of a certificate that stands in the file `path`.
    pub(crate) fn new(name: &str, path: &str, certificate: &Certificate) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            serial: certificate.serial.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            sans: certificate.sans.clone(),
            usages: certificate.usages.clone(),
            fingerprint: certificate.fingerprint,
            key_matches: true,
            signed: true,
            written_ns: 0,
        }
    }
}

/// Something that an operator should know before a run, and that holds nothing up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// One line that names the object and what is the matter with it; escaped.
    pub what: String,
    /// What the operator may do, in one line.
    pub remedy: String,
}

impl Warning {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// All of it in one line.
    pub fn line(&self) -> String {
        format!("{}: {}", self.what, self.remedy)
    }
}

/// The facts of a node that is ready for a renewal.
#[derive(Serialize, Deserialize)]
pub(super) struct Ready {
    /// In the order in which they are told.
    pub(super) warnings: Vec<Warning>,
    /// Those of journals from before they were told are empty.
    #[serde(default)]
    pub(super) versions: Versions,
}

/// Versions on a node, as `v1.36.1`; None where nothing told one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The newest among the images of Kubernetes' own components.
    pub kubernetes: Option<String>,
    /// kubeadm's own.
    pub kubeadm: Option<String>,
}

/// The warnings in the facts of a `preflight` task; none in those of another kind.
pub fn warnings(facts: &Facts) -> Vec<Warning> {
    facts.read::<Ready>().map(|read| read.warnings).unwrap_or_default()
}

/// The versions in the facts of a `preflight` task; None for those of another kind.
pub fn versions(facts: &Facts) -> Option<Versions> {
    facts.read::<Ready>().ok().map(|read| read.versions)
}

/// The part of a task's facts that [`certificate_facts`] reads.
#[derive(Deserialize)]
struct WithCertificates {
    certificates: Vec<CertificateFacts>,
}

/// The certificates in the facts of a `kubeadm-renew` or `replace-kubeconfig` task, in kubeadm's order.
///
/// None for facts of another kind.
pub fn certificate_facts(facts: &Facts) -> Option<Vec<CertificateFacts>> {
    let read: WithCertificates = facts.read().ok()?;
    Some(read.certificates)
}

/// A component that is not as it should be, as a probe of `restart-static-pods` saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentTrouble {
    /// Which one.
    pub name: String,
    /// What is wrong, naming it.
    pub reason: String,
    /// Whether it holds on to old files; else it is not ready.
    pub stale: bool,
}

/// The part of a task's facts that [`component_troubles`] reads.
#[derive(Deserialize)]
struct WithComponents {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    reason: Option<String>,
    stale: bool,
}

/// What is wrong with components, by the facts of a `restart-static-pods` task; None for facts of another kind.
pub fn component_troubles(facts: &Facts) -> Option<Vec<ComponentTrouble>> {
    let read: WithComponents = facts.read().ok()?;
    let trouble = |Component { name, reason, stale }| Some(ComponentTrouble { name, reason: reason?, stale });
    Some(read.components.into_iter().filter_map(trouble).collect())
}

/// Facts that this same kind wrote, perhaps in an earlier version of the program.
pub(super) fn read_facts<T: serde::de::DeserializeOwned>(facts: &Facts) -> Result<T, StepError> {
    facts.read().map_err(|error| {
        let why = certwright_engine::text::escape(&error.to_string());
        StepError::new(ErrorClass::Invalid, format!("the facts in the journal cannot be read: {why}"))
            .remedy("use the version of certwright that started the run")
    })
}
