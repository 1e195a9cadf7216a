//! `kubectl get certificatesigningrequests -o json`.

use base64::Engine as _;
use certwright_engine::host::Output;
use serde::Deserialize;

use super::wire::{ConditionWire, ListWire};
use crate::tools::OutputError;
use crate::tools::output::json;

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
    /// Approved, denied, failed or signed.
    Decided,
}

#[derive(Deserialize)]
struct RequestWire {
    metadata: RequestMetaWire,
    spec: SpecWire,
    #[serde(default)]
    status: StatusWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestMetaWire {
    name: String,
    #[serde(default)]
    creation_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire {
    request: String,
    #[serde(default)]
    signer_name: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    usages: Vec<String>,
}

#[derive(Deserialize, Default)]
struct StatusWire {
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default)]
    conditions: Vec<ConditionWire>,
}

/// Parses `kubectl get certificatesigningrequests -o json`.
pub fn parse_signing_requests(output: &Output) -> Result<Vec<SigningRequest>, OutputError> {
    let list: ListWire<RequestWire> = json("`kubectl get certificatesigningrequests`", &output.stdout)?;
    let one = |RequestWire { metadata, spec, status }: RequestWire| {
        let open = status.conditions.is_empty() && status.certificate.is_none();
        SigningRequest {
            name: metadata.name,
            signer: spec.signer_name,
            username: spec.username,
            groups: spec.groups,
            usages: spec.usages,
            pem: base64::engine::general_purpose::STANDARD.decode(spec.request).unwrap_or_default(),
            created: metadata.creation_timestamp,
            state: if open { SigningState::Pending } else { SigningState::Decided },
        }
    };
    Ok(list.items.into_iter().map(one).collect())
}
