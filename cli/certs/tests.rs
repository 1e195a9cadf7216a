//! Every output of a healthy and of an expired cluster, held against files: `tests/fixtures/certs/`.

use std::path::PathBuf;

use certwright_engine::clock::Clock;
use certwright_steps::certs::{Ask, IDS, Key, Kubeconfigs, Report, Row, look, workstation};
use certwright_steps::lab::{Lab, LabSpec, Validity};
use certwright_steps::pki::Certificate;
use certwright_steps::tools::collect::Keys;
use expect_test::expect_file;

use super::{Survey, csv, json, markdown, prometheus};
use crate::exit::Exit;
use crate::human::certs::{Width, findings, lines, matrix};
use crate::terminal::{Paint, Terminal};

/// 2026-11-24T21:30:00Z.
const NOW_MS: u64 = 1_795_555_800_000;

const RENEW: &str = "certwright run renew-control-plane --inventory prod-1.toml";

const PLAIN: Terminal = Terminal { width: None, paint: Paint::Plain, live: false };

/// A cluster in a lab of which all was asked, and one host that cannot be reached.
async fn survey(validity: Validity) -> Survey {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::virtual_from(NOW_MS);
    let spec = LabSpec::default().certificates(validity);
    let lab = Lab::create(dir.path().join("lab"), &spec, &clock).expect("a lab");
    let host = |name: &str| lab.host(name, clock.clone()).expect("a host");
    let mut reports = Vec::new();
    for name in ["cp-1", "cp-2"] {
        reports.push(look(host(name).as_ref(), &clock, Keys::Asked, Ask::Running, None).await);
    }
    if validity == Validity::Expired {
        reports.push(Report::failed("cp-3", "cp-3 could not be reached: \"no\", they say", None));
    }
    reports.push(workstation(host("workstation").as_ref(), &spec.cluster, Kubeconfigs::All).await);
    Survey::new(reports, i64::try_from(NOW_MS / 1000).expect("it fits"), 30 * 86_400, RENEW)
}

/// Keys are made anew for every lab, and fingerprints follow from them.
fn masked(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_hex) {
        let run = rest[start..].find(|c| !is_hex(c)).unwrap_or(rest.len() - start);
        out.push_str(&rest[..start]);
        out.push_str(if run == 64 { "DIGEST" } else { &rest[start..start + run] });
        rest = &rest[start + run..];
    }
    out + rest
}

/// Every finding there is: some made in the files of a lab, the others in its rows.
async fn ill() -> Survey {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::virtual_from(NOW_MS);
    let spec = LabSpec::default().certificates(Validity::Valid);
    let [lab, other] = ["lab", "other"].map(|name| {
        let lab = Lab::create(dir.path().join(name), &spec, &clock).expect("a lab");
        (lab, dir.path().join(name))
    });
    // All that is written here was written a second ago, by the lab's clock.
    let later = std::time::UNIX_EPOCH + std::time::Duration::from_millis(NOW_MS - 1000);
    let date = |path: &PathBuf| {
        let file = std::fs::File::options().append(true).open(path).expect("a file");
        file.set_modified(later).expect("its time");
    };
    let write = |to: &str, content: &[u8]| {
        let path = lab.1.join(to);
        std::fs::write(&path, content).expect("a file");
        date(&path);
    };
    let copy = |from: PathBuf, to: &str| write(to, &std::fs::read(from).expect("a file"));
    let pki = "etc/kubernetes/pki";
    // missing, unreadable, key-mismatch, copied and san-missing, wrong-authority with nodes-differ, wrong-trust, incomplete.
    std::fs::remove_file(lab.1.join(format!("cp-1/{pki}/apiserver-kubelet-client.crt")))
        .expect("it was there");
    write(&format!("cp-1/{pki}/front-proxy-client.crt"), b"garbage");
    copy(lab.1.join(format!("cp-1/{pki}/sa.key")), &format!("cp-1/{pki}/etcd/peer.key"));
    for extension in ["crt", "key"] {
        copy(
            lab.1.join(format!("cp-1/{pki}/etcd/server.{extension}")),
            &format!("cp-2/{pki}/etcd/server.{extension}"),
        );
        copy(
            other.1.join(format!("cp-1/{pki}/front-proxy-ca.{extension}")),
            &format!("cp-2/{pki}/front-proxy-ca.{extension}"),
        );
    }
    copy(other.1.join("cp-1/etc/kubernetes/admin.conf"), "cp-2/etc/kubernetes/admin.conf");
    copy(
        other.1.join("workstation/bmctl-workspace/lab/lab-kubeconfig"),
        "workstation/bmctl-workspace/lab/lab-kubeconfig",
    );
    write("cp-2/etc/kubernetes/manifests/kube-scheduler.yaml", b"spec: [");
    // clock-skew, older-than-file.
    lab.0.inject("clock-off=-120@cp-2".parse().expect("a fault")).expect("it takes it");
    date(&lab.1.join("cp-1/etc/kubernetes/controller-manager.conf"));
    let host = |name: &str| lab.0.host(name, clock.clone()).expect("a host");
    let mut reports = Vec::new();
    for name in ["cp-1", "cp-2"] {
        reports.push(look(host(name).as_ref(), &clock, Keys::Asked, Ask::Running, None).await);
    }
    reports.push(Report::failed("cp-3", "cp-3 could not be reached: no route to host", None));
    reports.push(workstation(host("workstation").as_ref(), &spec.cluster, Kubeconfigs::All).await);
    spoil(&mut reports);
    Survey::new(reports, i64::try_from(NOW_MS / 1000).expect("it fits"), 30 * 86_400, RENEW)
}

/// What a lab does not provoke: expired, within, not-yet-valid, ca-ends-first, usage-missing, not-served, port-silent,
/// not-running, forgotten, keys-not-compared.
fn spoil(reports: &mut [Report]) {
    let now = i64::try_from(NOW_MS / 1000).expect("it fits");
    let mut row = |host: usize, name: &str, change: &dyn Fn(&mut Row, &mut Certificate)| {
        let row = reports[host].rows.iter_mut().find(|row| row.name == name).expect(name);
        let mut certificate = row.certificate.clone().expect(name);
        change(row, &mut certificate);
        row.certificate = Ok(certificate);
    };
    row(0, "admin.conf", &|_, certificate| certificate.not_after = now - 3 * 86_400);
    row(0, "scheduler.conf", &|_, certificate| certificate.not_after = now + 7 * 86_400);
    row(0, "super-admin.conf", &|_, certificate| certificate.not_before = now + 3600);
    row(0, "apiserver-etcd-client", &|row, _| row.signer_ends = Some(now + 20 * 86_400));
    row(0, "apiserver", &|_, certificate| certificate.usages = vec!["clientAuth".to_owned()]);
    row(0, "etcd-healthcheck-client", &|_, certificate| certificate.not_after = now + 90 * 86_400);
    row(0, "kubelet-serving", &|row, _| row.key = Key::NoOpenssl);
    row(1, "etcd-peer", &|row, _| row.served[0].fingerprint = Err("connection refused".to_owned()));
    row(1, "apiserver", &|row, certificate| row.served[0].fingerprint = Ok(certificate.public_key));
    reports[1].running[2].since_ns = None;
}

#[tokio::test(start_paused = true)]
async fn every_output_says_the_same_of_a_healthy_an_expired_and_an_ill_cluster_as_it_always_did() {
    for (name, validity) in
        [("healthy", Some(Validity::Valid)), ("expired", Some(Validity::Expired)), ("ill", None)]
    {
        let survey = match validity {
            Some(validity) => survey(validity).await,
            None => ill().await,
        };
        let said = findings(&survey, PLAIN);
        let each = |width| lines(&survey.reports, width, &survey, PLAIN) + "\n" + &said;
        let table = matrix(&survey, PLAIN).expect("three hosts fit") + "\n" + &said;
        let mut body: serde_json::Value = serde_json::from_str(&json::document(&survey)).expect("JSON");
        for said in ["schema", "type"] {
            body.as_object_mut().expect("an object").remove(said).expect("each document says it");
        }
        let pretty = serde_json::to_string_pretty(&body).expect("JSON") + "\n";
        for (file, text) in [
            ("table.txt", table),
            ("narrow.txt", each(Width::Narrow)),
            ("wide.txt", each(Width::Wide)),
            ("json", pretty),
            ("md", markdown::text(&survey)),
            ("csv", csv::text(&survey)),
            ("prom", prometheus::text(&survey)),
        ] {
            assert!(text.is_ascii(), "{name}.{file}");
            let path =
                PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/certs/{name}.{file}"));
            expect_file![path].assert_eq(&masked(&text));
        }
        let exit = if validity == Some(Validity::Valid) { Exit::Done } else { Exit::Expired };
        assert_eq!(survey.exit(), exit);
        if validity.is_none() {
            let told = |id: &str| survey.findings.iter().any(|finding| finding.id == id);
            let untold: Vec<&str> = IDS.iter().map(|(id, _)| *id).filter(|id| !told(id)).collect();
            assert!(untold.is_empty(), "{untold:?} are never provoked");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_matrix_that_does_not_fit_gives_way_and_colours_are_for_terminals() {
    let survey = survey(Validity::Expiring).await;
    assert_eq!(survey.exit(), Exit::Warned);
    let narrow = Terminal { width: Some(40), ..PLAIN };
    assert_eq!(matrix(&survey, narrow), None);
    let coloured = Terminal { width: Some(100), paint: Paint::Colours, live: true };
    let text = matrix(&survey, coloured).expect("it fits") + &findings(&survey, coloured);
    assert!(text.contains("\u{1b}[33m4d !\u{1b}[0m") && text.contains("\u{1b}[32m364d\u{1b}[0m"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn no_two_samples_have_the_same_labels() {
    let mut survey = survey(Validity::Valid).await;
    // A bundle that holds one authority twice.
    let twice = survey.reports[0].rows.last().expect("a row").clone();
    survey.reports[0].rows.push(twice);
    let text = prometheus::text(&survey);
    let mut samples: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(s, _)| s)
        .collect();
    let all = samples.len();
    samples.sort_unstable();
    samples.dedup();
    assert_eq!(samples.len(), all);
    // The text format wants HELP and TYPE once, before the samples of a metric.
    for name in ["x509_cert_not_after", "x509_cert_not_before", "x509_cert_expired", "x509_read_errors"] {
        assert_eq!(text.matches(&format!("# TYPE {name} gauge\n")).count(), 1, "{name}");
    }
}

#[test]
fn every_line_of_the_csv_has_as_many_cells_as_the_header() {
    let reports = vec![Report::failed("a,b", "x \"y\"\nz", None)];
    let text = csv::text(&Survey::new(reports, 0, 0, RENEW));
    let (header, rest) = text.split_once('\n').expect("a header");
    assert_eq!(header.split(',').count(), 15);
    assert_eq!(rest, "\"a,b\",,,unreachable,,,,\"x \"\"y\"\"\\nz\",,,,,,,\n");
}
