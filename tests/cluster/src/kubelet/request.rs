//! A kubelet's request for a certificate: made with a new key, posted, and waited for until somebody has signed it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use serde_json::json;

use super::identity::Identity;
use super::store::Purpose;
use crate::wire::pace::paced;

/// How often it looks whether its request is signed, ms.
const LOOKS: u64 = 1_000;
/// Where requests are.
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// What a kubelet asks for.
pub(super) struct Asked<'a> {
    pub(super) purpose: Purpose,
    /// The node's name.
    pub(super) host: &'a str,
    /// Under which names and addresses it serves; none for a client.
    pub(super) sans: Vec<SanType>,
    /// How long somebody may take to sign it.
    pub(super) within: Duration,
}

impl Asked<'_> {
    /// Asks for it, and waits; certificate and key, PEM.
    pub(super) async fn signed(self, identity: &Identity) -> Result<String, String> {
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, format!("system:node:{}", self.host));
        params.subject_alt_names = self.sans;
        let request = params.serialize_request(&key).and_then(|request| request.pem());
        let request = request.map_err(|error| error.to_string())?;
        let mut client = identity.client().map_err(|error| error.to_string())?;
        let object = json!({
            "metadata": {"generateName": "csr-"},
            "spec": {
                "request": STANDARD.encode(request),
                "signerName": self.purpose.signer(),
                "usages": ["digital signature", self.purpose.usage()],
            },
        });
        let made = client.post(REQUESTS, &object).await;
        let made = made.map_err(|error| format!("cannot create certificate signing request: {error}"))?;
        let path = format!("{REQUESTS}/{}", made["metadata"]["name"].as_str().unwrap_or_default());
        let waited = tokio::time::timeout(self.within, async {
            loop {
                // An API server that is restarted meanwhile does not end the wait: the key would be lost.
                let now = client.get(&path).await.unwrap_or_default();
                if let Some(certificate) = now["status"]["certificate"].as_str() {
                    let pem = STANDARD.decode(certificate).map_err(|error| error.to_string())?;
                    return String::from_utf8(pem).map_err(|error| error.to_string());
                }
                tokio::time::sleep(paced(LOOKS)).await;
            }
        });
        let certificate = waited.await.map_err(|_| {
            "certificate request was not signed: timed out waiting for the condition".to_owned()
        })?;
        Ok(format!("{}{}", certificate?, key.serialize_pem()))
    }
}
