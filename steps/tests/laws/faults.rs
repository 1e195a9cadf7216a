//! Each fault of the lab, against the kind it concerns: what the operator is told, and what the next attempt makes
//! of it. Every fault must have fired.

use std::path::PathBuf;
use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, Verdict};
use certwright_steps::lab::{LabSpec, Validity};
use serde_json::json;

use crate::bench::{Bench, Stage};
use crate::good;
use crate::scenarios::Scenario;

/// The classes that the shipped plan retries.
const RETRIED: [ErrorClass; 3] = [ErrorClass::DeadlineExceeded, ErrorClass::Unavailable, ErrorClass::Unknown];

fn restart() -> Scenario {
    Scenario::new("restart-static-pods", "cp-1", Validity::Expiring).after("kubeadm-renew", "cp-1")
}

fn renew() -> Scenario {
    Scenario::new("kubeadm-renew", "cp-1", Validity::Expiring)
}

impl Bench<'_> {
    /// A file of the step's host, as the test changes it.
    fn file(&self, path: &str) -> PathBuf {
        self.lab().dir().join(self.host_name()).join(path.trim_start_matches('/'))
    }

    fn fault(&self, text: &str) {
        self.inject(text.parse().expect("a fault"));
    }

    fn assert_fired(&self) {
        assert!(self.lab().faults_waiting().expect("a lab").is_empty(), "a fault was never reached");
        assert!(!self.lab().faults_fired().expect("a lab").is_empty(), "no fault was reached");
    }
}

fn assert_says(error: &StepError, class: ErrorClass, words: &str) {
    assert_eq!(error.class, class, "{}", crate::bench::tell(error));
    assert!(error.message.contains(words), "{}", crate::bench::tell(error));
}

/// Runs a scenario under a fault with the plan's retries; as many attempts as expected, and the same end.
async fn survives(stage: &Stage<'_>, fault: &str, attempts: usize) {
    let calm = stage.bench();
    good(fault, calm.attempt().await);
    let bench = stage.bench();
    bench.fault(fault);
    let made = good(fault, bench.attempts(6, &RETRIED).await);
    bench.assert_fired();
    bench.assert_same(&calm.witness().shape(), &bench.witness().shape(), fault);
    assert_eq!(made, attempts, "attempts under {fault}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_runs_into_its_deadline_is_neither_a_failure_nor_stopped_twice() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let faults = [
        ("deadline-exceeded=stop@cp-1", 2),
        ("deadline-exceeded-after=stop@cp-1", 1),
        ("deadline-unknown@cp-1", 2),
        ("deadline-unknown-after@cp-1", 1),
        ("deadline-exceeded=stop@cp-1*3", 4),
        ("drop-before=crictl@cp-1", 2),
        ("drop-after=crictl@cp-1", 2),
    ];
    for (fault, attempts) in faults {
        survives(&stage, fault, attempts).await;
    }
    println!("{} faults of a stop", faults.len());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_cut_off_is_found_by_the_next_probe() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    let faults = [
        ("deadline-exceeded=renew@cp-1", 2),
        ("deadline-exceeded-after=renew@cp-1", 2),
        ("drop-before=kubeadm@cp-1", 2),
        ("drop-after=kubeadm@cp-1", 2),
    ];
    for (fault, attempts) in faults {
        survives(&stage, fault, attempts).await;
    }
    println!("{} faults of a renewal", faults.len());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_dies_half_way_says_so_and_the_next_attempt_completes_it() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    for count in ["0", "3", "7"] {
        let bench = stage.bench();
        let before = bench.witness().files();
        let first = good("first probe", bench.probe().await);
        bench.fault(&format!("renew-dies={count}@cp-1"));
        let error = bench.attempt().await.expect_err("it dies");
        assert_says(
            &error,
            ErrorClass::Refused,
            "cp-1: kubeadm certs renew all failed: failed to write new certificate",
        );
        assert!(error.remedy.is_some() && error.evidence.is_some());
        bench.assert_fired();
        good("the next attempt", bench.attempt().await);
        good("an undo to before the first", bench.undo(&first.facts).await);
        bench.assert_same(&before, &bench.witness().files(), "undo of a renewal that died");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_only_claims_to_have_happened_is_not_believed() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("renew-lies@cp-1");
    let error = bench.attempt().await.expect_err("nothing was renewed");
    assert_says(
        &error,
        ErrorClass::Unsatisfied,
        "cp-1: admin.conf is unchanged (/etc/kubernetes/admin.conf)",
    );
    bench.assert_fired();
    good("the next attempt", bench.attempt().await);
}

#[tokio::test(start_paused = true)]
async fn a_forced_renewal_renews_once_in_a_run_however_often_it_is_attempted() {
    let scenario =
        Scenario::new("kubeadm-renew", "cp-1", Validity::Valid).with(json!({ "force": true })).drifted();
    let stage = Stage::new(&scenario).await;
    for fault in ["drop-after=kubeadm@cp-1", "deadline-exceeded-after=renew@cp-1"] {
        let bench = stage.bench();
        bench.fault(fault);
        bench.attempt().await.expect_err("the first one is cut off");
        bench.assert_fired();
        let renewed = bench.witness().exact();
        good("the second one", bench.attempt().await);
        bench.assert_same(&renewed, &bench.witness().exact(), "a second attempt");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_stays_down_is_waited_for_and_then_named() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("container-stays-down=kube-scheduler@cp-1");
    let error = bench.attempt().await.expect_err("it never comes back");
    bench.assert_fired();
    assert_says(
        &error,
        ErrorClass::Unavailable,
        "cp-1: not ready within 6m: kube-scheduler has no running container",
    );
    assert!(error.remedy.is_some_and(|remedy| remedy.contains("crictl stopp")));
    assert!(error.evidence.is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stopped_on_a_node_whose_kubelet_would_not_bring_it_back() {
    let mut scenario = restart();
    scenario.lab = LabSpec { kubelet: Validity::Expired, ..scenario.lab };
    scenario.before.clear();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    // The kubelet ends five minutes after it last had a valid certificate, once an API server answers.
    bench.sleep(Duration::from_secs(600)).await;
    good("renewal", bench.other("kubeadm-renew", json!({}), "cp-1").await);
    let before = bench.witness().exact();
    let error = bench.attempt().await.expect_err("the kubelet is dead");
    assert_says(&error, ErrorClass::Refused, "a stopped etcd would not come back");
    assert!(error.remedy.is_some_and(|remedy| remedy.contains("journalctl -u kubelet")));
    bench.assert_same(&before, &bench.witness().exact(), "a refused restart");
    let error = bench.other("preflight", json!({}), "cp-1").await.expect_err("preflight sees it first");
    assert_says(&error, ErrorClass::Invalid, "cp-1: the kubelet is starting again and again");
}

#[tokio::test(start_paused = true)]
async fn a_slow_node_costs_time_and_nothing_else() {
    let scenario = restart();
    survives(&Stage::new(&scenario).await, "slow=5@cp-1", 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_a_backup_and_leaves_nothing_that_counts_as_one() {
    let scenario = Scenario::new("backup", "cp-1", Validity::Expiring)
        .with(json!({ "paths": ["/etc/kubernetes", "/var/lib/kubelet/pki"] }));
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("disk-full@cp-1");
    let error = bench.attempt().await.expect_err("no space");
    bench.assert_fired();
    assert_says(&error, ErrorClass::Refused, "No space left on device");
    assert_eq!(good("probe", bench.probe().await).verdict, Verdict::Drifted);
    good("the next attempt", bench.attempt().await);
}

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
async fn a_clock_that_is_off_is_found_before_anything_is_judged_by_dates() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Valid);
    let stage = Stage::new(&scenario).await;
    for (seconds, words) in [(-90, "behind"), (90, "ahead of")] {
        let bench = stage.bench();
        let error = bench.probe_with_node_clock_off(seconds).await.expect_err("it is off");
        assert_says(
            &error,
            ErrorClass::Invalid,
            &format!("cp-1: its clock is 90s {words} the workstation's"),
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
                assert!(error.class != ErrorClass::Invalid, "{scenario}: {}", crate::bench::tell(&error));
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

/// The shipped plan's steps in its order, by hand: what no kind can show alone.
const PLAN: &[(&str, &[&str])] = &[
    ("preflight", &["cp-1", "cp-2", "cp-3"]),
    ("backup", &["cp-1", "cp-2", "cp-3"]),
    ("kubeadm-renew", &["cp-1", "cp-2", "cp-3"]),
    ("verify-certificates", &["cp-1", "cp-2", "cp-3"]),
    ("restart-static-pods", &["cp-1", "cp-2", "cp-3"]),
    ("api-ready", &["cp-1", "cp-2", "cp-3"]),
    ("replace-kubeconfig", &["workstation"]),
    ("kubelet-certificates", &["cp-1", "cp-2", "cp-3"]),
    ("rollout-restart", &["workstation"]),
    ("pods-healthy", &["workstation"]),
    ("scan-logs", &["cp-1", "cp-2", "cp-3"]),
];

#[tokio::test(start_paused = true)]
async fn the_kinds_in_the_shipped_order_renew_an_expired_cluster_and_find_nothing_to_do_afterwards() {
    for validity in [Validity::Expired, Validity::Expiring] {
        let scenario = Scenario::new("preflight", "cp-1", validity);
        let stage = Stage::new(&scenario).await;
        let bench = stage.bench();
        let mut changed = bench.run_all(PLAN, "first").await;
        changed.dedup();
        println!("{validity:?}: {}", changed.join(", "));
        assert_eq!(
            changed,
            ["backup", "kubeadm-renew", "restart-static-pods", "replace-kubeconfig", "rollout-restart"]
        );
        for pause in [0, 3_600, 86_400] {
            bench.sleep(Duration::from_secs(pause)).await;
            let before = bench.witness().exact();
            assert_eq!(bench.run_all(PLAN, "second").await, Vec::<String>::new(), "after {pause} s");
            bench.assert_same(&before, &bench.witness().exact(), "a second run");
        }
    }
}
