//! The survey for programs: the object `certs` of schema 1 (docs/json-output.md).

use certwright_steps::certs::{Compared, Kind, Report, Row, compared};
use certwright_steps::kubeconfigs::Difference;
use serde_json::{Value, json};

use super::Survey;
use crate::json::document_of_many;

/// The object, as a line.
pub(crate) fn document(survey: &Survey) -> String {
    document_of_many("certs", head(survey), "hosts", survey.reports.iter().map(|report| host(report, survey)))
}

/// Its fields but for the hosts.
fn head(survey: &Survey) -> Value {
    let findings: Vec<Value> = survey
        .findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "severity": finding.severity.word(),
                "host": finding.subject.host,
                "certificate": finding.subject.certificate,
                "what": finding.what,
                "remedy": finding.remedy,
            })
        })
        .collect();
    json!({
        "looked_ms": survey.now.saturating_mul(1000),
        "within_s": survey.within_s,
        "exit": survey.exit().code(),
        "findings": findings,
        "kubeconfigs": compared(&survey.reports, survey.now).iter().map(kubeconfig).collect::<Vec<_>>(),
    })
}

/// One that could take the place of the workstation's.
fn kubeconfig(compared: &Compared) -> Value {
    let Compared { difference, judged, name } = compared;
    let later_s = difference.and_then(|difference| match difference {
        Difference::Certificate { later_s } => Some(later_s),
        Difference::Nothing => Some(0),
        Difference::Server | Difference::Authorities => None,
    });
    json!({
        "source": judged.source.word(),
        "host": judged.source.host(),
        "certificate": name,
        "is": difference.map_or("unreadable", Difference::word),
        "later_s": later_s,
        "replaces": judged.verdict.is_ok(),
        "what": judged.describe(),
    })
}

fn host(report: &Report, survey: &Survey) -> Value {
    let running: Vec<Value> = report
        .running
        .iter()
        .map(|running| {
            json!({
                "component": running.component.name(),
                "since_ms": running.since_ns.map(milliseconds),
                "newer": running.newer,
            })
        })
        .collect();
    json!({
        "host": report.host,
        "error": report.error.as_ref().map(|error| &error.message),
        "remedy": report.error.as_ref().and_then(|error| error.remedy.as_ref()),
        "clock_ahead_s": report.skew_s,
        "troubles": report.troubles,
        "certificates": report.rows.iter().map(|row| certificate(row, survey)).collect::<Vec<_>>(),
        "running": running,
    })
}

fn certificate(row: &Row, survey: &Survey) -> Value {
    let own = row.certificate.as_ref().ok();
    let served: Vec<Value> = row
        .served
        .iter()
        .map(|served| {
            json!({
                "at": served.at.to_string(),
                "fingerprint": served.fingerprint.as_ref().ok(),
                "error": served.fingerprint.as_ref().err(),
                "is_the_file": served.fingerprint.as_ref().ok() == own.map(|own| &own.fingerprint),
            })
        })
        .collect();
    let kind = match row.kind {
        Kind::Leaf => "leaf",
        Kind::Authority => "authority",
    };
    json!({
        "certificate": row.name,
        "path": row.path,
        "kind": kind,
        "user": row.user,
        "state": row.state(survey.now, survey.within_s).word(),
        "error": row.certificate.as_ref().err(),
        "not_before_ms": own.map(|own| own.not_before.saturating_mul(1000)),
        "not_after_ms": own.map(|own| own.not_after.saturating_mul(1000)),
        "residual_s": own.map(|own| own.residual(survey.now)),
        "subject": own.map(|own| &own.subject),
        "issuer": own.map(|own| &own.issuer),
        "serial": own.map(|own| &own.serial),
        "sans": own.map(|own| &own.sans),
        "usages": own.map(|own| &own.usages),
        "is_ca": own.map(|own| own.is_ca),
        "fingerprint": own.map(|own| &own.fingerprint),
        "key": row.key.word(),
        "signed_by": row.signed_by,
        "server": row.server,
        "written_ms": row.written_ns.map(milliseconds),
        "served": served,
    })
}

fn milliseconds(ns: i128) -> i64 {
    i64::try_from(ns.div_euclid(1_000_000)).unwrap_or(i64::MAX)
}
