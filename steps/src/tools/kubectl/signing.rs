//! `kubectl get certificatesigningrequests`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::host::Output;

use super::records::{first, only, read};
use crate::tools::OutputError;

/// Who signs what kubelets serve with.
pub const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";

/// A request for a certificate, as the API server has it. The API server itself says who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    /// Its name, as it is.
    pub name: String,
    /// Who is to sign it, as it is.
    pub signer: String,
    /// Who asked, as it is.
    pub username: String,
    /// The groups of whoever asked, as they are.
    pub groups: Vec<String>,
    /// What the certificate is to be used for, as it is.
    pub usages: Vec<String>,
    /// The request itself, PEM; empty where that is not base64.
    pub pem: Vec<u8>,
    /// When it was made (`2026-11-24T21:05:28Z`): later ones sort behind.
    pub created: String,
    /// What was decided.
    pub state: SigningState,
}

/// What was decided of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningState {
    /// Nothing yet.
    Pending,
    /// Approved, denied or failed.
    Decided,
}

/// Whose requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// Those of this node's kubelet.
    Node(&'a str),
    /// Those of anybody else.
    AnyoneElse {
        /// This node's kubelet.
        than: &'a str,
    },
}

/// What is asked of each request.
pub(super) const FIELDS: [&str; 8] = [
    ".metadata.name",
    ".metadata.creationTimestamp",
    ".spec.signerName",
    ".spec.username",
    ".spec.groups[*]",
    ".spec.usages[*]",
    ".spec.request",
    ".status.conditions[*].type",
];

/// Parses what [`Kubectl::serving_requests`](super::Kubectl::serving_requests) prints.
pub fn parse_signing_requests(output: &Output) -> Result<Vec<SigningRequest>, OutputError> {
    let what = "`kubectl get certificatesigningrequests`";
    let records = read::<{ FIELDS.len() }>(what, output)?;
    let one = |[name, created, signer, username, groups, usages, request, conditions]: [Vec<String>; 8]| {
        Ok(SigningRequest {
            name: only(what, name)?,
            signer: first(signer),
            username: first(username),
            groups,
            usages,
            pem: STANDARD.decode(first(request)).unwrap_or_default(),
            created: first(created),
            state: if conditions.is_empty() { SigningState::Pending } else { SigningState::Decided },
        })
    };
    records.into_iter().map(one).collect()
}
