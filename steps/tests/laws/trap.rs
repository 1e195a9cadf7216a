//! The kubelet trap: a kubelet that runs with an expired client certificate ends once an API server answers, and then no
//! stopped container comes back. It is found before anything is changed, and nothing is stopped in it.

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Facts, Verdict};
use certwright_steps::lab::{LabSpec, Validity};
use expect_test::expect;
use serde_json::json;

use crate::bench::{Bench, Stage};
use crate::faults::assert_says;
use crate::good;
use crate::scenarios::Scenario;

const FAULT: &str = "kubelet-expired@cp-1";
const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// The quorum is lost, so that no API server ends the kubelet; new files are on the first node.
fn restart() -> Scenario {
    Scenario::new("restart-static-pods", "cp-1", Validity::Expired).after("kubeadm-renew", "cp-1")
}

impl Bench<'_> {
    /// Lets the kubelet's certificate be an expired one.
    async fn trapped(&self) {
        self.fault(FAULT);
        self.other("kubelet-certificates", json!({}), "cp-1").await.expect_err("it has expired");
        self.assert_fired();
    }
}

#[tokio::test(start_paused = true)]
async fn preflight_finds_a_kubelet_that_still_runs_with_an_expired_certificate_and_changes_nothing() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.trapped().await;
    let before = bench.witness().exact();
    let error = bench.probe().await.expect_err("the trap");
    bench.assert_same(&before, &bench.witness().exact(), "a look");
    assert_eq!(error.class, ErrorClass::Invalid);
    expect!["cp-1: the kubelet's client certificate expired 24h ago (2026-11-24T09:47:40Z, /var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing brings a stopped container back"].assert_eq(&error.message);
    expect![[r#"
        give the kubelet a new kubelet.conf from the node's CA: as root on cp-1
        kubeadm init phase kubeconfig kubelet \
            --kubeconfig-dir /etc/kubernetes/kubelet.new \
            --node-name cp-1 \
            --apiserver-advertise-address 10.200.0.2 \
            --control-plane-endpoint 10.200.0.2:6443 \
            --kubernetes-version "$(kubeadm version -o short)" &&
        mv -b /etc/kubernetes/kubelet.new/kubelet.conf /etc/kubernetes/ &&
        mkdir -p /var/lib/kubelet/expired &&
        find /var/lib/kubelet/pki -name 'kubelet-client*' \
            -exec mv -t /var/lib/kubelet/expired {} + &&
        systemctl restart kubelet && rmdir /etc/kubernetes/kubelet.new
        then go on; when kubelet-client-current.pem is back in /var/lib/kubelet/pki, let client-certificate and client-key of kubelet.conf name it again"#]].assert_eq(error.remedy.as_deref().expect("a way out"));
    let lines = error.evidence.expect("every finding").last_lines;
    assert_eq!(lines.len(), 1, "the kubelet is active, so that is all: {lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_certificate_that_ends_before_the_run_may_have_is_as_good_as_expired() {
    let mut preflight = Scenario::new("preflight", "cp-1", Validity::Expired);
    preflight.lab.kubelet = Validity::Expiring;
    let mut restart = restart();
    restart.lab.kubelet = Validity::Expiring;
    // It ends four and a half days after the lab begins; the stage has used a minute or two of them.
    let end_ms = crate::bench::START + 9 * 12 * 3_600_000;
    let least = [(&preflight, 60), (&restart, 15)];
    for (scenario, least) in least {
        let stage = Stage::new(scenario).await;
        for minutes_left in [least + 2, least - 2] {
            let bench = stage.bench();
            let wait_ms = end_ms - bench.wall_ms() - minutes_left * 60_000;
            bench.sleep(Duration::from_millis(wait_ms)).await;
            match bench.probe().await {
                Ok(_) => assert!(minutes_left > least, "{scenario} with {minutes_left} min left"),
                Err(error) => {
                    assert!(
                        minutes_left < least,
                        "{scenario} with {minutes_left} min left: {}",
                        error.message
                    );
                    assert!(error.message.contains("which is less than a run may take"), "{}", error.message);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_whose_certificate_cannot_be_told_is_not_trusted_with_a_run() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let conf = "/etc/kubernetes/kubelet.conf";
    let bench = stage.bench();
    // What kubeadm before 1.17 left on the first node: the certificate of that day, embedded and never rotated.
    std::fs::copy(bench.file("/etc/kubernetes/admin.conf"), bench.file(conf)).expect("copied");
    let error = bench.probe().await.expect_err("it has expired");
    assert_says(&error, ErrorClass::Invalid, "the kubelet's client certificate expired 24h ago (");
    assert_says(&error, ErrorClass::Invalid, "Z, /etc/kubernetes/kubelet.conf): ");
    for (path, content, words) in [
        (conf, None, "cannot be read: /etc/kubernetes/kubelet.conf is missing: "),
        (conf, Some("nonsense"), "cannot be read: /etc/kubernetes/kubelet.conf is not a kubeconfig: "),
        (CURRENT, None, "kubelet-client-current.pem is missing: "),
        (CURRENT, Some("nonsense"), "kubelet-client-current.pem holds no certificate: "),
    ] {
        let bench = stage.bench();
        std::fs::remove_file(bench.file(path)).expect("there is one");
        if let Some(content) = content {
            std::fs::write(bench.file(path), content).expect("written");
        }
        let error = bench.probe().await.expect_err("it is broken");
        assert_says(&error, ErrorClass::Invalid, words);
        assert!(error.remedy.expect("a way out").contains("kubeadm init phase kubeconfig kubelet"));
    }
}

#[tokio::test(start_paused = true)]
async fn no_container_is_stopped_under_a_kubelet_whose_certificate_has_expired() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let seen = good("before", bench.probe().await);
    assert_eq!(seen.verdict, Verdict::Drifted, "there is something to restart");
    bench.trapped().await;
    let before = bench.witness().exact();
    let words = "/var/lib/kubelet/pki/kubelet-client-current.pem): a stopped etcd would not come back";
    let error = bench.probe().await.expect_err("the trap");
    assert_says(&error, ErrorClass::Refused, words);
    assert!(error.remedy.expect("a way out").contains("kubeadm init phase kubeconfig kubelet"));
    // It may have expired between probe and apply.
    let error = bench.apply(&seen.facts).await.expect_err("the trap");
    assert_says(&error, ErrorClass::Refused, &words.replace("etcd", "kube-apiserver"));
    bench.assert_same(&before, &bench.witness().exact(), "a refused restart");
}

#[tokio::test(start_paused = true)]
async fn a_node_on_which_nothing_is_to_be_stopped_is_not_refused_for_its_kubelet() {
    let scenario = Scenario::new("restart-static-pods", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.trapped().await;
    good("nothing is stale", bench.probe().await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stopped_on_a_node_whose_kubelet_is_dead() {
    let mut scenario = Scenario::new("restart-static-pods", "cp-1", Validity::Expiring);
    scenario.lab = LabSpec { kubelet: Validity::Expired, ..scenario.lab };
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    // The kubelet ends five minutes after it last had a valid certificate, once an API server answers.
    bench.sleep(Duration::from_secs(600)).await;
    good("renewal", bench.other("kubeadm-renew", json!({}), "cp-1").await);
    // A certificate that came too late: it is the state of the kubelet that counts.
    let before = bench.witness().exact();
    let error = bench.attempt().await.expect_err("the kubelet is dead");
    assert_says(&error, ErrorClass::Refused, "a stopped etcd would not come back");
    let error = bench.apply(&Facts::default()).await.expect_err("the kubelet is dead");
    assert_says(&error, ErrorClass::Refused, "a stopped kube-apiserver would not come back");
    bench.assert_same(&before, &bench.witness().exact(), "a refused restart");
    let error = bench.other("preflight", json!({}), "cp-1").await.expect_err("preflight sees it first");
    assert_says(
        &error,
        ErrorClass::Invalid,
        "cp-1: 2 findings, the first: the kubelet's client certificate expired",
    );
    let found = error.evidence.expect("both").last_lines.join("\n");
    assert!(
        found.contains("the kubelet is starting again and again: see `journalctl -u kubelet`"),
        "{found}"
    );
}
