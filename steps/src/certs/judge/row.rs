//! What is to be said of one certificate.

use certwright_engine::plan::WORKSTATION;

use super::Wanted;
use crate::certs::finding::{Finding, Severity};
use crate::certs::node::Report;
use crate::certs::row::{Key, Kind, Row};
use crate::pki::{Authority, Certificate};
use crate::span::span;

/// The findings of a row.
pub(super) fn findings(row: &Row, report: &Report, wanted: &Wanted<'_>) -> Vec<Finding> {
    let certificate = match &row.certificate {
        Ok(certificate) => certificate,
        Err(why) => return vec![unreadable(row, why)],
    };
    let mut findings: Vec<Finding> = dates(row, certificate, wanted).into_iter().collect();
    findings.extend(ends_first(row, certificate, wanted));
    findings.extend(key(row, wanted));
    findings.extend(authority(row, report));
    findings.extend(usages(row, certificate));
    findings.extend(names(row, certificate));
    findings.extend(served(row, certificate, wanted));
    findings
}

fn finding(
    row: &Row,
    id: &'static str,
    severity: Severity,
    what: String,
    remedy: impl Into<String>,
) -> Finding {
    Finding::new(id, severity, &row.host, Some(&row.name), what, remedy)
}

/// `cp-1: apiserver`; of a further user of a kubeconfig its name, too.
pub(super) fn title(row: &Row) -> String {
    match row.user.as_deref().filter(|_| row.name.ends_with(']')) {
        Some(user) => format!("{}: {} of user {user}", row.host, row.name),
        None => format!("{}: {}", row.host, row.name),
    }
}

fn unreadable(row: &Row, why: &str) -> Finding {
    let what = format!("{} {why} ({})", title(row), row.path);
    if row.is_missing() {
        finding(row, "missing", Severity::Warn, what, restored(row))
    } else if why.ends_with("permission denied") {
        let remedy = "this user may not read it: look as root (`sudo certwright certs`)";
        finding(row, "unreadable", Severity::Warn, what, remedy)
    } else {
        let remedy = "look at the file; a backup or another node has what belongs there";
        finding(row, "unreadable", Severity::Warn, what, remedy)
    }
}

/// Where a file that is missing is got from.
fn restored(row: &Row) -> &'static str {
    match row.kind {
        Kind::Authority => {
            "copy it from another control-plane node or a backup, with its key where that node has it; a new one would be \
             trusted by no other node"
        }
        Kind::Leaf if row.host == WORKSTATION => {
            "copy /etc/kubernetes/admin.conf of a control-plane node there, or see that the inventory names the right file"
        }
        Kind::Leaf => "restore it from a backup, or make it again with `kubeadm init phase`",
    }
}

/// The name of the file that a row stands in: `ca` for `ca[2]`.
fn base(row: &Row) -> &str {
    row.name.split('[').next().unwrap_or_default()
}

/// Whether it is one of the authorities that kubeadm makes and its nodes share.
fn is_shared_authority(row: &Row) -> bool {
    row.kind == Kind::Authority && Authority::ALL.into_iter().any(|authority| authority.name() == base(row))
}

fn dates(row: &Row, certificate: &Certificate, wanted: &Wanted<'_>) -> Option<Finding> {
    let (now, title, path) = (wanted.now, title(row), &row.path);
    let left = certificate.residual(now);
    if certificate.is_expired(now) {
        let what = format!("{title} expired {} ago ({path})", span(left));
        Some(finding(row, "expired", Severity::Expired, what, remedy(row, wanted)))
    } else if certificate.is_not_yet_valid(now) {
        let early = span(certificate.not_before - now);
        let what = format!("{title} is not valid for another {early} ({path})");
        Some(finding(
            row,
            "not-yet-valid",
            Severity::Warn,
            what,
            "compare the clocks of workstation and node",
        ))
    } else if left <= wanted.within_s {
        let what = format!("{title} ends in {} ({path})", span(left));
        Some(finding(row, "within", Severity::Warn, what, remedy(row, wanted)))
    } else {
        None
    }
}

/// What renews a certificate.
fn remedy(row: &Row, wanted: &Wanted<'_>) -> String {
    match base(row) {
        _ if is_shared_authority(row) => "rotate the cluster's CA; a renewal cannot mend this".to_owned(),
        "kubelet-client" | "kubelet-client-current" | "kubelet-server" | "kubelet-serving" => {
            "see `certwright doctor`: the kubelet rotates it while it reaches the API server".to_owned()
        }
        _ if row.host == WORKSTATION && row.name.ends_with(']') => {
            "ask whoever gave it out for a new one, or take the entry out of the file: a renewal leaves it alone"
                .to_owned()
        }
        _ if row.is_stray => {
            "it is none of kubeadm's, and a renewal leaves it alone: ask whoever put it there, or remove it".to_owned()
        }
        _ => wanted.renew.to_owned(),
    }
}

fn ends_first(row: &Row, certificate: &Certificate, wanted: &Wanted<'_>) -> Option<Finding> {
    let ends = row.signer_ends.filter(|ends| *ends < certificate.not_after && *ends >= wanted.now)?;
    let signer = row.signed_by.as_deref()?;
    let what = format!(
        "{} would last for {}, and {signer} that signed it ends in {}",
        title(row),
        span(certificate.residual(wanted.now)),
        span(ends - wanted.now)
    );
    Some(finding(row, "ca-ends-first", Severity::Warn, what, "rotate the cluster's CA before then"))
}

fn key(row: &Row, wanted: &Wanted<'_>) -> Option<Finding> {
    let what = match (row.key, row.kind) {
        (Key::Matches | Key::NotLookedAt | Key::NoOpenssl | Key::Refused, _)
        | (Key::Missing, Kind::Authority) => {
            return None;
        }
        (Key::Differs, _) => "does not match the private key that is kept for it",
        (Key::Missing, Kind::Leaf) => "has no private key",
        (Key::Unreadable, _) => "has a private key that cannot be read",
    };
    let what = format!("{} {what} ({})", title(row), row.path);
    let remedy = match row.kind {
        Kind::Leaf => format!("renew it: both are made anew (`{}`)", wanted.renew),
        _ if row.is_stray => "see with another copy which of the two is right, or remove both".to_owned(),
        Kind::Authority => "make both the same CA's: compare with another control-plane node".to_owned(),
    };
    Some(finding(row, "key-mismatch", Severity::Warn, what, remedy))
}

fn authority(row: &Row, report: &Report) -> Vec<Finding> {
    let mut findings = Vec::new();
    let readable =
        |name: &str| report.rows.iter().any(|other| other.name == name && other.certificate.is_ok());
    if let Some(expected) = row.expected.filter(|authority| readable(authority.name())) {
        // A bundle of authorities during a rotation: `ca`, `ca[2]`.
        let by = row.signed_by.as_deref();
        let is_expected = |by: &str| by.split('[').next() == Some(expected.name());
        if !by.is_some_and(is_expected) {
            let name = expected.name();
            let what = match by {
                Some(by) => format!("{} is signed by {by}, not by {name}", title(row)),
                None => {
                    format!("{} is not signed by {name}, nor by another authority of this node", title(row))
                }
            };
            let remedy =
                "find out whose certificate it is; files of another node or cluster were copied here";
            findings.push(finding(row, "wrong-authority", Severity::Warn, what, remedy));
        }
    }
    let own: Vec<_> = authorities(report, "ca").collect();
    if !row.trusts.is_empty() && !own.is_empty() {
        let known = |trusted: &Certificate| own.iter().any(|ca| ca.public_key == trusted.public_key);
        if !row.trusts.iter().any(known) {
            let subjects: Vec<&str> = row.trusts.iter().map(|ca| ca.subject.as_str()).collect();
            let what = format!(
                "{} trusts another authority ({}) than this node's ca",
                title(row),
                subjects.join("; ")
            );
            let remedy = "it belongs to another cluster, or the CA was rotated without it";
            findings.push(finding(row, "wrong-trust", Severity::Warn, what, remedy));
        }
    }
    findings
}

/// The certificates of an authority of a host, those of its bundle too.
pub(super) fn authorities<'a>(report: &'a Report, name: &'a str) -> impl Iterator<Item = &'a Certificate> {
    let named = move |row: &&Row| row.kind == Kind::Authority && row.name.split('[').next() == Some(name);
    report.rows.iter().filter(named).filter_map(|row| row.certificate.as_ref().ok())
}

fn usages(row: &Row, certificate: &Certificate) -> Option<Finding> {
    let has = |usage: &str| certificate.usages.iter().any(|own| own == usage || own == "anyExtendedKeyUsage");
    // Without the extension a certificate is for everything (RFC 5280).
    let lacking = row.usages.iter().find(|usage| !certificate.usages.is_empty() && !has(usage))?;
    let what = format!("{} is not for {lacking} ({})", title(row), certificate.usages.join(", "));
    Some(finding(
        row,
        "usage-missing",
        Severity::Warn,
        what,
        "issue it again with kubeadm; a renewal keeps its usages",
    ))
}

fn names(row: &Row, certificate: &Certificate) -> Option<Finding> {
    let lacking: Vec<&str> =
        row.reached_by.iter().map(String::as_str).filter(|name| !certificate.covers(name)).collect();
    (!lacking.is_empty()).then(|| lacks_names(row, certificate, &lacking))
}

/// The finding of a server's certificate that lacks names it is reached by.
pub(super) fn lacks_names(row: &Row, certificate: &Certificate, lacking: &[&str]) -> Finding {
    let sans = if certificate.sans.is_empty() { "none".to_owned() } else { certificate.sans.join(", ") };
    let what =
        format!("{} is reached by {}, which is not among its SANs ({sans})", title(row), lacking.join(", "));
    let remedy = "remove it and make it again with `kubeadm init phase certs`; a renewal keeps its SANs";
    finding(row, "san-missing", Severity::Warn, what, remedy)
}

fn served(row: &Row, certificate: &Certificate, wanted: &Wanted<'_>) -> Vec<Finding> {
    let one = |served: &crate::certs::row::Served| match &served.fingerprint {
        Ok(fingerprint) if *fingerprint == certificate.fingerprint => None,
        Ok(_) => {
            let what = format!("{}: {} serves another certificate than {}", row.host, served.at, row.path);
            let remedy = format!("restart the component: `{}` does, one node at a time", wanted.renew);
            Some(finding(row, "not-served", Severity::Warn, what, remedy))
        }
        Err(why) => {
            let what = format!("{}: {} should serve {}: {why}", row.host, served.at, row.path);
            Some(finding(row, "port-silent", Severity::Warn, what, "see `certwright doctor`"))
        }
    };
    row.served.iter().filter_map(one).collect()
}
