//! Names that a host gives to its files: each reaches rows and findings as one line that no terminal obeys.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use certwright_engine::text::line;

use super::super::*;
use super::{Bench, told};
use crate::lab::Validity;
use crate::tools::collect::{Keys, Tree};
use crate::tools::testing::{FolderHost, TestCa};

/// Names of files, and whether they can be looked at.
const NAMES: [(&[u8], bool); 8] = [
    (b"esc\x1b[31m.pem", true),
    (b"bel\x07.pem", true),
    (b"cr\r.pem", true),
    (b"tab\t.pem", true),
    ("turn\u{202e}.pem".as_bytes(), true),
    ("c1\u{9b}31m.pem".as_bytes(), true),
    (b"line\nWARN.pem", false),
    (b"latin\xff\x1b[2J.pem", false),
];

fn plain(text: &str) {
    assert_eq!(line(text), text);
}

#[tokio::test(start_paused = true)]
async fn hostile_names_of_files_are_lines_that_no_terminal_obeys_whoever_tells_them() {
    let bench = Bench::new(Validity::Valid);
    let pki = bench.path("cp-1", "/etc/kubernetes/pki");
    let (certificate, _) = TestCa::new("other").leaf("x", 2026);
    for (name, _) in NAMES {
        fs::write(pki.join(OsStr::from_bytes(name)), &certificate).unwrap();
    }
    bench.edit(
        "cp-1",
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "--tls-cert-file=/etc/kubernetes/pki/apiserver.crt",
        "\"--tls-cert-file=/etc/kubernetes/pki/apiserver\\e[31m.crt\"",
    );
    bench.copy(
        ("cp-1", "/etc/kubernetes/pki/apiserver.crt"),
        ("cp-1", "/etc/kubernetes/pki/apiserver\u{1b}[31m.crt"),
    );
    let root = bench.path("cp-1", "/");
    let over_ssh =
        look(&FolderHost { root: root.clone(), shims: None }, &bench.clock, Keys::Asked, Ask::Files, None)
            .await;
    let in_lab = look(bench.host("cp-1").as_ref(), &bench.clock, Keys::Asked, Ask::Files, None).await;
    let (in_folder, _) = tree("cp\u{1b}[31m\n1", &Tree::open(&root).unwrap(), Keys::Asked);
    assert_eq!(in_folder.host, "cp\\u{1b}[31m\\n1");
    for report in [over_ssh, in_lab, in_folder] {
        let named = |name: &[u8]| {
            let shown = line(&String::from_utf8_lossy(name));
            report
                .rows
                .iter()
                .any(|row| row.name == shown && row.path == format!("/etc/kubernetes/pki/{shown}"))
        };
        for (name, is_looked_at) in NAMES {
            assert_eq!(named(name), is_looked_at, "{}", String::from_utf8_lossy(name));
        }
        assert!(
            report
                .rows
                .iter()
                .any(|row| row.path.ends_with("/apiserver\\u{1b}[31m.crt") && row.certificate.is_ok())
        );
        for row in &report.rows {
            for text in [&row.host, &row.name, &row.path] {
                plain(text);
            }
        }
        for trouble in &report.troubles {
            plain(trouble);
        }
        let findings = judge(std::slice::from_ref(&report), &bench.wanted());
        let expired = told(&findings).iter().filter(|told| told.starts_with("expired ")).count();
        assert_eq!(expired, NAMES.iter().filter(|(_, is_looked_at)| *is_looked_at).count());
        for finding in &findings {
            plain(&finding.what);
            plain(&finding.remedy);
        }
    }
}

#[test]
fn what_a_port_is_reached_by_is_told_as_one_harmless_line() {
    let finding = Finding::new("san-missing", Severity::Warn, "cp-1", None, "by \u{1b}[31mx\ny", "a\rb");
    assert_eq!((finding.what.as_str(), finding.remedy.as_str()), ("by \\u{1b}[31mx\\ny", "a\\u{d}b"));
}
