//! A request for a certificate (PKCS #10), as far as it is one that could be granted.
//!
//! Invariant: what is read is all that the request asks for; one that asks for anything else (more attributes, other
//! extensions, further parts of a subject) is an error, not a request with less in it.

use std::net::IpAddr;

use certwright_engine::text::line;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The common name, as it is.
    pub common_name: String,
    /// The one organization, as it is.
    pub organization: String,
    /// DNS names, as they are.
    pub dns_names: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
}

/// Why a request could not be granted, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It cannot be read.
    #[error("it is not a certificate request")]
    Unreadable,
    /// Whoever made it does not have the key, or it was changed since.
    #[error("its signature is not that of its own key")]
    Signature,
    /// The subject is not one organization and one common name.
    #[error("its subject `{0}` is not one organization and one common name")]
    Subject(String),
    /// Something else is asked for.
    #[error("it asks for more than names: {0}")]
    More(String),
}

impl CertificateRequest {
    /// Reads a PEM text with one request, and checks its signature.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RequestError> {
        let (rest, block) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| RequestError::Unreadable)?;
        if block.label != "CERTIFICATE REQUEST" || !rest.trim_ascii().is_empty() {
            return Err(RequestError::Unreadable);
        }
        let (rest, request) =
            X509CertificationRequest::from_der(&block.contents).map_err(|_| RequestError::Unreadable)?;
        if !rest.is_empty() {
            return Err(RequestError::Unreadable);
        }
        request.verify_signature().map_err(|_| RequestError::Signature)?;
        let (organization, common_name) = subject(&request)?;
        let (dns_names, addresses) = names(&request)?;
        Ok(Self { common_name, organization, dns_names, addresses })
    }
}

fn subject(request: &X509CertificationRequest<'_>) -> Result<(String, String), RequestError> {
    let subject = &request.certification_request_info.subject;
    let odd = || RequestError::Subject(line(&subject.to_string()));
    let texts = |found: Vec<&x509_parser::x509::AttributeTypeAndValue<'_>>| match found.as_slice() {
        [one] => one.as_str().map(str::to_owned).map_err(|_| odd()),
        _none_or_several => Err(odd()),
    };
    if subject.iter_attributes().count() != 2 {
        return Err(odd());
    }
    let organization = texts(subject.iter_organization().collect())?;
    Ok((organization, texts(subject.iter_common_name().collect())?))
}

fn names(request: &X509CertificationRequest<'_>) -> Result<(Vec<String>, Vec<IpAddr>), RequestError> {
    let more = |what: String| RequestError::More(line(&what));
    let (mut dns_names, mut addresses) = (Vec::new(), Vec::new());
    let attributes = request.certification_request_info.attributes();
    if attributes.len() > 1 {
        return Err(more(format!("{} attributes", attributes.len())));
    }
    for attribute in attributes {
        let ParsedCriAttribute::ExtensionRequest(asked) = attribute.parsed_attribute() else {
            return Err(more(format!("attribute {}", attribute.oid)));
        };
        for extension in &asked.extensions {
            let ParsedExtension::SubjectAlternativeName(san) = extension.parsed_extension() else {
                return Err(more(format!("extension {}", extension.oid)));
            };
            for name in &san.general_names {
                match name {
                    GeneralName::DNSName(name) => dns_names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => {
                        let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                        let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                        addresses.push(address.map_err(|_| more(name.to_string()))?);
                    }
                    other => return Err(more(other.to_string())),
                }
            }
        }
    }
    Ok((dns_names, addresses))
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
        SanType,
    };

    use super::*;

    fn made(change: impl Fn(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, "system:node:cp-1");
        params.subject_alt_names = vec![
            SanType::DnsName("cp-1".try_into().expect("ASCII")),
            SanType::IpAddress("10.0.0.2".parse().expect("an address")),
            SanType::IpAddress("fd00::1".parse().expect("an address")),
        ];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        params.serialize_request(&key).and_then(|request| request.pem()).expect("a request")
    }

    #[test]
    fn what_a_kubelet_asks_for_is_read() {
        let read = CertificateRequest::from_pem(made(|_| ()).as_bytes()).expect("a request");
        let addresses = ["10.0.0.2", "fd00::1"].map(|text| text.parse().expect("an address")).to_vec();
        let expected = CertificateRequest {
            common_name: "system:node:cp-1".to_owned(),
            organization: "system:nodes".to_owned(),
            dns_names: vec!["cp-1".to_owned()],
            addresses,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_request_for_anything_else_is_an_error() {
        let odd = |pem: &str| CertificateRequest::from_pem(pem.as_bytes()).expect_err("odd").to_string();
        let mail = made(|p| p.subject_alt_names.push(SanType::Rfc822Name("a@b".try_into().expect("ASCII"))));
        assert!(odd(&mail).starts_with("it asks for more than names: "), "{}", odd(&mail));
        let usages = made(|p| p.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth));
        assert_eq!(odd(&usages), "it asks for more than names: extension 2.5.29.37");
        let own =
            made(|p| p.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0])));
        assert_eq!(odd(&own), "it asks for more than names: extension 1.2.3");
        let masters = made(|p| p.distinguished_name.push(DnType::OrganizationalUnitName, "\u{1b}[2J"));
        let words = odd(&masters);
        assert!(
            words.contains("is not one organization and one common name") && !words.contains('\u{1b}'),
            "{words}"
        );
        for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(odd(text), "it is not a certificate request");
        }
        assert_eq!(odd(&format!("{0}{0}", made(|_| ()))), "it is not a certificate request", "two of them");
    }

    #[test]
    fn a_request_that_was_changed_is_not_believed() {
        use base64::Engine as _;
        let standard = base64::engine::general_purpose::STANDARD;
        let pem = made(|_| ());
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = standard.decode(body).expect("base64");
        let at = der.windows(4).position(|window| window == b"cp-1").expect("its name");
        der[at + 3] = b'2';
        let body = standard.encode(der);
        let changed =
            format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
        assert_eq!(CertificateRequest::from_pem(changed.as_bytes()), Err(RequestError::Signature));
    }
}
