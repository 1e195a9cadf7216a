//! Certificate requests of kubelets: those for their own client certificate are approved, approved ones are signed.
//!
//! A request for a serving certificate waits for an operator, as in a real cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::manager::list;
use super::signer::{Signer, Usage};
use crate::wire::client::{AskError, Client};
use crate::wire::klog::{self, Level};
use crate::wire::moment;

const PATH: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

pub(super) async fn reconcile(client: &mut Client, signer: &Signer) -> Result<(), AskError> {
    for request in list(client, PATH).await? {
        let name = request["metadata"]["name"].as_str().unwrap_or_default();
        let usage = match request["spec"]["signerName"].as_str() {
            Some("kubernetes.io/kube-apiserver-client-kubelet") => Usage::Client,
            Some("kubernetes.io/kubelet-serving") => Usage::Server,
            Some(_) | None => continue,
        };
        let Some(pem) = decoded(&request) else { continue };
        if has(&request, "Denied") || !request["status"]["certificate"].is_null() {
            continue;
        }
        if has(&request, "Approved") {
            sign(client, signer, name, &pem, usage).await?;
        } else if usage == Usage::Client && is_own(&request, &pem) {
            approve(client, name).await?;
        }
    }
    Ok(())
}

fn decoded(request: &Value) -> Option<String> {
    let bytes = STANDARD.decode(request["spec"]["request"].as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

fn has(request: &Value, kind: &str) -> bool {
    let conditions = request["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == kind && c["status"] == "True")
}

/// Whether a node asks for a certificate of its own name.
fn is_own(request: &Value, pem: &str) -> bool {
    let user = request["spec"]["username"].as_str().unwrap_or_default();
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(pem.as_bytes()) else { return false };
    let Ok((_, asked)) = X509CertificationRequest::from_der(&pem.contents) else { return false };
    let subject = &asked.certification_request_info.subject;
    let name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    let group = subject.iter_organization().next().and_then(|group| group.as_str().ok());
    user.starts_with("system:node:") && name == Some(user) && group == Some("system:nodes")
}

async fn approve(client: &mut Client, name: &str) -> Result<(), AskError> {
    let condition = json!({
        "type": "Approved",
        "status": "True",
        "reason": "AutoApproved",
        "message": "Auto approving self kubelet client certificate after SubjectAccessReview.",
        "lastUpdateTime": moment::seconds(),
    });
    let change = json!({"status": {"conditions": [condition]}});
    client.patch(&format!("{PATH}/{name}/approval"), &change).await.map(drop)
}

async fn sign(
    client: &mut Client,
    signer: &Signer,
    name: &str,
    pem: &str,
    usage: Usage,
) -> Result<(), AskError> {
    match signer.sign(pem, usage) {
        Ok(certificate) => {
            let change = json!({"status": {"certificate": STANDARD.encode(certificate)}});
            client.patch(&format!("{PATH}/{name}/status"), &change).await.map(drop)
        }
        Err(error) => {
            let text = format!("\"unable to sign\" csr={name:?} err={:?}", error.to_string());
            klog::say(Level::Error, "signer.go:180", &text);
            Ok(())
        }
    }
}
