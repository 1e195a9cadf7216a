//! The cluster's CA as a signer: certificates for requests of kubelets, and for kubeconfigs.

use std::path::PathBuf;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::wire::tls::{Pair, TlsError};

/// How long what it signs is valid.
const VALIDITY: Duration = Duration::days(365);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    /// The CA's files.
    #[error(transparent)]
    File(#[from] TlsError),
    /// They, or the request, are not what they must be.
    #[error(transparent)]
    Mint(#[from] rcgen::Error),
    /// They are not text.
    #[error("the CA is no PEM")]
    Text(#[from] std::string::FromUtf8Error),
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Asking servers.
    Client,
    /// Serving.
    Server,
}

/// The files of the CA; read at each signature.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// Its certificate.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
}

impl Signer {
    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, SignError> {
        let Pair { certificate, key } = Pair::read(&self.certificate, &self.key)?;
        let key = KeyPair::from_pem(&String::from_utf8(key)?)?;
        Ok(Issuer::from_ca_cert_pem(&String::from_utf8(certificate)?, key)?)
    }

    /// Signs a request; the certificate, PEM.
    pub(crate) fn sign(&self, request: &str, usage: Usage) -> Result<String, SignError> {
        let mut request = CertificateSigningRequestParams::from_pem(request)?;
        dress(&mut request.params, usage);
        Ok(request.signed_by(&self.issuer()?)?.pem())
    }

    /// Makes a client certificate with a new key.
    pub(crate) fn client(&self, name: &str, organizations: &[String]) -> Result<Pair, SignError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for organization in organizations {
            params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, name);
        dress(&mut params, Usage::Client);
        let certificate = params.signed_by(&key, &self.issuer()?)?.pem();
        Ok(Pair { certificate: certificate.into_bytes(), key: key.serialize_pem().into_bytes() })
    }
}

fn dress(params: &mut CertificateParams, usage: Usage) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::minutes(5);
    params.not_after = now + VALIDITY;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![match usage {
        Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    params.use_authority_key_identifier_extension = true;
}
