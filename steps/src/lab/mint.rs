//! Certificates of the lab: real X.509, made by rcgen.
//!
//! Keys are ECDSA P-256, not RSA-2048 as kubeadm's are by default: ring makes no RSA keys (and one would cost
//! 100 ms where this costs 0.1 ms), and kubeadm itself offers ECDSA-P256. Nothing that certwright looks at
//! differs but the size of the files. Everything else follows kubeadm's certificates: subjects, usages,
//! critical flags, one certificate a file, CAs named in their own SAN.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// A certificate with its key, both PEM.
#[derive(Debug, Clone)]
pub(super) struct Minted {
    /// The certificate.
    pub(super) certificate: String,
    /// Its private key, PKCS #8.
    pub(super) key: String,
}

/// Who a certificate speaks for, and to whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    /// Common name.
    pub(super) common_name: String,
    /// Organizations.
    pub(super) organizations: Vec<String>,
    /// SANs: IP addresses are recognised, all else is a DNS name.
    pub(super) sans: Vec<String>,
    /// For servers.
    pub(super) server: bool,
    /// For clients.
    pub(super) client: bool,
}

/// From when to when a certificate is valid, s since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dates {
    /// NotBefore.
    pub(super) from: i64,
    /// NotAfter.
    pub(super) to: i64,
}

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MintError {
    /// The input is not what it must be.
    #[error("{0}")]
    Crypto(#[from] rcgen::Error),
    /// The existing certificate cannot be read.
    #[error("data does not contain any valid RSA or ECDSA certificates")]
    NoCertificate,
}

/// Makes a CA that signs itself.
pub(super) fn authority(common_name: &str, dates: Dates, serial: [u8; 8]) -> Result<Minted, MintError> {
    let key = KeyPair::generate()?;
    let subject = Subject {
        common_name: common_name.to_owned(),
        sans: vec![common_name.to_owned()],
        ..Subject::default()
    };
    let mut params = params(&subject, dates, serial)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let certificate = params.self_signed(&key)?.pem();
    Ok(Minted { certificate, key: key.serialize_pem() })
}

/// Makes a leaf signed by a CA, with a new key.
pub(super) fn leaf(
    ca: &Minted,
    subject: &Subject,
    dates: Dates,
    serial: [u8; 8],
) -> Result<Minted, MintError> {
    leaf_of_key(ca, &KeyPair::generate()?, subject, dates, serial)
}

/// Grants a request: a leaf for its key.
pub(super) fn granted(
    ca: &Minted,
    key: &str,
    subject: &Subject,
    dates: Dates,
    serial: [u8; 8],
) -> Result<Minted, MintError> {
    leaf_of_key(ca, &KeyPair::from_pem(key)?, subject, dates, serial)
}

/// Makes a request and its key, both PEM.
pub(super) fn request(subject: &Subject) -> Result<(String, String), MintError> {
    let key = KeyPair::generate()?;
    let mut params = params(subject, Dates { from: 0, to: 0 }, [1; 8])?;
    params.serial_number = None;
    params.key_usages.clear();
    Ok((params.serialize_request(&key)?.pem()?, key.serialize_pem()))
}

fn leaf_of_key(
    ca: &Minted,
    key: &KeyPair,
    subject: &Subject,
    dates: Dates,
    serial: [u8; 8],
) -> Result<Minted, MintError> {
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate, KeyPair::from_pem(&ca.key)?)?;
    let mut params = params(subject, dates, serial)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    if subject.server {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if subject.client {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    let certificate = params.signed_by(key, &issuer)?.pem();
    Ok(Minted { certificate, key: key.serialize_pem() })
}

fn params(subject: &Subject, dates: Dates, serial: [u8; 8]) -> Result<CertificateParams, MintError> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    for organization in &subject.organizations {
        name.push(DnType::OrganizationName, organization.as_str());
    }
    name.push(DnType::CommonName, subject.common_name.as_str());
    params.distinguished_name = name;
    params.not_before = instant(dates.from);
    params.not_after = instant(dates.to);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    for san in &subject.sans {
        params.subject_alt_names.push(match san.parse() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(san.as_str().try_into()?),
        });
    }
    Ok(params)
}

/// A moment as the `time` crate has it; dates outside its range become 1970.
pub(super) fn instant(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// What kubeadm copies from an existing certificate into its successor.
pub(super) fn subject_of(pem: &str) -> Result<Subject, MintError> {
    let der = der(pem).ok_or(MintError::NoCertificate)?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| MintError::NoCertificate)?;
    let text = |value: Result<&str, x509_parser::error::X509Error>| value.unwrap_or_default().to_owned();
    let name = certificate.subject();
    let mut subject = Subject {
        common_name: name.iter_common_name().next().map(|n| text(n.as_str())).unwrap_or_default(),
        organizations: name.iter_organization().map(|n| text(n.as_str())).collect(),
        ..Subject::default()
    };
    if let Ok(Some(usage)) = certificate.extended_key_usage() {
        subject.server = usage.value.server_auth;
        subject.client = usage.value.client_auth;
    }
    subject.sans = sans(&certificate);
    Ok(subject)
}

/// Every DNS name and IP address of a certificate's SAN.
pub(super) fn sans(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::Ipv4Addr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::Ipv6Addr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

/// The first certificate of a PEM text, as DER.
pub(super) fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    (block.label == "CERTIFICATE").then_some(block.contents)
}

/// What the lab needs to know of a certificate.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// NotBefore and NotAfter.
    pub(super) dates: Dates,
    /// DNS names and IP addresses.
    pub(super) sans: Vec<String>,
    /// The public key's bits.
    public_key: Vec<u8>,
    der: Vec<u8>,
}

impl Seen {
    /// Reads the first certificate of a PEM text.
    pub(super) fn read(pem: &str) -> Option<Self> {
        let der = der(pem)?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            dates: Dates { from: validity.not_before.timestamp(), to: validity.not_after.timestamp() },
            sans: sans(&certificate),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            der: der.clone(),
        })
    }

    /// True when `key` (PEM) is this certificate's.
    pub(super) fn has_key(&self, key: &str) -> bool {
        KeyPair::from_pem(key).is_ok_and(|key| key.public_key_raw() == self.public_key)
    }

    /// True when the CA in `ca` (PEM) signed it.
    pub(super) fn is_signed_by(&self, ca: &str) -> bool {
        let check = || {
            let ca = der(ca)?;
            let (_, ca) = X509Certificate::from_der(&ca).ok()?;
            let (_, own) = X509Certificate::from_der(&self.der).ok()?;
            Some(own.issuer() == ca.subject() && own.verify_signature(Some(ca.public_key())).is_ok())
        };
        check().unwrap_or(false)
    }
}
