//! The kubeconfig in a secret, renewed at half of its life where the secret asks for it.
//!
//! A secret asks by the annotation [`REFRESH`]; without it, its kubeconfig goes stale, as it does where the controller of
//! the admin cluster cannot work.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::text::Secret;
use certwright_steps::pki::kubeconfig::{Kubeconfig, Source};
use serde_json::{Value, json};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::manager::list;
use super::signer::Signer;
use crate::wire::client::{AskError, Client};
use crate::wire::klog::{self, Level};
use crate::wire::tls::{self, Pair};

/// The annotation that asks for it: `"true"`.
pub(super) const REFRESH: &str = "certwright.test/refresh";

pub(super) async fn reconcile(client: &mut Client, signer: &Signer) -> Result<(), AskError> {
    for secret in list(client, "/api/v1/secrets").await? {
        if secret["metadata"]["annotations"][REFRESH] != "true" {
            continue;
        }
        let Some(renewed) = renewed(&secret, signer) else { continue };
        let part = |field| secret["metadata"][field].as_str().unwrap_or_default();
        let path = format!("/api/v1/namespaces/{}/secrets/{}", part("namespace"), part("name"));
        client.patch(&path, &json!({"data": {"value": STANDARD.encode(renewed.reveal())}})).await?;
    }
    Ok(())
}

/// The secret's kubeconfig with a new pair; `None` while more than half of the old one's life is left.
fn renewed(secret: &Value, signer: &Signer) -> Option<Secret> {
    let text = STANDARD.decode(secret["data"]["value"].as_str()?).ok()?;
    let mut kubeconfig = Kubeconfig::parse(&text).ok()?;
    let name = kubeconfig.current().ok()?.1.name.clone();
    let user = kubeconfig.users.iter_mut().find(|user| user.name == name)?;
    let Some(Source::Data(pem)) = &user.entry.client_certificate else { return None };
    let chain = tls::certificates(pem).ok()?;
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    let (from, to) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    if OffsetDateTime::now_utc().unix_timestamp() < i64::midpoint(from, to) {
        return None;
    }
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
    let common_name = leaf.subject().iter_common_name().find_map(text)?;
    let organizations: Vec<String> = leaf.subject().iter_organization().filter_map(text).collect();
    let Pair { certificate, key } = match signer.client(&common_name, &organizations) {
        Ok(pair) => pair,
        Err(error) => {
            klog::say(
                Level::Error,
                "kubeconfig.go:1",
                &format!("\"unable to renew\" err={:?}", error.to_string()),
            );
            return None;
        }
    };
    user.entry.client_certificate = Some(Source::Data(certificate));
    user.entry.client_key = Some(Source::Data(Secret::new(key)));
    Some(kubeconfig.render())
}
