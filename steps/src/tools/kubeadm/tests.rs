use std::collections::BTreeMap;

use super::*;
use crate::pki::layout::LEAVES;
use crate::tools::manifest::StaticPod;
use crate::tools::testing::{Fixture, failed, fixture, fixtures, printed};

/// Fixtures of `renew all`, `check-expiration` and `check-expiration -o json`, by what was really run.
fn recorded(verb: &str, edge: &str) -> Vec<Fixture> {
    let plain = format!("kubeadm certs {verb}");
    let mut found = fixtures(|_, command| {
        let command = command.strip_prefix("time ").unwrap_or(command);
        // The edge cases were run by a wrapper that names what it runs in its last word.
        command == plain
            || command.starts_with(&format!("{plain} --config"))
            || command.ends_with(&format!(" {edge}"))
    });
    if verb == "renew all" {
        // Three recordings are not in the index.
        for node in ["cp1", "cp2", "cp3"] {
            let name = format!("three-expired/{node}-renew-all");
            found.push(Fixture { output: fixture(&name), name, command: plain.clone() });
        }
    }
    found
}

#[test]
fn every_recorded_renewal_is_understood_to_its_last_line() {
    let all = recorded("renew all", "renew");
    for Fixture { name, output, .. } in &all {
        let renewal = parse_renewal(output);
        let count = |outcome| renewal.outcomes.values().filter(|o| **o == outcome).count();
        let counts =
            (count(LeafOutcome::Renewed), count(LeafOutcome::Missing), count(LeafOutcome::ExternalCa));
        let expected = match name.as_str() {
            "renew-edge/missing-cert.renew"
            | "renew-edge/missing-cert-and-key.renew"
            | "renew-edge/missing-super-admin.renew"
            | "three-healthy/cp2-renew-all-healthy"
            | "three-expired/cp2-renew-all"
            | "three-expired/cp3-renew-all" => (10, 1, 0),
            "renew-edge/missing-ca-key.renew" => (5, 0, 6),
            "renew-edge/missing-etcd-ca-key.renew" => (7, 0, 4),
            "renew-edge/garbage-cert.renew" => (3, 0, 0),
            "renew-edge/readonly-key.renew" => (6, 0, 0),
            _ => (11, 0, 0),
        };
        assert_eq!(counts, expected, "{name}");
        assert!(renewal.others.is_empty(), "{name}: {:?}", renewal.others);
        assert_eq!(renewal.finished, output.success(), "{name}");
        assert_eq!(renewal.error.is_empty(), output.success(), "{name}: {}", renewal.error);
        let api_down = name.ends_with("api-down") || name.starts_with("three-expired/");
        assert_eq!(renewal.fell_back_to_defaults, api_down, "{name}");
    }
    crate::tools::testing::tell(format_args!("{} recorded renewals", all.len()));
    assert_eq!(all.len(), 13);
}

#[test]
fn a_renewal_says_which_certificate_is_missing_and_where_it_stopped() {
    let missing = parse_renewal(&fixture("renew-edge/missing-cert.renew"));
    assert_eq!(missing.outcomes["apiserver-kubelet-client"], LeafOutcome::Missing);
    let external = parse_renewal(&fixture("renew-edge/missing-etcd-ca-key.renew"));
    assert_eq!(external.outcomes["etcd-peer"], LeafOutcome::ExternalCa);
    let stopped = parse_renewal(&fixture("renew-edge/readonly-key.renew"));
    assert!(stopped.error.starts_with("failed to write new certificate etcd/peer: "), "{}", stopped.error);
    assert!(!stopped.outcomes.contains_key("etcd-peer"));
    let other = parse_renewal(&printed("certificate for a thing of tomorrow\u{1b} renewed\nnoise\n"));
    assert_eq!(
        other.others,
        [("certificate for a thing of tomorrow\\u{1b}".to_owned(), LeafOutcome::Renewed)]
    );
    assert!(!other.finished);
}

#[test]
fn every_recorded_table_agrees_with_the_json_of_the_same_moment() {
    let (tables, jsons) =
        (recorded("check-expiration", "check"), recorded("check-expiration -o json", "checkjson"));
    let by_state = |name: &str| {
        name.replace(".checkjson", "").replace(".check", "").replace("-json", "").replace("-text", "")
    };
    let mut parsed = BTreeMap::new();
    let mut refused = 0;
    for Fixture { name, output, .. } in &jsons {
        match parse_expiration_json(output) {
            Ok(expiration) => drop(parsed.insert(by_state(name), expiration)),
            Err(error) => {
                assert!(!output.success(), "{name}: {error}");
                refused += 1;
            }
        }
    }
    let mut compared = 0;
    for Fixture { name, output, .. } in &tables {
        let table = match parse_expiration_text(output) {
            Ok(table) => table,
            Err(error) => {
                assert!(!output.success(), "{name}: {error}");
                refused += 1;
                continue;
            }
        };
        assert!(
            table.certificates.iter().map(|row| row.name.as_str()).eq(LEAVES.iter().map(|leaf| leaf.name))
        );
        assert_eq!(table.authorities.len(), 3, "{name}");
        if let Some(json) = parsed.get(&by_state(name)) {
            let minutes = |rows: &[Expiry]| -> Vec<Expiry> {
                let minute =
                    |row: &Expiry| Expiry { expires: row.expires.map(|s| s / 60 * 60), ..row.clone() };
                rows.iter().map(minute).collect()
            };
            assert_eq!(table.certificates, minutes(&json.certificates), "{name}");
            assert_eq!(table.authorities, minutes(&json.authorities), "{name}");
            compared += 1;
        }
    }
    crate::tools::testing::tell(format_args!(
        "{} tables, {} JSON, {compared} compared, {refused} refused",
        tables.len(),
        jsons.len()
    ));
    assert_eq!((tables.len(), jsons.len(), compared, refused), (14, 11, 10, 2));
}

#[test]
fn tables_of_older_releases_are_read() {
    // 1.19: no CA of kubeconfigs. 1.16: neither CAs nor the second table.
    let old = "[check-expiration] Reading configuration from the cluster...\n\
        [check-expiration] FYI: You can look at this config file with 'kubectl -n kube-system get cm kubeadm-config -oyaml'\n\n\
        CERTIFICATE                EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED\n\
        admin.conf                 Dec 30, 2020 23:36 UTC   <invalid>                               no      \n\
        apiserver                  Dec 30, 2029 23:36 UTC   9y              ca                      yes     \n\n";
    let parsed = parse_expiration_text(&printed(old)).unwrap();
    assert_eq!(
        (parsed.certificates[0].authority.as_str(), parsed.certificates[0].expires),
        ("", Some(1_609_371_360))
    );
    assert!(parsed.certificates[1].external);
    let older = "CERTIFICATE                EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED\n\
        admin.conf                 May 15, 2020 13:03 UTC   364d            false   \n";
    assert_eq!(parse_expiration_text(&printed(older)).unwrap().certificates[0].name, "admin.conf");
    for bad in ["", "no table", "CERTIFICATE   EXPIRES\nadmin.conf   soon\n", "CERTIFICATE   EXPIRES\né\n"] {
        assert!(parse_expiration_text(&printed(bad)).is_err(), "{bad}");
    }
}

#[test]
fn versions_of_vendors_are_read() {
    let version = |text: &str| parse_version(&printed(text));
    assert_eq!(
        parse_version(&fixture("healthy/kubeadm-version-short")).unwrap(),
        Version { major: 1, minor: 36, patch: 1 }
    );
    assert_eq!(version("v1.28.9-gke.1800\n").unwrap(), Version { major: 1, minor: 28, patch: 9 });
    assert!(version("v1.9.0\n").unwrap() < version("v1.10.0\n").unwrap());
    for bad in ["", "v1.28", "command not found"] {
        assert!(version(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_fallback_is_seen_on_either_stream() {
    let text = "[renew] Error reading configuration from the Cluster. Falling back to default configuration";
    assert!(fell_back(&printed(text)) && fell_back(&failed(0, text)) && !fell_back(&printed("")));
}

#[test]
fn command_lines_are_those_of_the_procedure() {
    let shown = |command: Command| command.argv.join(" ");
    assert_eq!(shown(renew_all(&Configuration::Cluster)), "kubeadm certs renew all");
    let api = StaticPod::parse(fixture("healthy/manifests/kube-apiserver.yaml").stdout.bytes()).unwrap();
    let version = Version { major: 1, minor: 36, patch: 1 };
    let manifested = Manifested::read(version, "/etc/kubernetes/pki", &api, None, None);
    let text = manifested.text();
    let given = Configuration::Manifests(manifested);
    let renew = renew_all(&given);
    assert_eq!(shown(renew.clone()), "kubeadm certs renew all --config /dev/stdin");
    assert_eq!(renew.stdin.as_ref().map(|bytes| bytes.reveal().to_vec()), Some(text.into_bytes()));
    let told = given.told(&renew);
    assert!(
        told.starts_with("kubeadm certs renew all --config /dev/stdin   # standard input: kubeadm."),
        "{told}"
    );
    let folder = Configuration::CertDir("/etc/pki".into());
    assert_eq!(
        shown(check_expiration_json(&folder)),
        "kubeadm certs check-expiration -o json --cert-dir /etc/pki"
    );
    assert_eq!(renew.effect, certwright_engine::host::Effect::Mutates);
}
