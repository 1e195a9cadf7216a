//! `kubeadm certs check-expiration`, as a table and as JSON.

use serde::Serialize;

use super::config::Config;
use super::table::{row, table};
use crate::lab::clockwork::{kubeadm_date, rfc3339, short_duration};
use crate::lab::exec::{Answer, Shell};
use crate::lab::kubeconf;
use crate::lab::mint::Seen;
use crate::pki::layout::{Authority, Form, Leaf};

/// The ending of kubeadm's errors.
pub(super) const HINT: &str = "To see the stack trace of this error execute with --v=5 or higher\n";

/// One leaf, in the order of kubeadm's JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LeafRow {
    name: &'static str,
    expiration_date: Option<String>,
    residual_time: i64,
    externally_managed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_name: Option<&'static str>,
    missing: bool,
    #[serde(skip)]
    not_after: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityRow {
    name: &'static str,
    expiration_date: Option<String>,
    residual_time: i64,
    externally_managed: bool,
    missing: bool,
    #[serde(skip)]
    not_after: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    kind: &'static str,
    api_version: &'static str,
    certificates: Vec<LeafRow>,
    certificate_authorities: Vec<AuthorityRow>,
}

/// Answers `certs check-expiration [-o json]`.
pub(super) fn check(shell: &Shell<'_>, config: &Config, output: Option<&str>) -> Answer {
    let json = match output {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => return Answer::gap(format_args!("kubeadm certs check-expiration -o {other}")),
    };
    let warning = config.warning(shell.now());
    let preamble = if json { String::new() } else { config.preamble("check-expiration") };
    match read(shell, config) {
        Err(why) => Answer::fail(1, format!("{warning}error: {why}\n{HINT}")).stdout(preamble),
        Ok(info) if json => Answer::ok(four_spaces(&info)).stderr(warning),
        Ok(info) => Answer::ok(preamble).stdout(text(&info)).stderr(warning),
    }
}

fn read(shell: &Shell<'_>, config: &Config) -> Result<Info, String> {
    let now = (shell.now() / 1000).cast_signed();
    let mut certificates = Vec::new();
    for leaf in config.leaves() {
        let not_after = not_after(shell, config, leaf)?;
        certificates.push(LeafRow {
            name: leaf.name,
            expiration_date: not_after.map(rfc3339),
            residual_time: not_after.map_or(0, |t| t - now),
            externally_managed: not_after.is_some() && is_external(shell, config, leaf.authority),
            ca_name: not_after.map(|_| leaf.authority.name()),
            missing: not_after.is_none(),
            not_after: not_after.unwrap_or(0),
        });
    }
    let authority = |a: &Authority| {
        let pem = shell.text(&a.certificate(&config.cert_dir));
        let not_after = pem.as_deref().and_then(Seen::read).map(|seen| seen.dates.to);
        AuthorityRow {
            name: a.name(),
            expiration_date: not_after.map(rfc3339),
            residual_time: not_after.map_or(0, |t| t - now),
            externally_managed: not_after.is_some() && is_external(shell, config, *a),
            missing: not_after.is_none(),
            not_after: not_after.unwrap_or(0),
        }
    };
    Ok(Info {
        kind: "CertificateExpirationInfo",
        api_version: "output.kubeadm.k8s.io/v1alpha3",
        certificates,
        certificate_authorities: config.authorities().map(|a| authority(&a)).collect(),
    })
}

/// True when the CA's key is not on the node.
pub(super) fn is_external(shell: &Shell<'_>, config: &Config, authority: Authority) -> bool {
    !matches!(shell.read(&authority.key(&config.cert_dir)), Ok(Some(_)))
}

fn not_after(shell: &Shell<'_>, config: &Config, leaf: &Leaf) -> Result<Option<i64>, String> {
    Ok(existing(shell, config, leaf)?.and_then(|pem| Seen::read(&pem)).map(|seen| seen.dates.to))
}

/// The PEM of a leaf on the node; None when it is missing, kubeadm's words when it cannot be read.
pub(super) fn existing(shell: &Shell<'_>, config: &Config, leaf: &Leaf) -> Result<Option<String>, String> {
    let file = leaf.file(&config.cert_dir);
    let garbage = || {
        format!(
            "failed to load existing certificate {}: error reading {file}: data does not contain any valid RSA or \
             ECDSA certificates",
            leaf.name
        )
    };
    let bytes = match shell.read(&file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(_) => return Err(garbage()),
    };
    let text = String::from_utf8(bytes).map_err(|_| garbage())?;
    let pem = match leaf.form {
        Form::Pem => Some(text),
        Form::Kubeconfig => kubeconf::data(&text, "client-certificate-data"),
    };
    pem.filter(|pem| Seen::read(pem).is_some()).map(Some).ok_or_else(garbage)
}

fn four_spaces(info: &Info) -> String {
    let mut bytes = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, format);
    info.serialize(&mut serializer).expect("plain fields serialize to JSON");
    format!("{}\n", String::from_utf8_lossy(&bytes))
}

fn text(info: &Info) -> String {
    let managed = |external: bool| if external { "yes" } else { "no" };
    let mut rows =
        vec![row(["CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"])];
    rows.extend(info.certificates.iter().map(|c| {
        if c.missing {
            return row([&format!("!MISSING! {}", c.name), "", "", "", ""]);
        }
        let ca = c.ca_name.unwrap_or_default();
        let (date, left) = (kubeadm_date(c.not_after), short_duration(c.residual_time));
        row([c.name, &date, &left, ca, managed(c.externally_managed), ""])
    }));
    let mut authorities =
        vec![row(["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"])];
    authorities.extend(info.certificate_authorities.iter().map(|c| {
        if c.missing {
            return row([&format!("!MISSING! {}", c.name), "", "", ""]);
        }
        let (date, left) = (kubeadm_date(c.not_after), short_duration(c.residual_time));
        row([c.name, &date, &left, managed(c.externally_managed), ""])
    }));
    format!("{}\n{}", table(&rows, 8, 3), table(&authorities, 8, 3))
}
