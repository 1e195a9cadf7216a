//! What is to be said of one host as a whole.

use super::Wanted;
use crate::certs::finding::{Finding, Severity};
use crate::certs::node::Report;
use crate::certs::row::{Key, Row, Running};
use crate::span::span;

/// The findings of a host.
pub(super) fn findings(report: &Report, wanted: &Wanted<'_>) -> Vec<Finding> {
    let host = report.host.as_str();
    let finding = |id, severity, what, remedy: &str| Finding::new(id, severity, host, None, what, remedy);
    let mut findings = Vec::new();
    if let Some(error) = &report.error {
        let remedy = error.remedy.as_deref().unwrap_or("`certwright doctor` looks closer");
        findings.push(finding("unreachable", Severity::Warn, error.message.clone(), remedy));
    }
    for trouble in &report.troubles {
        let remedy = if trouble.ends_with("permission denied") {
            "this user may not read it: look as root (`sudo certwright certs`)"
        } else {
            "what hangs on it was left out"
        };
        findings.push(finding("incomplete", Severity::Warn, format!("{host}: {trouble}"), remedy));
    }
    if let Some(skew) = report.skew_s.filter(|skew| skew.saturating_abs() > wanted.skew_s) {
        let way = if skew > 0 { "ahead of" } else { "behind" };
        let what = format!("{host}: its clock is {} {way} this machine's", span(skew));
        let remedy = "set both clocks by NTP: certificates are judged and issued by them";
        findings.push(finding("clock-skew", Severity::Warn, what, remedy));
    }
    if report.rows.iter().any(|row| row.key == Key::NoOpenssl) {
        let what = format!("{host}: it has no openssl, so keys were not compared with certificates");
        findings.push(finding("keys-not-compared", Severity::Note, what, "install openssl there"));
    }
    let closed = report.rows.iter().filter(|row| row.key == Key::Refused).count();
    if closed > 0 {
        let keys = if closed == 1 { "a private key".to_owned() } else { format!("{closed} private keys") };
        let what =
            format!("{host}: this user may not read {keys}, so they were not compared with certificates");
        let remedy = "look as root (`sudo certwright certs`), or leave keys alone by --no-keys";
        findings.push(finding("keys-not-compared", Severity::Note, what, remedy));
    }
    findings.extend(report.running.iter().filter_map(|running| age(report, running, wanted)));
    findings
}

/// Whether a component holds on to what it read before its files were written.
fn age(report: &Report, running: &Running, wanted: &Wanted<'_>) -> Option<Finding> {
    let (host, name) = (report.host.as_str(), running.component.name());
    if running.since_ns.is_none() {
        let what = format!("{host}: {name} has a manifest and no running container");
        let remedy = "see `certwright doctor`";
        return Some(Finding::new("not-running", Severity::Warn, host, None, what, remedy));
    }
    let first = running.newer.first()?;
    let more = match running.newer.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let what = format!("{host}: {name} has run since before {first}{more} was written");
    let remedy = format!("restart it: `{}` does, one node at a time", wanted.renew);
    // etcd and the API server read renewed files by themselves; what they serve tells.
    let read: Vec<&Row> = report.rows.iter().filter(|row| row.readers.contains(&running.component)).collect();
    let mut served =
        read.iter().flat_map(|row| row.served.iter().map(move |served| (*row, served))).peekable();
    let has_file = |(row, served): (&Row, &crate::certs::row::Served)| {
        let own = row.certificate.as_ref().ok().map(|certificate| certificate.fingerprint);
        served.fingerprint.as_ref().ok() == own.as_ref()
    };
    let fresh = running.component.is_front() && served.peek().is_some() && served.all(has_file);
    let severity = if fresh { Severity::Note } else { Severity::Warn };
    Some(Finding::new("older-than-file", severity, host, None, what, remedy))
}
