//! `doctor` and the bundle of a failed run on real machines: what is seen over ssh and sudo, and that nothing changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::cluster::Cluster;

const DOCTOR: &str = "doctor --inventory inventory.toml";

/// The findings of a diagnosis, as `id@host`.
fn findings(stdout: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(stdout).expect("one JSON object");
    let text = |finding: &serde_json::Value, field: &str| finding[field].as_str().expect("a text").to_owned();
    let all = json["findings"].as_array().expect("findings");
    all.iter().map(|finding| format!("{}@{}", text(finding, "id"), text(finding, "host"))).collect()
}

#[test]
fn an_expired_cluster_with_a_trapped_kubelet_and_a_machine_that_is_down_is_diagnosed_over_ssh() {
    let mut cluster = Cluster::expired();
    cluster.inject("kubelet-expired@cp-2");
    cluster.stop_machine(2);
    let (before, attempts) = (cluster.certificates(), cluster.attempts());

    let told = cluster.run(DOCTOR);
    assert_eq!(told.code, Some(15), "{}", told.whole());
    let first = told.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("BROKEN      cp-3 could not be reached: "), "{}", told.whole());
    assert!(told.stdout.contains("cp-2: the kubelet's client certificate"), "{}", told.whole());

    let json = cluster.run(&format!("{DOCTOR} --output json"));
    assert_eq!(json.code, Some(15), "{}", json.whole());
    let found = findings(&json.stdout);
    for expected in [
        "unreachable@cp-3",
        "kubelet-client@cp-2",
        "certificates-expired@cp-1",
        "certificates-expired@cp-2",
        "etcd-quorum@etcd",
        "certificate-expired@cp-1",
        "pods@workstation",
        "not-judged@workstation",
    ] {
        assert!(found.iter().any(|finding| finding == expected), "{expected} is missing in {found:#?}");
    }
    assert!(!found.iter().any(|finding| finding.starts_with("incomplete")), "{found:#?}");
    assert_eq!(cluster.certificates(), before, "a look changed a file");
    assert_eq!(cluster.attempts(), attempts, "a look stopped a container");
    for node in cluster.nodes() {
        let owner = cluster.path("lab").join(&node).join("var/lib/certwright/owner");
        assert!(!owner.exists(), "a look claimed {node}");
    }
    println!("{} findings over ssh with one machine down and nothing changed", found.len());
}

#[test]
fn a_run_that_fails_on_real_machines_keeps_its_bundle() {
    let cluster = Cluster::expired();
    cluster.inject("renew-dies=4@cp-1");
    let failed = cluster.run("run renew-control-plane --inventory inventory.toml --yes=lab");
    assert_eq!(failed.code, Some(10), "{}", failed.whole());
    let named = failed.stdout.lines().find_map(|line| line.trim().strip_prefix("bundle "));
    let path = named.unwrap_or_else(|| panic!("{}", failed.whole()));
    assert_eq!(fs::metadata(path).expect("it is there").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(path).expect("a bundle");
    for node in cluster.nodes() {
        for part in
            ["certificates", "kubeadm-version", "log-etcd", "etcd-health", "containers", "kubelet-unit"]
        {
            assert!(text.contains(&format!("===== {node}: {part} =====")), "{part} of {node} is missing");
        }
        assert!(!text.contains(&format!("===== {node}: not looked at whole")), "{text}");
    }
    let resumed = cluster.run("resume");
    assert_eq!(resumed.code, Some(0), "{}", resumed.whole());
    println!("{} bytes of bundle from three machines", text.len());
}
