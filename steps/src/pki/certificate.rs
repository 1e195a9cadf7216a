//! One X.509 certificate and what is asked of it.

use std::net::IpAddr;

use certwright_engine::text::line;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use super::Digest;
use super::name::{LONGEST, shown};

/// A parsed certificate: its facts as plain values, already escaped, and its DER bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The whole subject (`O=kubeadm:cluster-admins, CN=kubernetes-admin`).
    pub subject: String,
    /// The subject's first CN; empty when it has none.
    pub common_name: String,
    /// The subject's organisations, in order.
    pub organizations: Vec<String>,
    /// The whole issuer.
    pub issuer: String,
    /// The serial number in lower-case hex without leading zero bytes; of a negative one, which no CA should make, the
    /// amount behind a minus.
    pub serial: String,
    /// NotBefore, seconds since 1970.
    pub not_before: i64,
    /// NotAfter, seconds since 1970.
    pub not_after: i64,
    /// Subject alternative names in order, as `DNS:name` and `IP:address`; others by their type.
    pub sans: Vec<String>,
    /// Extended key usages in order, by openssl's names (`serverAuth`, `clientAuth`) or as OIDs.
    pub usages: Vec<String>,
    /// True when basic constraints say CA.
    pub is_ca: bool,
    /// SHA-256 of the DER bytes.
    pub fingerprint: Digest,
    /// SHA-256 of the public key as SubjectPublicKeyInfo; equal for a certificate and the key it belongs to.
    pub public_key: Digest,
    der: Vec<u8>,
}

/// Why bytes are not the one certificate they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// There is no CERTIFICATE block.
    #[error("holds no certificate")]
    None,
    /// There is more than one; kubeadm writes exactly one.
    #[error("holds {0} certificates where one is expected")]
    Several(usize),
    /// A PEM block cannot be read.
    #[error("is not PEM: {0}")]
    Pem(String),
    /// A block is not a certificate.
    #[error("is not an X.509 certificate: {0}")]
    Der(String),
}

impl Certificate {
    /// Whether a client that wants this name or address accepts the certificate: an address as an address, a name as a name
    /// or by a wildcard for its first label (RFC 6125; Go's clients go by it).
    pub fn covers(&self, name: &str) -> bool {
        let address: Option<IpAddr> = name.parse().ok();
        self.sans.iter().any(|san| match (san.split_once(':'), address) {
            (Some(("IP", own)), Some(address)) => own.parse() == Ok(address),
            (Some(("DNS", own)), None) => is_name(own, name),
            (Some(_) | None, _) => false,
        })
    }

    /// Reads a pki file: text with exactly one CERTIFICATE block (private keys beside it are skipped).
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let mut all = Self::all_from_pem(pem)?;
        match all.len() {
            0 => Err(CertificateError::None),
            1 => Ok(all.remove(0)),
            n => Err(CertificateError::Several(n)),
        }
    }

    /// Reads every CERTIFICATE block of a text, in order; blocks of other types are skipped.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let mut all = Vec::new();
        for block in Pem::iter_from_buffer(pem) {
            let block = block.map_err(|error| CertificateError::Pem(line(&error.to_string())))?;
            if block.label == "CERTIFICATE" {
                all.push(Self::from_der(&block.contents)?);
            }
        }
        Ok(all)
    }

    /// The same, each block by itself: one that is damaged keeps none of the others back.
    pub fn each_from_pem(pem: &[u8]) -> Vec<Result<Self, CertificateError>> {
        let mut all = Vec::new();
        for block in Pem::iter_from_buffer(pem) {
            match block {
                Ok(block) if block.label == "CERTIFICATE" => all.push(Self::from_der(&block.contents)),
                Ok(_) => {}
                // Where a block ends is not known any more.
                Err(error) => {
                    all.push(Err(CertificateError::Pem(line(&error.to_string()))));
                    break;
                }
            }
        }
        all
    }

    /// Reads DER bytes without anything after them.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = parse(der)?;
        let subject = parsed.subject();
        let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            let bytes = value.as_slice();
            let hex = |_| format!("{:02x?}", &bytes[..bytes.len().min(LONGEST)]);
            shown(&value.as_str().map_or_else(hex, str::to_owned))
        };
        Ok(Self {
            subject: shown(&subject.to_string()),
            common_name: subject.iter_common_name().next().map(text).unwrap_or_default(),
            organizations: subject.iter_organization().map(text).collect(),
            issuer: shown(&parsed.issuer().to_string()),
            serial: serial(parsed.raw_serial()),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            sans: sans(&parsed),
            usages: usages(&parsed),
            is_ca: parsed.is_ca(),
            fingerprint: Digest::of(der),
            public_key: Digest::of(parsed.public_key().raw),
            der: der.to_vec(),
        })
    }

    /// The DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// True when `ca` is a CA of the issuer's name and its key made this certificate's signature.
    ///
    /// Dates are not looked at.
    pub fn signed_by(&self, ca: &Self) -> bool {
        let (Ok(leaf), Ok(authority)) = (parse(&self.der), parse(&ca.der)) else {
            return false;
        };
        ca.is_ca
            && leaf.issuer().as_raw() == authority.subject().as_raw()
            && leaf.verify_signature(Some(authority.public_key())).is_ok()
    }

    /// Seconds from `now` (since 1970) to NotAfter; negative when it has expired.
    pub fn residual(&self, now: i64) -> i64 {
        self.not_after.saturating_sub(now)
    }

    /// True when `now` (seconds since 1970) is after NotAfter; the last second counts as valid (RFC 5280).
    pub fn is_expired(&self, now: i64) -> bool {
        now > self.not_after
    }

    /// True when `now` (seconds since 1970) is before NotBefore: a clock is wrong, or the certificate.
    pub fn is_not_yet_valid(&self, now: i64) -> bool {
        now < self.not_before
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok((rest, _)) => Err(CertificateError::Der(format!("{} bytes after its end", rest.len()))),
        Err(error) => Err(CertificateError::Der(line(&error.to_string()))),
    }
}

/// An INTEGER's content, as openssl shows it.
fn serial(bytes: &[u8]) -> String {
    let trimmed = |bytes: &[u8]| {
        let first = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len().saturating_sub(1));
        hex(&bytes[first..])
    };
    if bytes.first().is_none_or(|first| first & 0x80 == 0) {
        return trimmed(bytes);
    }
    // Two's complement: all bits turned over, and one added from the end.
    let mut amount: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    for byte in amount.iter_mut().rev() {
        let (sum, carries) = byte.overflowing_add(1);
        *byte = sum;
        if !carries {
            break;
        }
    }
    format!("-{}", trimmed(&amount))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn sans(parsed: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in parsed.iter_extensions() {
        if let ParsedExtension::SubjectAlternativeName(san) = extension.parsed_extension() {
            names.extend(san.general_names.iter().map(san_text));
        }
    }
    names
}

fn san_text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{}", shown(name)),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(v4), _) => format!("IP:{}", std::net::Ipv4Addr::from(v4)),
            (_, Ok(v6)) => format!("IP:{}", std::net::Ipv6Addr::from(v6)),
            (Err(_), Err(_)) => format!("IP:invalid ({} bytes)", bytes.len()),
        },
        GeneralName::URI(uri) => format!("URI:{}", shown(uri)),
        GeneralName::RFC822Name(mail) => format!("email:{}", shown(mail)),
        other => shown(&other.to_string()),
    }
}

fn usages(parsed: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in parsed.iter_extensions() {
        if let ParsedExtension::ExtendedKeyUsage(usage) = extension.parsed_extension() {
            let known = [
                (usage.any, "anyExtendedKeyUsage"),
                (usage.server_auth, "serverAuth"),
                (usage.client_auth, "clientAuth"),
                (usage.code_signing, "codeSigning"),
                (usage.email_protection, "emailProtection"),
                (usage.time_stamping, "timeStamping"),
                (usage.ocsp_signing, "OCSPSigning"),
            ];
            names.extend(known.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).to_owned()));
            names.extend(usage.other.iter().map(x509_parser::asn1_rs::Oid::to_id_string));
        }
    }
    names
}

/// Whether a DNS name of a certificate stands for a name.
fn is_name(own: &str, name: &str) -> bool {
    let (own, name) = (own.to_ascii_lowercase(), name.to_ascii_lowercase());
    match own.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => own == name.trim_end_matches('.'),
    }
}

#[cfg(test)]
mod tests;
