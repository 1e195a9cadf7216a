//! Something that is to be said of a certificate, a host or the whole cluster.

use certwright_engine::plan::WORKSTATION;
use certwright_engine::text::line;

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A certificate has expired.
    Expired,
    /// It must be looked at before it is too late, or it already does not work.
    Warn,
    /// It explains something; nothing has to be done.
    Note,
}

impl Severity {
    /// Its name for programs and people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Warn => "warn",
            Self::Note => "note",
        }
    }
}

/// What a finding speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The host.
    pub host: String,
    /// The name of the row; None for the host as a whole.
    pub certificate: Option<String>,
}

/// Something that is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name for programs.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it speaks of.
    pub subject: Subject,
    /// One line that names the object and what is wrong with it; escaped.
    pub what: String,
    /// What helps, one line.
    pub remedy: String,
}

/// Every id, with what it means.
pub const IDS: &[(&str, &str)] = &[
    ("expired", "NotAfter has passed"),
    ("not-yet-valid", "NotBefore is to come: a clock is wrong, or the certificate"),
    ("within", "it ends within the time given by --within"),
    ("missing", "it is not where the node's configuration says"),
    ("unreadable", "its file holds no certificate that can be read"),
    ("ca-ends-first", "the authority that signed it ends before it"),
    ("key-mismatch", "the private key kept for it is another's, missing or unreadable"),
    ("wrong-authority", "it is not signed by the authority that its readers trust"),
    ("wrong-trust", "a kubeconfig trusts other authorities than the cluster's"),
    ("usage-missing", "its extended key usages lack one that it is used for"),
    ("san-missing", "a name or address that it is reached by is not among its SANs"),
    ("nodes-differ", "nodes have different authorities of the same name"),
    ("copied", "two nodes hold the same certificate"),
    ("forgotten", "it ends long before the same certificate of other nodes"),
    ("not-served", "a port serves another certificate than the file"),
    ("port-silent", "a port that should serve it serves none"),
    ("older-than-file", "a component has run since before a file that it reads was written"),
    ("not-running", "a component has a manifest and no running container"),
    ("kubeconfigs-disagree", "the workstation's kubeconfig and the admin cluster's secret differ"),
    ("clock-skew", "the host's clock is not ours"),
    (
        "keys-not-compared",
        "the host has no openssl to tell whether keys match, or whoever looks may not read them",
    ),
    ("incomplete", "something of the host could not be learnt"),
    ("unreachable", "the host could not be looked at"),
];

impl Finding {
    /// Says what is wrong with a row or a host.
    pub(super) fn new(
        id: &'static str,
        severity: Severity,
        host: &str,
        certificate: Option<&str>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        debug_assert!(IDS.iter().any(|(known, _)| *known == id), "{id} is documented");
        let subject = Subject { host: host.to_owned(), certificate: certificate.map(str::to_owned) };
        Self { id, severity, subject, what: line(&what.into()), remedy: line(&remedy.into()) }
    }

    /// Whether it says of this row of the workstation that another certificate is wanted there.
    pub(super) fn renews(&self, name: &str) -> bool {
        let ids = ["expired", "within", "missing", "unreadable", "key-mismatch"];
        self.subject.host == WORKSTATION
            && self.subject.certificate.as_deref() == Some(name)
            && ids.contains(&self.id)
    }
}
