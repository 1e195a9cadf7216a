//! The real node of the fixtures: its files give the figures that its own `kubeadm certs check-expiration` printed.

use std::fs;
use std::path::Path;

use super::*;
use crate::tools::collect::{Keys, Tree};
use crate::tools::kubeadm::{parse_expiration_json, parse_expiration_text};
use crate::tools::testing::{fixture, fixtures, tell};

/// Lays the recorded files of the healthy node out as they lay there.
fn lay_out(root: &Path) -> usize {
    let mut files = 0;
    for recorded in fixtures(|name, _| name.starts_with("healthy/")) {
        let path = match recorded.command.split(' ').next_back() {
            Some(path) if path.starts_with("/etc/kubernetes/") || path.starts_with("/var/lib/kubelet/") => {
                path
            }
            Some(_) | None => continue,
        };
        let is_file =
            ["cat ", "sed ", "openssl x509 -in "].iter().any(|word| recorded.command.starts_with(word));
        if !is_file {
            continue;
        }
        let path = root.join(&path[1..]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, recorded.output.stdout.bytes()).unwrap();
        files += 1;
    }
    files
}

#[test]
fn the_recorded_node_has_the_figures_that_its_own_kubeadm_printed() {
    let dir = tempfile::tempdir().unwrap();
    let files = lay_out(dir.path());
    let (report, _) = tree("cp1", &Tree::open(dir.path()).unwrap(), Keys::Asked);
    let json = fixture("healthy/check-expiration-json");
    let printed = parse_expiration_json(&json).unwrap();
    let table = fixture("healthy/check-expiration-text").stdout.lossy().into_owned();
    let text = parse_expiration_text(&fixture("healthy/check-expiration-text")).unwrap();
    // When it was asked: it tells how many seconds are left of each.
    let whole: serde_json::Value = serde_json::from_slice(json.stdout.bytes()).unwrap();
    let first = &whole["certificates"][0];
    let now = printed.certificates[0].expires.unwrap() - first["residualTime"].as_i64().unwrap();
    let mut compared = 0;
    for (expiries, of_table) in
        [(&printed.certificates, &text.certificates), (&printed.authorities, &text.authorities)]
    {
        assert_eq!(expiries.len(), of_table.len());
        for expiry in expiries {
            let row = report.rows.iter().find(|row| row.name == expiry.name).expect(&expiry.name);
            let certificate = row.certificate.as_ref().expect(&expiry.name);
            assert_eq!(Some(certificate.not_after), expiry.expires, "{}", expiry.name);
            if row.kind == Kind::Leaf {
                assert_eq!(row.signed_by.as_deref(), Some(expiry.authority.as_str()), "{}", expiry.name);
            }
            let line = table.lines().find(|line| line.split(' ').next() == Some(&expiry.name)).unwrap();
            let left = residual(certificate.residual(now));
            assert!(line.contains(&format!(" UTC   {left} ")), "{left} in {line}");
            compared += 1;
        }
    }
    tell(format_args!("{compared} figures of {files} recorded files"));
    assert_eq!(compared, 14);
    // Its keys were not recorded; nothing else is to be said of it.
    let wanted = Wanted { now, within_s: 30 * 86_400, skew_s: 30, renew: "renew" };
    let findings = judge(&[report], &wanted);
    let others: Vec<&Finding> = findings.iter().filter(|finding| finding.id != "key-mismatch").collect();
    assert_eq!(others, Vec::<&Finding>::new());
}

#[test]
fn a_residual_time_is_shown_as_kubeadm_shows_it() {
    for (seconds, shown) in [
        (0, "0s"),
        (59, "59s"),
        (3599, "59m"),
        (86_399, "23h"),
        (364 * 86_400 + 1, "364d"),
        (365 * 86_400, "1y"),
        (3649 * 86_400, "9y"),
        (-86_400, "-1d"),
        (i64::MIN, "-292471208677y"),
    ] {
        assert_eq!(residual(seconds), shown);
    }
}
