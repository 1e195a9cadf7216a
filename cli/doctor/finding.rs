//! Something that is wrong, and the order in which it is told.

use certwright_steps::diagnosis::{Grade, SIGNATURES};

/// Something that is wrong on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Stable name: a signature's, or one of [`RANKS`].
    pub(crate) id: &'static str,
    /// How bad it is.
    pub(crate) grade: Grade,
    /// The host.
    pub(crate) host: String,
    /// What is wrong, in one line that names the object.
    pub(crate) cause: String,
    /// What shows it, a line each.
    pub(crate) evidence: Vec<String>,
    /// What mends it: commands, or a sentence; empty where the cause says it.
    pub(crate) cure: Vec<String>,
    /// The finding from which it most likely follows, by its id; None for one that stands by itself.
    pub(crate) follows_from: Option<&'static str>,
}

impl Finding {
    /// One without evidence and cure yet, that stands by itself.
    pub(super) fn new(id: &'static str, grade: Grade, host: String, cause: String) -> Self {
        Self { id, grade, host, cause, evidence: Vec::new(), cure: Vec::new(), follows_from: None }
    }
}

/// What makes others follow, the first that is there.
const ROOTS: [&str; 5] = ["no-space", "read-only", "disk-error", "certificates-expired", "etcd-quorum"];

/// What follows from expired certificates or a full disk; with another cause it stands alone.
const FOLLOWING: [&str; 15] = [
    "etcd-quorum",
    "etcd-member",
    "components",
    "api",
    "kubeconfig",
    "pods",
    "certificate-expired",
    "certificate-dates",
    "peer-refused",
    "stale-credential",
    "etcd-no-leader",
    "etcd-silent",
    "api-without-etcd",
    "not-listening",
    "connection-cut",
];

/// Findings of the looks: what hides or explains others first. Signatures of logs come after them.
const RANKS: [&str; 15] = [
    "unreachable",
    "preflight",
    "kubelet-client",
    "certificates-broken",
    "certificates-expired",
    "etcd-quorum",
    "etcd-member",
    "kubelet-certificates",
    "components",
    "api",
    "kubeconfig",
    "pods",
    "certificates-due",
    "incomplete",
    "not-judged",
];

/// What others follow from: a full disk, a wrong clock and a dead kubelet are told before certificates.
const FIRST: [&str; 6] =
    ["no-space", "read-only", "disk-error", "clock-behind", "clock-ahead", "kubelet-trap"];

fn rank(id: &str) -> usize {
    if let Some(at) = FIRST.iter().position(|first| *first == id) {
        return at;
    }
    let signature =
        || SIGNATURES.iter().flat_map(|group| group.iter()).position(|signature| signature.id == id);
    match RANKS.iter().position(|name| *name == id) {
        Some(at) => FIRST.len() + at,
        None => FIRST.len() + RANKS.len() + signature().unwrap_or(usize::MAX / 2),
    }
}

/// The worst first, then what explains before what follows, then hosts by name; each told once.
pub(super) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.grade, rank(finding.id));
        key(one).cmp(&key(other)).then_with(|| one.host.cmp(&other.host))
    });
    let root = ROOTS.into_iter().find(|root| findings.iter().any(|finding| finding.id == *root));
    for finding in &mut findings {
        let follows = FOLLOWING.contains(&finding.id) && root != Some(finding.id);
        finding.follows_from = root.filter(|_| follows);
    }
    let mut told: Vec<Finding> = Vec::new();
    for finding in findings {
        let same = |old: &&mut Finding| {
            old.id == finding.id && old.host == finding.host && old.cause == finding.cause
        };
        match told.iter_mut().find(same) {
            Some(old) => {
                old.evidence.extend(finding.evidence);
                old.evidence.dedup();
            }
            None => told.push(finding),
        }
    }
    told
}
