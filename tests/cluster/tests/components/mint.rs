//! Certificates as a test wants them.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

/// How long a leaf is valid in all.
const YEAR: Duration = Duration::days(365);

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Minted {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A CA.
pub(crate) fn authority(name: &str) -> Minted {
    of_key(name, &KeyPair::generate().expect("a key"), YEAR * 10)
}

/// A CA of this key that ends so long from now.
pub(crate) fn of_key(name: &str, key: &KeyPair, lasts: Duration) -> Minted {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial(name));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - YEAR, now + lasts);
    let certificate = params.self_signed(key).expect("a CA").pem();
    Minted { certificate, key: key.serialize_pem() }
}

/// One that follows from a name, always as long.
fn serial(name: &str) -> SerialNumber {
    let digits = certwright_steps::pki::Digest::of(name.as_bytes()).to_string();
    let number = u64::from_str_radix(&digits[..16], 16).expect("sixteen digits");
    SerialNumber::from(number >> 2 | 1 << 62)
}

/// Who a leaf is for, and how long it is valid from now on; before now where it is negative.
pub(crate) struct Leaf<'a> {
    pub(crate) name: &'a str,
    pub(crate) organizations: &'a [&'a str],
    pub(crate) addresses: &'a [String],
    pub(crate) usages: &'a [ExtendedKeyUsagePurpose],
    pub(crate) lasts: Duration,
}

/// What a leaf for servers and clients may be used for.
pub(crate) const BOTH: &[ExtendedKeyUsagePurpose] =
    &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];

/// A leaf, valid for a year in all.
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
    params.serial_number = Some(serial(leaf.name));
    let end = OffsetDateTime::now_utc() + leaf.lasts;
    (params.not_before, params.not_after) = (end - YEAR, end);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = leaf.usages.to_vec();
    params.subject_alt_names =
        leaf.addresses.iter().map(|ip| SanType::IpAddress(ip.parse().expect("an address"))).collect();
    let certificate = params.signed_by(&key, &issuer).expect("a leaf").pem();
    Minted { certificate, key: key.serialize_pem() }
}
