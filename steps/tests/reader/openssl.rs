//! What `openssl x509` says of a certificate, in the reader's words.

#![expect(clippy::disallowed_methods, reason = "openssl is the judge here")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::Ipv6Addr;
use std::process::{Command, Stdio};

use certwright_steps::pki::Certificate;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::corpus::Sample;

/// Where the two do not say the same, as `FIELD: ours | theirs`; None when both refuse.
pub(crate) fn differences(sample: &Sample) -> Option<Vec<String>> {
    let ours = Certificate::from_der(&sample.der).map(|certificate| facts(&certificate));
    let theirs = asked(&sample.der);
    match (ours, theirs) {
        (Err(_), None) => None,
        (Err(error), Some(_)) => Some(vec![format!("refused: {error} | it reads it")]),
        (Ok(_), None) => Some(vec!["refused: we read it | it does not".to_owned()]),
        (Ok(ours), Some(theirs)) => {
            let differ = |field: &&&str| ours.get(**field) != theirs.get(**field);
            let shown = |field: &&str| {
                let of = |facts: &BTreeMap<_, String>| facts.get(*field).cloned().unwrap_or_default();
                format!("{field}: {} | {}", of(&ours), of(&theirs))
            };
            Some(FIELDS.iter().filter(differ).map(shown).collect())
        }
    }
}

const FIELDS: [&str; 8] =
    ["subject", "issuer", "serial", "not-before", "not-after", "sans", "usages", "fingerprint"];

fn facts(certificate: &Certificate) -> BTreeMap<&'static str, String> {
    let date = |seconds: i64| {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        let at = OffsetDateTime::from_unix_timestamp(seconds).expect("a date");
        at.format(format).expect("a date has a text")
    };
    let mut facts = BTreeMap::from([
        ("subject", certificate.subject.clone()),
        ("issuer", certificate.issuer.clone()),
        ("serial", certificate.serial.clone()),
        ("not-before", date(certificate.not_before)),
        ("not-after", date(certificate.not_after)),
        ("fingerprint", certificate.fingerprint.to_string()),
    ]);
    if !certificate.sans.is_empty() {
        facts.insert("sans", certificate.sans.join(", "));
    }
    if !certificate.usages.is_empty() {
        let mut usages = certificate.usages.clone();
        usages.sort();
        facts.insert("usages", usages.join(", "));
    }
    facts
}

/// None when openssl refuses it.
fn asked(der: &[u8]) -> Option<BTreeMap<&'static str, String>> {
    let mut child = Command::new("openssl")
        .args([
            "x509",
            "-inform",
            "DER",
            "-noout",
            "-serial",
            "-dates",
            "-dateopt",
            "iso_8601",
            "-fingerprint",
            "-sha256",
        ])
        .args(["-subject", "-issuer", "-nameopt", "sep_comma_plus_space,utf8,sname"])
        .args(["-ext", "subjectAltName,extendedKeyUsage"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed (tests/run does it)");
    // A refusal may come before all is read.
    let _sent = child.stdin.take().expect("its input").write_all(der);
    let output = child.wait_with_output().expect("openssl ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| parsed(&text))
}

fn parsed(text: &str) -> BTreeMap<&'static str, String> {
    let mut facts = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("X509v3 Subject Alternative Name") {
            facts.insert("sans", lines.next().map(sans).unwrap_or_default());
        } else if line.starts_with("X509v3 Extended Key Usage") {
            facts.insert("usages", lines.next().map(usages).unwrap_or_default());
        } else if let Some((name, value)) = line.split_once('=') {
            match name {
                "serial" => drop(facts.insert("serial", value.to_ascii_lowercase())),
                "notBefore" => drop(facts.insert("not-before", value.to_owned())),
                "notAfter" => drop(facts.insert("not-after", value.to_owned())),
                "subject" => drop(facts.insert("subject", spelled(value))),
                "issuer" => drop(facts.insert("issuer", spelled(value))),
                _ if name.ends_with("Fingerprint") => {
                    facts.insert("fingerprint", value.replace(':', "").to_ascii_lowercase());
                }
                _ => {}
            }
        }
    }
    facts
}

/// Kinds of attributes that the two call by different names.
const KINDS: [(&str, &str); 12] = [
    ("emailAddress", "Email"),
    ("GN", "givenName"),
    ("SN", "surname"),
    ("street", "streetAddress"),
    ("organizationIdentifier", "OID(2.5.4.97)"),
    ("pseudonym", "OID(2.5.4.65)"),
    ("jurisdictionC", "msJurisdictionCountry"),
    ("jurisdictionL", "msJurisdictionLocality"),
    ("jurisdictionST", "msJurisdictionStateOrProvince"),
    ("x500UniqueIdentifier", "uniqueIdentifier"),
    ("OGRN", "OID(1.2.643.100.1)"),
    ("INN", "OID(1.2.643.3.131.1.1)"),
];

/// A name with the kinds of its attributes called as the reader does.
fn spelled(name: &str) -> String {
    let one = |attribute: &str| match attribute.split_once('=') {
        Some((kind, value)) => {
            let ours = KINDS.iter().find(|(theirs, _)| *theirs == kind).map_or(kind, |(_, ours)| ours);
            format!("{ours}={value}")
        }
        None => attribute.to_owned(),
    };
    name.split(", ").map(one).collect::<Vec<_>>().join(", ")
}

fn sans(line: &str) -> String {
    let one = |name: &str| match name.strip_prefix("IP Address:") {
        Some(address) if address.contains(':') => {
            address.parse::<Ipv6Addr>().map_or_else(|_| name.to_owned(), |address| format!("IP:{address}"))
        }
        Some(address) => format!("IP:{address}"),
        None => match (name.strip_prefix("DirName:/"), name.strip_prefix("Registered ID:")) {
            (Some(directory), _) => format!("DirectoryName({})", spelled(&attributes(directory).join(", "))),
            (None, Some(id)) => format!("RegisteredID({id})"),
            (None, None) => name.to_owned(),
        },
    };
    line.trim().split(", ").map(one).collect::<Vec<_>>().join(", ")
}

/// The attributes of `C=US/O=a/b/CN=x`: a slash begins one where a kind and `=` follow it.
fn attributes(name: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in name.split('/') {
        let begins = part
            .split_once('=')
            .is_some_and(|(kind, _)| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'));
        match all.last_mut() {
            Some(last) if !begins => last.extend(["/", part]),
            Some(_) | None => all.push(part.to_owned()),
        }
    }
    all
}

fn usages(line: &str) -> String {
    let one = |name: &str| {
        let short = match name {
            "TLS Web Server Authentication" => "serverAuth",
            "TLS Web Client Authentication" => "clientAuth",
            "Code Signing" => "codeSigning",
            "E-mail Protection" => "emailProtection",
            "Time Stamping" => "timeStamping",
            "OCSP Signing" => "OCSPSigning",
            "Any Extended Key Usage" => "anyExtendedKeyUsage",
            "Microsoft Commercial Code Signing" => "1.3.6.1.4.1.311.2.1.22",
            "Netscape Server Gated Crypto" => "2.16.840.1.113730.4.1",
            other => other,
        };
        short.to_owned()
    };
    let mut all: Vec<String> = line.trim().split(", ").map(one).collect();
    all.sort();
    all.join(", ")
}
