//! What is refused, found and reported before or instead of a change.

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::Verdict;
use certwright_steps::lab::{LabSpec, Validity};
use serde_json::json;

use crate::bench::Stage;
use crate::faults::{assert_says, renew};
use crate::good;
use crate::scenarios::Scenario;

#[tokio::test(start_paused = true)]
async fn preflight_reports_every_finding_at_once_with_its_remedy() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Expired)
        .with(json!({ "programs": ["kubeadm", "no-such-program"], "min-free-mib": 1_000_000_000_u64 }));
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let pki = |name: &str| bench.file(&format!("/etc/kubernetes/pki/{name}"));
    std::fs::remove_file(pki("ca.key")).expect("a CA key");
    std::fs::write(pki("front-proxy-client.crt"), "garbage").expect("written");
    let twice = std::fs::read(pki("apiserver.crt")).expect("a certificate").repeat(2);
    std::fs::write(pki("apiserver.crt"), twice).expect("written");
    std::fs::remove_file(pki("etcd/peer.crt")).expect("a certificate");
    let manifests = bench.file("/etc/kubernetes/manifests");
    std::fs::copy(manifests.join("etcd.yaml"), manifests.join("etcd.yaml.bak")).expect("copied");
    std::fs::copy(manifests.join("etcd.yaml"), manifests.join("etcd-old.yaml")).expect("copied");
    let error = bench.probe().await.expect_err("there is much to find");
    assert_says(
        &error,
        ErrorClass::Invalid,
        "cp-1: 9 findings, the first: no-such-program is not on the PATH",
    );
    let found = error.evidence.expect("all findings").last_lines.join("\n");
    for words in [
        "/etc/kubernetes has ",
        "/var/lib has ",
        "etcd.yaml.bak is no manifest, yet the kubelet reads it: move ",
        "is a second manifest of pod etcd, beside ",
        "apiserver.crt holds 2 certificates",
        "etcd/peer.crt is missing: make it again on that node: kubeadm init phase certs etcd-peer",
        "front-proxy-client.crt holds no certificate",
        "ca is external: /etc/kubernetes/pki/ca.key is missing",
    ] {
        assert!(found.contains(words), "`{words}` is not among\n{found}");
    }
    println!("9 findings in one error");
}

#[tokio::test(start_paused = true)]
async fn certificates_of_another_node_and_a_ca_of_another_cluster_are_found_before_anything_is_changed() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let of = |node: &str, name: &str| bench.lab().dir().join(node).join("etc/kubernetes/pki").join(name);
    for name in ["apiserver.crt", "apiserver.key", "etcd/peer.crt", "etcd/peer.key"] {
        std::fs::copy(of("cp-2", name), of("cp-1", name)).expect("copied");
    }
    for (to, from) in [("etcd/ca.crt", "ca.crt"), ("etcd/ca.key", "ca.key")] {
        std::fs::copy(of("cp-3", from), of("cp-3", to)).expect("copied");
    }
    let error = bench.probe().await.expect_err("three things to find");
    let found = error.evidence.clone().expect("all findings").last_lines.join("\n");
    assert_says(&error, ErrorClass::Invalid, "cp-1: 3 findings, the first: ");
    for words in [
        "/etc/kubernetes/pki/apiserver.crt does not name 10.200.0.2, where kube-apiserver of this node is reached: if it \
         came from another node, make it anew on this one (move it and its key away, then `kubeadm init phase certs \
         apiserver`); a renewal copies the names",
        "/etc/kubernetes/pki/etcd/peer.crt does not name 10.200.0.2, where etcd of this node is reached",
        "/etc/kubernetes/pki/etcd/ca.crt of cp-3 is not cp-1's: the two hold different CAs: find out which of them the \
         cluster trusts",
    ] {
        assert!(found.contains(words), "`{words}` is not among\n{found}");
    }
    // The first node looks for all of them.
    good("cp-2", bench.other("preflight", json!({}), "cp-2").await);
}

#[tokio::test(start_paused = true)]
async fn preflight_says_what_the_restarts_will_cost_before_they_begin() {
    let expired = Scenario::new("preflight", "cp-1", Validity::Expired);
    let healthy = Scenario::new("preflight", "cp-1", Validity::Expiring);
    let mut alone = Scenario::new("preflight", "cp-1", Validity::Expiring);
    alone.lab.nodes.truncate(1);
    let mut pair = Scenario::new("preflight", "cp-1", Validity::Expiring);
    pair.lab.nodes.truncate(2);
    let cases = [
        (&healthy, None, "all 3 etcd members of this run are healthy: their quorum is kept"),
        (
            &healthy,
            Some("cp-2"),
            "2 of this run's 3 etcd members are healthy, not cp-2: restarts wait for it",
        ),
        (
            &expired,
            None,
            "0 of this run's 3 etcd members are healthy: their quorum is lost, and new files on all nodes bring it back",
        ),
        (
            &alone,
            None,
            "this run has 1 etcd member: unless the cluster has more, the API is down while one restarts",
        ),
        (
            &pair,
            None,
            "this run has 2 etcd members: unless the cluster has more, the API is down while one restarts",
        ),
    ];
    for (scenario, down, words) in &cases {
        let stage = Stage::new(scenario).await;
        let bench = stage.bench();
        if let Some(host) = down {
            bench.down(host, "etcd").await;
        }
        let seen = good(words, bench.probe().await);
        assert!(
            seen.summary.starts_with(&format!("cp-1 is ready for a renewal; {words}")),
            "{}",
            seen.summary
        );
    }
    println!("{} clusters told apart", cases.len());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_another_run_has_claimed_is_refused_by_name() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let folder = bench.file("/var/lib/certwright");
    std::fs::create_dir_all(&folder).expect("a folder");
    let theirs = "20261124-224500-abcd 3 0123 4567 kim@desk\n";
    std::fs::write(folder.join("owner"), theirs).expect("written");
    let error = bench.probe().await.expect_err("it is theirs");
    assert_says(
        &error,
        ErrorClass::Invalid,
        "cp-1: run `20261124-224500-abcd` of kim@desk has claimed it, last at 20",
    );
    let remedy = error.remedy.expect("a remedy");
    assert!(remedy.contains("`certwright abandon 20261124-224500-abcd --inventory FILE`"), "{remedy}");
    std::fs::write(folder.join("owner"), "\u{1b}[2J\n").expect("written");
    let error = bench.probe().await.expect_err("it is nobody's");
    assert_says(&error, ErrorClass::Invalid, "cp-1: /var/lib/certwright/owner was not written by certwright");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_found_before_anything_is_judged_by_dates() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Valid);
    let stage = Stage::new(&scenario).await;
    for (seconds, words) in [(-90, "behind"), (90, "ahead of")] {
        let bench = stage.bench();
        let error = bench.probe_with_node_clock_off(seconds).await.expect_err("it is off");
        assert_says(
            &error,
            ErrorClass::Invalid,
            &format!("s {words} the workstation's (at most 1m is accepted)"),
        );
        good("a small difference", bench.probe_with_node_clock_off(seconds / 2).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_certificate_stops_a_renewal_unless_it_is_the_optional_one() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    std::fs::remove_file(bench.file("/etc/kubernetes/super-admin.conf")).expect("the first node has it");
    good("without super-admin.conf", bench.attempt().await);
    let bench = stage.bench();
    std::fs::remove_file(bench.file("/etc/kubernetes/pki/apiserver.crt")).expect("a certificate");
    let error = bench.attempt().await.expect_err("it is missing");
    assert_says(&error, ErrorClass::Invalid, "cp-1: /etc/kubernetes/pki/apiserver.crt is missing");
    assert_eq!(
        error.remedy.as_deref(),
        Some("make it again on that node: kubeadm init phase certs apiserver")
    );
    let bench = stage.bench();
    std::fs::remove_file(bench.file("/etc/kubernetes/pki/etcd/ca.key")).expect("a key");
    let error = bench.attempt().await.expect_err("the CA is external");
    assert_says(
        &error,
        ErrorClass::Invalid,
        "cp-1: etcd-ca is external: /etc/kubernetes/pki/etcd/ca.key is missing",
    );
}

#[tokio::test(start_paused = true)]
async fn checks_fail_where_they_should() {
    let expired = |kind, host| Scenario::new(kind, host, Validity::Expired);
    let cases = [
        (expired("verify-certificates", "cp-2"), "admin.conf expired 24h ago"),
        (expired("api-ready", "cp-1"), "cp-1: https://10.200.0.2:6443: "),
        (expired("pods-healthy", "workstation"), "workstation: pods of kube-system: "),
        (expired("scan-logs", "cp-1"), "cp-1: "),
    ];
    for (scenario, words) in &cases {
        let stage = Stage::new(scenario).await;
        let said = match stage.bench().probe().await {
            Ok(probe) => {
                assert_eq!(probe.verdict, Verdict::Drifted, "{scenario}: {}", probe.summary);
                probe.summary
            }
            Err(error) => {
                assert!(error.class != ErrorClass::Invalid, "{scenario}: {}", crate::make::tell(&error));
                error.message
            }
        };
        assert!(said.contains(words), "{scenario}: {said}");
        println!("{scenario}: {said}");
    }
    let mut scenario = Scenario::new("kubelet-certificates", "cp-1", Validity::Valid);
    scenario.lab = LabSpec { kubelet: Validity::Expired, ..scenario.lab };
    let probe = good(&scenario, Stage::new(&scenario).await.bench().probe().await);
    assert_eq!(probe.verdict, Verdict::Drifted);
    assert!(probe.summary.contains("kubelet-client-current.pem expired"), "{}", probe.summary);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_consumer_is_not_in_error() {
    let mut scenario = Scenario::new("rollout-restart", "workstation", Validity::Valid)
        .with(json!({ "resource": "daemonset/etcd-defrag" }));
    scenario.lab = LabSpec { etcd_defrag: false, ..scenario.lab };
    let probe = good(&scenario, Stage::new(&scenario).await.bench().probe().await);
    assert_eq!(probe.verdict, Verdict::Satisfied);
    assert_eq!(probe.summary, "there is no daemonset/etcd-defrag in kube-system");
}

#[tokio::test(start_paused = true)]
async fn a_kubeconfig_of_another_cluster_is_never_put_in_place() {
    let scenario = Scenario::new("replace-kubeconfig", "workstation", Validity::Expired).renewed();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let path = bench.file(&scenario.lab.cluster.kubeconfig);
    let text = std::fs::read_to_string(&path).expect("a kubeconfig");
    std::fs::write(&path, text.replace("https://", "https://other-")).expect("written");
    let before = bench.witness().exact();
    let error = bench.attempt().await.expect_err("nothing leads there");
    assert_says(&error, ErrorClass::Invalid, "admin.conf of cp-1 leads to https://10.200.0.1");
    bench.assert_same(&before, &bench.witness().exact(), "a refused replacement");
    std::fs::remove_file(&path).expect("removed");
    good("with no file to compare with, the nodes' CA decides", bench.attempt().await);
    assert!(path.exists());
}

#[tokio::test(start_paused = true)]
async fn a_self_managed_cluster_is_its_own_admin_cluster() {
    let mut scenario = Scenario::new("replace-kubeconfig", "workstation", Validity::Expired).renewed();
    scenario.lab.cluster.admin_kubeconfig = None;
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let probe = good(&scenario, bench.probe().await);
    assert_eq!(probe.verdict, Verdict::Drifted);
    println!("{}", probe.summary);
    good(&scenario, bench.attempt().await);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_not_dated_before_the_file_it_is_for() {
    let scenario = Scenario::new("rollout-restart", "workstation", Validity::Expiring)
        .with(json!({ "resource": "daemonset/etcd-defrag" }))
        .after("kubeadm-renew", "cp-1");
    let stage = Stage::new(&scenario).await;
    for (ahead, accepted) in [(30, true), (600, false)] {
        let bench = stage.bench();
        let path = bench.lab().dir().join("cp-1/etc/kubernetes/pki/apiserver-etcd-client.crt");
        let file = std::fs::File::options().append(true).open(path).expect("a certificate");
        let now = std::time::UNIX_EPOCH + Duration::from_millis(bench.wall_ms());
        file.set_modified(now + Duration::from_secs(ahead)).expect("its time");
        match bench.attempt().await {
            Ok(()) if accepted => {}
            Err(error) if !accepted => {
                assert_says(&error, ErrorClass::Invalid, "after the workstation's present");
            }
            other => panic!("{ahead} s ahead: {other:?}"),
        }
    }
}
