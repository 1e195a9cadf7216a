//! The life of the client certificate: rotated while the API accepts it, the kubelet's end when it has expired.
//!
//! **The trap.** A kubelet whose certificate has expired goes on as long as no API server answers, and for five minutes
//! after that certificate's end. Then it exits, and no start with the same certificate succeeds. A rotation needs an API
//! that takes a request and a controller-manager that approves and signs it.

use std::process::ExitCode;

use tokio::sync::watch;

use super::identity::Identity;
use super::request::Asked;
use super::store::Purpose;
use crate::said::now_ms;
use crate::wire::klog::{Level, say};
use crate::wire::pace::paced;

/// How often it looks at its certificate, ms.
const LOOKS: u64 = 1_000;
/// How long it stays after it last had a valid certificate, once an API server answers, ms. Measured.
const PATIENCE: u64 = 300_000;
/// How long it waits for the signature under a request, ms.
const SIGNED: u64 = 60_000;

/// Keeps the certificate for ever; returns when the kubelet is to end.
pub(super) async fn keep(shared: watch::Sender<Identity>, host: &str) -> ExitCode {
    loop {
        let identity = shared.borrow().clone();
        if identity.is_expired() {
            let last_valid = u64::try_from(identity.certificate.not_after).unwrap_or(0) * 1000;
            let patience = u64::try_from(paced(PATIENCE).as_millis()).unwrap_or(0);
            if now_ms() > last_valid + patience && answers(&identity).await {
                let words = "\"No valid client certificate is found and the server is responsive, exiting.\" \
                             shutdownThreshold=\"5m0s\"";
                say(Level::Error, "transport.go:120", words);
                return ExitCode::FAILURE;
            }
        } else if identity.is_due() && accepts(&identity, host).await {
            match rotate(&identity, host).await {
                Ok(rotated) => drop(shared.send_replace(rotated)),
                Err(why) => {
                    let words = "\"Failed while requesting a signed certificate from the control plane\"";
                    say(Level::Error, "certificate_manager.go:596", &format!("{words} err=\"{why}\""));
                }
            }
        }
        tokio::time::sleep(paced(LOOKS)).await;
    }
}

/// Whether an API server answers at all.
async fn answers(identity: &Identity) -> bool {
    let Ok(mut client) = identity.client() else { return false };
    client.get("/healthz").await.map_or_else(|error| error.code().is_some(), |_| true)
}

/// Whether the API knows whoever shows this certificate.
async fn accepts(identity: &Identity, host: &str) -> bool {
    let Ok(mut client) = identity.client() else { return false };
    client.get(&format!("/api/v1/nodes/{host}")).await.is_ok()
}

async fn rotate(identity: &Identity, host: &str) -> Result<Identity, String> {
    let asked = Asked { purpose: Purpose::Client, host, sans: Vec::new(), within: paced(SIGNED) };
    let pem = asked.signed(identity).await?;
    identity.rotated(&pem).map_err(|error| error.to_string())
}
