//! What kubeadm keeps on a node, judged: which certificates are sound, due, or beyond renewal.
//!
//! Invariant: one survey, so all answers speak of the same moment. Everything but [`Holdings::survey`] is pure.
//! Deliberately absent: the kubelet's certificates, and remote calls for single files.

use std::collections::BTreeMap;
use std::time::Duration;

use certwright_engine::step::StepError;
use serde::Serialize;

use super::facts::{CertificateFacts, Warning};
use super::finding::Finding;
use super::node::Node;
use crate::pki::layout::{CERT_DIR, Form, KUBERNETES, LEAVES, Presence};
use crate::pki::{Authority, Certificate, Leaf};
use crate::span::span;
use crate::tools::survey::{self, Depth, FileFacts, KeyFacts};

/// For how long kubeadm issues a leaf unless it is configured otherwise.
pub(super) const LEAF_VALIDITY: Duration = Duration::from_secs(365 * 86_400);

/// The certificates of a node that `kubeadm certs renew all` covers, and their authorities.
pub(crate) struct Holdings {
    cert_dir: String,
    leaves: Vec<HeldLeaf>,
    authorities: BTreeMap<Authority, HeldAuthority>,
}

/// The facts of a kind that only looks at them.
#[derive(Serialize)]
pub(super) struct CertificatesFacts {
    /// Every readable one, in kubeadm's order.
    pub(super) certificates: Vec<CertificateFacts>,
}

/// A leaf that the node should hold, or holds.
struct HeldLeaf {
    leaf: &'static Leaf,
    file: FileFacts,
    /// The certificate, or what its file is instead (`is missing`).
    certificate: Result<Certificate, String>,
}

/// An authority of the node.
struct HeldAuthority {
    certificate: Result<Certificate, String>,
    path: String,
    key: KeyFacts,
    key_path: String,
}

impl Holdings {
    /// Looks at every covered file of a node.
    pub(crate) async fn survey(node: &Node<'_>, cert_dir: &str) -> Result<Self, StepError> {
        Self::survey_to(Depth::Keys, node, cert_dir).await
    }

    /// The same, with the digests of the files.
    pub(super) async fn with_digests(node: &Node<'_>, cert_dir: &str) -> Result<Self, StepError> {
        Self::survey_to(Depth::Whole, node, cert_dir).await
    }

    async fn survey_to(depth: Depth, node: &Node<'_>, cert_dir: &str) -> Result<Self, StepError> {
        let local_etcd = node.has_local_etcd();
        let covered: Vec<&'static Leaf> = LEAVES
            .iter()
            .filter(|leaf| match leaf.presence {
                Presence::Always | Presence::Optional => true,
                Presence::LocalEtcd => local_etcd,
            })
            .collect();
        let authorities: Vec<Authority> =
            Authority::ALL.into_iter().filter(|a| covered.iter().any(|leaf| leaf.authority == *a)).collect();
        let paths: Vec<String> = covered
            .iter()
            .map(|leaf| leaf.file(cert_dir))
            .chain(authorities.iter().map(|a| a.certificate(cert_dir)))
            .collect();
        let mut files = survey::survey(node.host, depth, &paths).await?;
        let of_authorities = files.split_off(covered.len());
        Ok(Self::new(cert_dir, covered.into_iter().zip(files), authorities.into_iter().zip(of_authorities)))
    }

    fn new(
        cert_dir: &str,
        leaves: impl Iterator<Item = (&'static Leaf, FileFacts)>,
        authorities: impl Iterator<Item = (Authority, FileFacts)>,
    ) -> Self {
        let leaves = leaves
            .filter(|(leaf, file)| leaf.presence != Presence::Optional || file.exists())
            .map(|(leaf, file)| HeldLeaf {
                leaf,
                certificate: file.certificate().map_err(|error| error.to_string()),
                file,
            })
            .collect();
        let authorities = authorities
            .map(|(authority, file)| {
                let held = HeldAuthority {
                    certificate: file.certificate().map_err(|error| error.to_string()),
                    path: authority.certificate(cert_dir),
                    key: file.key,
                    key_path: authority.key(cert_dir),
                };
                (authority, held)
            })
            .collect();
        Self { cert_dir: cert_dir.to_owned(), leaves, authorities }
    }

    /// What is journaled of every readable certificate, in kubeadm's order.
    pub(crate) fn facts(&self) -> Vec<CertificateFacts> {
        let readable = |held: &HeldLeaf| {
            let certificate = held.certificate.as_ref().ok()?;
            Some(CertificateFacts {
                key_matches: held.file.key == KeyFacts::Public(certificate.public_key),
                signed: self.is_signed(held.leaf, certificate),
                written_ns: i64::try_from(held.file.mtime_ns).unwrap_or(i64::MAX),
                ..CertificateFacts::new(held.leaf.name, &held.file.path, certificate)
            })
        };
        self.leaves.iter().filter_map(readable).collect()
    }

    /// The names of all covered leaves, in kubeadm's order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.leaves.iter().map(|held| held.leaf.name)
    }

    /// The leaf of this file and its certificate, where it can be read.
    pub(super) fn at(&self, path: &str) -> Option<(&'static Leaf, &Certificate)> {
        let held = self.leaves.iter().find(|held| held.file.path == path)?;
        Some((held.leaf, held.certificate.as_ref().ok()?))
    }

    /// Why an API server would not listen to admin.conf, which kubeadm asks with; None when it might.
    pub(super) fn no_credential(&self, now: i64) -> Option<String> {
        let held = self.leaves.iter().find(|held| held.leaf.name == "admin.conf")?;
        match &held.certificate {
            Err(why) => Some(format!("admin.conf {why}")),
            Ok(certificate) if certificate.is_expired(now) => {
                Some(format!("admin.conf expired {} ago", span(certificate.residual(now))))
            }
            Ok(certificate) if certificate.is_not_yet_valid(now) => {
                Some(format!("admin.conf is not valid for another {}", span(certificate.not_before - now)))
            }
            Ok(_) => None,
        }
    }

    /// The surveyed files of all covered leaves.
    pub(super) fn files(&self) -> impl Iterator<Item = &FileFacts> {
        self.leaves.iter().map(|held| &held.file)
    }

    /// Every file that a renewal writes: certificates, keys and kubeconfigs.
    pub(super) fn written(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for held in &self.leaves {
            paths.push(held.file.path.clone());
            if held.leaf.form == Form::Pem {
                paths.push(held.leaf.key_file(&self.cert_dir));
            }
        }
        paths
    }

    fn is_signed(&self, leaf: &Leaf, certificate: &Certificate) -> bool {
        let authority = self.authorities.get(&leaf.authority);
        authority.and_then(|held| held.certificate.as_ref().ok()).is_some_and(|ca| certificate.signed_by(ca))
    }

    /// Why a renewal would skip a certificate or stop at it: missing ones, and files that hold none or several.
    pub(super) fn unrenewable(&self) -> Vec<Finding> {
        let finding = |held: &HeldLeaf| {
            let why = held.certificate.as_ref().err()?;
            let path = &held.file.path;
            let remedy = if held.file.exists() {
                match held.leaf.form {
                    Form::Pem => format!("put the one certificate of {} back into {path}", held.leaf.name),
                    Form::Kubeconfig => format!("restore {path} from a backup or from kubeadm"),
                }
            } else {
                format!("make it again on that node: {}", remake(held.leaf))
            };
            Some(Finding::new(format!("{path} {why}"), remedy))
        };
        self.leaves.iter().filter_map(finding).collect()
    }

    /// Certificates whose private key is missing, unreadable or another's: a renewal was cut off, or files were mixed.
    pub(super) fn without_their_key(&self) -> Vec<Warning> {
        let warning = |held: &HeldLeaf| {
            let certificate = held.certificate.as_ref().ok()?;
            let (file, key) = (&held.file.path, held.leaf.key_file(&self.cert_dir));
            let what = match held.file.key {
                KeyFacts::Public(public) if public == certificate.public_key => return None,
                KeyFacts::Public(_) => format!("{key} does not belong to {file}"),
                KeyFacts::Absent => format!("{file} has no private key"),
                KeyFacts::Unreadable => format!("{key} cannot be read as a private key"),
            };
            Some(Warning::new(what, "the renewal makes both anew; what restarts before it may not come up"))
        };
        self.leaves.iter().filter_map(warning).collect()
    }

    /// Why no authority of this node can issue now: external ones, and those that end before a new leaf would.
    pub(super) fn unable_to_issue(&self, now: i64) -> Vec<Finding> {
        self.authorities
            .iter()
            .filter_map(|(authority, held)| held.unable_to_issue(*authority, now))
            .collect()
    }

    /// Which certificates are not as they should be for another `before`, one line each.
    pub(super) fn due(&self, before: Duration, now: i64) -> Vec<String> {
        self.leaves.iter().filter_map(|held| self.leaf_due(held, before, now)).collect()
    }

    fn leaf_due(&self, held: &HeldLeaf, before: Duration, now: i64) -> Option<String> {
        let name = held.leaf.name;
        let certificate = match &held.certificate {
            Ok(certificate) => certificate,
            Err(why) => return Some(format!("{name} {why}")),
        };
        let left = certificate.residual(now);
        let before = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
        match held.file.key {
            KeyFacts::Absent => return Some(format!("{name} has no private key")),
            KeyFacts::Unreadable => return Some(format!("{name} has a private key that cannot be read")),
            KeyFacts::Public(key) if key != certificate.public_key => {
                return Some(format!("{name} does not match its private key"));
            }
            KeyFacts::Public(_) => {}
        }
        if !self.is_signed(held.leaf, certificate) {
            Some(format!("{name} is not signed by {}", held.leaf.authority.name()))
        } else if certificate.is_expired(now) {
            Some(format!("{name} expired {} ago", span(left)))
        } else if certificate.is_not_yet_valid(now) {
            Some(format!("{name} is not valid for another {}", span(certificate.not_before - now)))
        } else if left <= before {
            Some(format!("{name} expires in {}", span(left)))
        } else {
            None
        }
    }

    /// One line on all of them, for when nothing is due.
    pub(super) fn summary(&self, now: i64) -> String {
        let ends = self.leaves.iter().filter_map(|held| Some(held.certificate.as_ref().ok()?.residual(now)));
        let count = self.leaves.len();
        match (ends.min(), count) {
            (None, _) => "no certificates".to_owned(),
            (Some(left), 1) => format!("1 certificate is sound and expires in {}", span(left)),
            (Some(left), _) => {
                format!("{count} certificates are sound, the first one expires in {}", span(left))
            }
        }
    }
}

impl HeldAuthority {
    fn unable_to_issue(&self, authority: Authority, now: i64) -> Option<Finding> {
        let (path, key_path) = (&self.path, &self.key_path);
        let certificate = match &self.certificate {
            Ok(certificate) => certificate,
            Err(why) => {
                let remedy =
                    format!("copy {path} from another control-plane node, or restore it from a backup");
                return Some(Finding::new(format!("{path} {why}"), remedy));
            }
        };
        let name = authority.name();
        match self.key {
            KeyFacts::Absent => Some(Finding::new(
                format!("{name} is external: {key_path} is missing"),
                format!(
                    "put its key there for the time of the run, or renew by hand what it signs: on the node `kubeadm certs \
                     generate-csr --cert-dir {} --kubeconfig-dir {KUBERNETES}` makes the requests, and the certificates \
                     are signed where the key is kept",
                    key_path
                        .rsplit_once('/')
                        .map_or(CERT_DIR, |(folder, _)| folder.trim_end_matches("/etcd"))
                ),
            )),
            KeyFacts::Unreadable => Some(Finding::new(
                format!("{key_path} cannot be read as a private key"),
                format!("copy {key_path} from another control-plane node, or restore it from a backup"),
            )),
            KeyFacts::Public(key) if key != certificate.public_key => Some(Finding::new(
                format!("{key_path} does not belong to {path}"),
                "make both the same CA's: compare with another control-plane node",
            )),
            KeyFacts::Public(_) if certificate.is_expired(now) => Some(Finding::new(
                format!("{name} expired {} ago ({path})", span(certificate.residual(now))),
                "rotate the cluster's CA first; a renewal cannot mend this",
            )),
            KeyFacts::Public(_) if certificate.residual(now) < LEAF_VALIDITY.as_secs().cast_signed() => {
                Some(Finding::new(
                    format!(
                        "{name} ends in {}, before a new certificate would ({path})",
                        span(certificate.residual(now))
                    ),
                    "rotate the cluster's CA first; what it signs now would not be valid for a year",
                ))
            }
            KeyFacts::Public(_) => None,
        }
    }
}

/// The command that makes a missing leaf.
pub(super) fn remake(leaf: &Leaf) -> String {
    match leaf.form {
        Form::Pem => format!("kubeadm init phase certs {}", leaf.name),
        Form::Kubeconfig => {
            format!("kubeadm init phase kubeconfig {}", leaf.name.trim_end_matches(".conf"))
        }
    }
}
