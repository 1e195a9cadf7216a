//! Every output of a healthy and of an expired cluster, held against files: `tests/fixtures/certs/`.

use std::path::PathBuf;

use certwright_engine::clock::Clock;
use certwright_steps::certs::{Ask, Kubeconfigs, Report, look, workstation};
use certwright_steps::lab::{Lab, LabSpec, Validity};
use certwright_steps::tools::collect::Keys;
use expect_test::expect_file;

use super::{Survey, csv, json, markdown, prometheus};
use crate::exit::Exit;
use crate::human::certs::{Width, findings, lines, matrix};
use crate::terminal::{Paint, Terminal};

/// 2026-11-24T21:30:00Z.
const NOW_MS: u64 = 1_795_555_800_000;

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
        reports.push(look(host(name).as_ref(), &clock, Keys::Asked, Ask::Running).await);
    }
    if validity == Validity::Expired {
        reports.push(Report::failed("cp-3", "cp-3 could not be reached: \"no\", they say", None));
    }
    reports.push(workstation(host("workstation").as_ref(), &spec.cluster, Kubeconfigs::All).await);
    Survey::new(reports, i64::try_from(NOW_MS / 1000).expect("it fits"), 30 * 86_400)
}

/// Lines as git keeps them; all of them ended as the RFC wants.
fn unix(text: &str) -> String {
    assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
    text.replace("\r\n", "\n")
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

#[tokio::test(start_paused = true)]
async fn every_output_says_the_same_of_a_healthy_and_of_an_expired_cluster_as_it_always_did() {
    for (name, validity) in [("healthy", Validity::Valid), ("expired", Validity::Expired)] {
        let survey = survey(validity).await;
        let said = findings(&survey, PLAIN);
        let each = |width| lines(&survey.reports, width, &survey, PLAIN) + "\n" + &said;
        let table = matrix(&survey, PLAIN).expect("three hosts fit") + "\n" + &said;
        let pretty = serde_json::to_string_pretty(&json::body(&survey)).expect("JSON") + "\n";
        for (file, text) in [
            ("table.txt", table),
            ("narrow.txt", each(Width::Narrow)),
            ("wide.txt", each(Width::Wide)),
            ("json", pretty),
            ("md", markdown::text(&survey)),
            ("csv", unix(&csv::text(&survey))),
            ("prom", prometheus::text(&survey)),
        ] {
            assert!(text.is_ascii(), "{name}.{file}");
            let path =
                PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/certs/{name}.{file}"));
            expect_file![path].assert_eq(&masked(&text));
        }
        let exit = if validity == Validity::Valid { Exit::Done } else { Exit::Expired };
        assert_eq!(survey.exit(), exit);
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
    let text = csv::text(&Survey::new(reports, 0, 0));
    let (header, rest) = text.split_once("\r\n").expect("a header");
    assert_eq!(header.split(',').count(), 15);
    assert_eq!(rest, "\"a,b\",,,unreachable,,,,\"x \"\"y\"\"\nz\",,,,,,,\r\n");
}
