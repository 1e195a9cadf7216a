//! Certificates for the ground.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Minted {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A CA.
pub(crate) fn authority(name: &str) -> Minted {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let certificate = params.self_signed(&key).expect("a CA").pem();
    Minted { certificate, key: key.serialize_pem() }
}

/// Who a leaf is for, and how long it is valid from now on; before now where it is negative.
pub(crate) struct Leaf<'a> {
    pub(crate) name: &'a str,
    pub(crate) organizations: &'a [&'a str],
    pub(crate) addresses: &'a [String],
    pub(crate) lasts: Duration,
}

/// A leaf for servers and clients.
pub(crate) fn leaf(ca: &Minted, leaf: &Leaf<'_>) -> Minted {
    let signer = KeyPair::from_pem(&ca.key).expect("the CA's key");
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate, signer).expect("the CA");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    for organization in leaf.organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    name.push(DnType::CommonName, leaf.name);
    params.distinguished_name = name;
    let end = OffsetDateTime::now_utc() + leaf.lasts;
    (params.not_before, params.not_after) = (end - Duration::days(365), end);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names =
        leaf.addresses.iter().map(|ip| SanType::IpAddress(ip.parse().expect("an address"))).collect();
    let certificate = params.signed_by(&key, &issuer).expect("a leaf").pem();
    Minted { certificate, key: key.serialize_pem() }
}
