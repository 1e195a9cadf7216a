//! Findings over rows that were made for them.

use certwright_engine::host::dial::Endpoint;

use super::*;
use crate::certs::finding::{IDS, Severity};
use crate::certs::row::{Key, Row, Running, Served};
use crate::pki::{Certificate, Component};
use crate::tools::testing::TestCa;

const DAY: i64 = 86_400;

/// `id host/certificate` of each finding.
fn told(findings: &[Finding]) -> Vec<String> {
    let name = |finding: &Finding| match &finding.subject.certificate {
        Some(certificate) => format!("{} {}/{certificate}", finding.id, finding.subject.host),
        None => format!("{} {}", finding.id, finding.subject.host),
    };
    findings.iter().map(name).collect()
}

/// A row with nothing wrong, to be spoilt.
fn row(name: &str) -> (Row, Certificate) {
    let ca = TestCa::new("kubernetes");
    let certificate = Certificate::from_pem(ca.leaf(name, 2028).0.as_bytes()).unwrap();
    (Row::new("cp-1", name, "/x.crt", Ok(certificate.clone())), certificate)
}

fn report(host: &str, rows: Vec<Row>) -> Report {
    Report { rows, ..Report::new(host) }
}

#[test]
fn what_a_lab_does_not_provoke_is_found_in_rows() {
    let now = 1_795_555_800;
    let wanted = Wanted { now, within_s: 30 * DAY, skew_s: 30, renew: "renew" };
    let check = |change: &dyn Fn(&mut Row, &mut Certificate), expected: &[&str]| {
        let (mut row, mut certificate) = row("apiserver");
        change(&mut row, &mut certificate);
        row.certificate = Ok(certificate);
        assert_eq!(told(&judge(&[report("cp-1", vec![row])], &wanted)), expected);
    };
    check(&|_, _| {}, &[]);
    check(&|_, certificate| certificate.not_before = now + 60, &["not-yet-valid cp-1/apiserver"]);
    check(&|_, certificate| certificate.not_after = now, &["within cp-1/apiserver"]);
    check(&|_, certificate| certificate.not_after = now - 1, &["expired cp-1/apiserver"]);
    check(&|_, certificate| certificate.not_after = now + 30 * DAY + 1, &[]);
    let signer = |row: &mut Row, ends: i64| {
        row.signed_by = Some("ca".to_owned());
        row.signer_ends = Some(ends);
    };
    check(&|row, certificate| signer(row, certificate.not_after - 1), &["ca-ends-first cp-1/apiserver"]);
    check(&|row, certificate| signer(row, certificate.not_after), &[]);
    check(&|row, _| row.usages = vec!["serverAuth", "clientAuth"], &[]);
    check(
        &|row, certificate| {
            row.usages = vec!["serverAuth"];
            certificate.usages = vec!["clientAuth".to_owned()];
        },
        &["usage-missing cp-1/apiserver"],
    );
    check(
        &|row, certificate| {
            row.usages = vec!["serverAuth"];
            certificate.usages = Vec::new();
        },
        &[],
    );
    check(&|row, _| row.key = Key::NoOpenssl, &["keys-not-compared cp-1"]);
    check(&|row, _| row.key = Key::Unreadable, &["key-mismatch cp-1/apiserver"]);
    for (name, covered) in [
        ("apiserver.example", true),
        ("APISERVER.example.", true),
        ("10.0.0.2", true),
        ("10.0.0.3", false),
        ("other.example", false),
    ] {
        let expected: &[&str] = if covered { &[] } else { &["san-missing cp-1/apiserver"] };
        check(&|row, _| row.reached_by = vec![name.to_owned()], expected);
    }
    let wildcard = |row: &mut Row, certificate: &mut Certificate, name: &str| {
        row.reached_by = vec![name.to_owned()];
        certificate.sans = vec!["DNS:*.example".to_owned()];
    };
    check(&|row, certificate| wildcard(row, certificate, "a.example"), &[]);
    check(&|row, certificate| wildcard(row, certificate, "a.b.example"), &["san-missing cp-1/apiserver"]);
}

#[test]
fn a_node_that_was_forgotten_is_a_note_and_an_api_server_that_serves_its_new_file_is_one_too() {
    let now = 1_795_555_800;
    let wanted = Wanted { now, within_s: 30 * DAY, skew_s: 30, renew: "renew" };
    let ends = |host: &str, at: i64| {
        let (mut row, mut certificate) = row("apiserver");
        host.clone_into(&mut row.host);
        certificate.not_after = at;
        row.certificate = Ok(certificate);
        report(host, vec![row])
    };
    let findings = judge(&[ends("cp-1", now + 400 * DAY), ends("cp-2", now + 339 * DAY)], &wanted);
    assert_eq!(told(&findings), ["forgotten cp-2/apiserver"]);
    assert_eq!(findings[0].severity, Severity::Note);
    let findings = judge(&[ends("cp-1", now + 400 * DAY), ends("cp-2", now + 341 * DAY)], &wanted);
    assert_eq!(told(&findings), Vec::<String>::new());

    let mut one = ends("cp-1", now + 400 * DAY);
    let newer = vec!["/x.crt".to_owned()];
    one.running = vec![Running { component: Component::KubeApiserver, since_ns: Some(1), newer }];
    one.rows[0].readers = vec![Component::KubeApiserver];
    let severity = |report: &Report| {
        let findings = judge(std::slice::from_ref(report), &wanted);
        assert_eq!(findings[0].id, "older-than-file");
        findings[0].severity
    };
    assert_eq!(severity(&one), Severity::Warn, "nothing is known of what it serves");
    let own = one.rows[0].certificate.as_ref().unwrap().fingerprint;
    one.rows[0].served = vec![Served { at: Endpoint::new("127.0.0.1", 6443), fingerprint: Ok(own) }];
    assert_eq!(severity(&one), Severity::Note);
    one.running[0].component = Component::KubeScheduler;
    one.rows[0].readers = vec![Component::KubeScheduler];
    assert_eq!(severity(&one), Severity::Warn, "a scheduler never reads again");
}

#[test]
fn every_finding_has_an_id_that_is_documented_once() {
    let mut ids: Vec<&str> = IDS.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all);
}
