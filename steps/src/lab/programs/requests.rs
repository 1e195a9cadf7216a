//! Requests for certificates, as kubectl lists and approves them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::objects::structured;
use crate::lab::clockwork::rfc3339;
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::Request;

/// `get certificatesigningrequests -o FORMAT`, with a field selector or none.
pub(super) fn list(shell: &Shell<'_>, selector: Option<&str>, output: Option<&str>) -> Answer {
    let signer = match selector.map(|selector| selector.split_once('=')) {
        None => None,
        Some(Some(("spec.signerName", signer))) => Some(signer),
        Some(Some(_) | None) => return Answer::gap("another field selector for requests"),
    };
    let fits = |request: &&Request| signer.is_none_or(|signer| signer == request.asked.signer);
    let items: Vec<Value> = shell.state().objects.requests.iter().filter(fits).map(object).collect();
    structured("csr", output.unwrap_or("(none)"), &items)
}

fn object(request: &Request) -> Value {
    let asked = &request.asked;
    let at = |ms: u64| rfc3339((ms / 1000).cast_signed());
    let status = match request.approved {
        None => json!({}),
        Some(approved) => json!({"conditions": [{
            "lastTransitionTime": at(approved),
            "lastUpdateTime": at(approved),
            "message": "This CSR was approved by kubectl certificate approve.",
            "reason": "KubectlApprove",
            "status": "True",
            "type": "Approved",
        }]}),
    };
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"creationTimestamp": at(request.created), "generateName": "csr-", "name": request.name},
        "spec": {
            "groups": asked.groups,
            "request": STANDARD.encode(&request.pem),
            "signerName": asked.signer,
            "usages": asked.usages,
            "username": asked.username,
        },
        "status": status,
    })
}

/// `certificate approve NAME`.
pub(super) fn approve(shell: &mut Shell<'_>, name: &str) -> Answer {
    let now = shell.now();
    let world = shell.change();
    let Some(request) = world.state.objects.requests.iter_mut().find(|request| request.name == name) else {
        let words = format!(
            "Error from server (NotFound): certificatesigningrequests.certificates.k8s.io \"{name}\" not found\n"
        );
        return Answer::fail(1, words);
    };
    request.approved.get_or_insert(now);
    Answer::ok(format!("certificatesigningrequest.certificates.k8s.io/{name} approved\n"))
}
