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
const CONF: &str = "/etc/kubernetes/kubelet.conf";
const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// The quorum is lost, so that no API server ends the kubelet; new files are on the first node.
fn restart() -> Scenario {
    Scenario::new("restart-static-pods", "cp-1", Validity::Expired).after("kubeadm-renew", "cp-1")
}

impl Bench<'_> {
    /// Whether the kubelet of the first node is active and has a certificate that is not about to end.
    async fn revived(&self) -> bool {
        let probe = self.other_probe("kubelet-client", json!({}), "cp-1").await;
        probe.is_ok_and(|probe| probe.verdict == Verdict::Satisfied)
    }

    /// Lets the kubelet's certificate be an expired one.
    async fn trapped(&self) {
        self.fault(FAULT);
        self.other("kubelet-certificates", json!({}), "cp-1").await.expect_err("it has expired");
        self.assert_fired();
    }
}

#[tokio::test(start_paused = true)]
async fn preflight_says_what_of_a_kubelet_will_be_mended_and_refuses_what_cannot_be() {
    let scenario = Scenario::new("preflight", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.trapped().await;
    let before = bench.witness().exact();
    let probe = good("a look", bench.probe().await);
    bench.assert_same(&before, &bench.witness().exact(), "a look");
    expect!["cp-1 is ready for a renewal; kubelet-client mends this first: the kubelet's client certificate expired 24h ago (2026-11-24T09:47:40Z, /var/lib/kubelet/pki/kubelet-client-current.pem); 0 of this run's 3 etcd members are healthy: their quorum is lost, and new files on all nodes bring it back; no etcd member leads"].assert_eq(&probe.summary);

    // Nothing tells which node's kubelet it is.
    for path in ["/etc/kubernetes/kubelet.conf", CURRENT] {
        std::fs::remove_file(bench.file(path)).expect("there is one");
    }
    let error = bench.probe().await.expect_err("the trap");
    assert_eq!(error.class, ErrorClass::Invalid);
    expect!["cp-1: the kubelet's client certificate cannot be read: /etc/kubernetes/kubelet.conf is missing: the kubelet ends once an API server answers, and nothing brings a stopped container back"].assert_eq(&error.message);
    expect![[r#"
        give the kubelet a new kubelet.conf from the node's CA: as root on cp-1
        kubeadm init phase kubeconfig kubelet \
            --kubeconfig-dir /etc/kubernetes/kubelet.new \
            --apiserver-advertise-address 10.200.0.2 \
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
            let said = bench.probe().await.map_or_else(|error| error.message, |probe| probe.summary);
            let told = said.contains("which is less than a run may take");
            assert_eq!(told, minutes_left < least, "{scenario} with {minutes_left} min left: {said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_whose_certificate_cannot_be_told_is_given_a_new_one() {
    let scenario = Scenario::new("kubelet-client", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    for (path, content, words) in [
        (CONF, None, "cannot be read: /etc/kubernetes/kubelet.conf is missing"),
        (CONF, Some("nonsense"), "cannot be read: /etc/kubernetes/kubelet.conf is not a kubeconfig"),
        (CURRENT, None, "kubelet-client-current.pem is missing"),
        (CURRENT, Some("nonsense"), "kubelet-client-current.pem holds no certificate"),
    ] {
        let bench = stage.bench();
        std::fs::remove_file(bench.file(path)).expect("there is one");
        if let Some(content) = content {
            std::fs::write(bench.file(path), content).expect("written");
        }
        let probe = good(path, bench.probe().await);
        assert_eq!(probe.verdict, Verdict::Drifted, "{}", probe.summary);
        assert!(probe.summary.contains(words), "{}", probe.summary);
        good(path, bench.attempt().await);
        assert!(bench.revived().await, "{path} {content:?}");
    }
}

/// What kubeadm before 1.17 left on the first node: the certificate of that day, embedded, while the kubelet rotates
/// its own.
#[tokio::test(start_paused = true)]
async fn a_kubeconfig_that_embeds_an_old_certificate_points_at_the_kubelets_own_again() {
    let scenario = Scenario::new("kubelet-client", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let rotated = std::fs::read(bench.file(CURRENT)).expect("there is one");
    std::fs::copy(bench.file("/etc/kubernetes/admin.conf"), bench.file(CONF)).expect("copied");
    let probe = good("a look", bench.probe().await);
    assert!(probe.summary.contains("expired 24h ago ("), "{}", probe.summary);
    assert!(probe.summary.contains("Z, /etc/kubernetes/kubelet.conf)"), "{}", probe.summary);
    good("cure", bench.attempt().await);
    assert_eq!(std::fs::read(bench.file(CURRENT)).expect("there is one"), rotated, "it is good as it is");
    let conf = std::fs::read_to_string(bench.file(CONF)).expect("there is one");
    assert_eq!(conf.matches(CURRENT).count(), 2, "certificate and key: {conf}");
    assert!(!conf.contains("-data: LS0tLS1CRUdJTiBQ"), "no key is embedded");
}

#[tokio::test(start_paused = true)]
async fn a_trapped_kubelet_is_mended_before_anything_is_stopped_and_brings_back_what_is_stopped_then() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.trapped().await;
    let old = std::fs::read(bench.file(CURRENT)).expect("there is one");
    let attempts = bench.witness().containers();
    good("cure", bench.other("kubelet-client", json!({}), "cp-1").await);
    assert_eq!(bench.witness().containers(), attempts, "no container was touched");
    assert!(bench.revived().await);
    assert_ne!(std::fs::read(bench.file(CURRENT)).expect("the kubelet stores it"), old);
    assert!(!bench.file("/etc/kubernetes/kubelet.new").exists(), "nothing is left over");
    // The quorum is lost with the others' certificates: theirs bring it back.
    for other in ["cp-2", "cp-3"] {
        good(other, bench.other("kubeadm-renew", json!({}), other).await);
    }
    good("restart", bench.attempt().await);
    let restarted =
        bench.witness().containers().iter().filter(|(pod, n)| attempts.get(*pod) != Some(n)).count();
    assert_eq!(restarted, 4, "every component of the node came back");
    bench.sleep(Duration::from_secs(900)).await;
    assert!(bench.revived().await, "it stays when the API server has answered for long");
}

#[tokio::test(start_paused = true)]
async fn a_dead_kubelet_is_brought_back_and_points_at_its_own_certificate_once_it_has_one() {
    let scenario = Scenario::new("kubelet-client", "cp-1", Validity::Valid).kubelet(Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.sleep(Duration::from_secs(600)).await;
    let dead = good("a look", bench.other_probe("kubelet-certificates", json!({}), "cp-1").await);
    assert!(dead.summary.contains("kubelet-client-current.pem expired "), "{}", dead.summary);
    good("cure", bench.attempt().await);
    assert!(bench.revived().await);
    let text = |path: &str| std::fs::read_to_string(bench.file(path)).expect("there is one");
    assert!(text(CONF).contains("client-certificate-data: "), "that is for later");
    good("afterwards", bench.other("kubelet-client", json!({ "rotated-within": 120_000 }), "cp-1").await);
    assert_eq!(text(CONF).matches(CURRENT).count(), 2, "{}", text(CONF));
    let again = good(
        "again",
        bench.other_probe("kubelet-client", json!({ "rotated-within": 120_000 }), "cp-1").await,
    );
    assert_eq!(again.verdict, Verdict::Satisfied, "{}", again.summary);
}

#[tokio::test(start_paused = true)]
async fn no_container_is_stopped_under_a_kubelet_whose_certificate_has_expired() {
    // With their files, without which no restart would be tried at all.
    let scenario = restart().after("kubeadm-renew", "cp-2").after("kubeadm-renew", "cp-3");
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let seen = good("before", bench.probe().await);
    assert_eq!(seen.verdict, Verdict::Drifted, "there is something to restart");
    bench.trapped().await;
    let before = bench.witness().exact();
    let words = "/var/lib/kubelet/pki/kubelet-client-current.pem): a stopped etcd would not come back";
    let error = bench.probe().await.expect_err("the trap");
    assert_says(&error, ErrorClass::Refused, words);
    let remedy = error.remedy.expect("a way out");
    assert!(
        remedy.starts_with("let a step of kind kubelet-client come before this one in the plan, or "),
        "{remedy}"
    );
    assert!(remedy.contains("kubeadm init phase kubeconfig kubelet"), "{remedy}");
    // It may have expired between probe and apply.
    let error = bench.apply(&seen.facts).await.expect_err("the trap");
    assert_says(&error, ErrorClass::Refused, &words.replace("etcd", "kube-scheduler"));
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
    let error = bench.apply(&Facts::new(json!({ "components": [] }))).await.expect_err("the kubelet is dead");
    assert_says(&error, ErrorClass::Refused, "a stopped kube-apiserver would not come back");
    bench.assert_same(&before, &bench.witness().exact(), "a refused restart");
    let seen = good("preflight", bench.other_probe("preflight", json!({}), "cp-1").await);
    assert!(seen.summary.contains("kubelet-client mends this first: "), "{}", seen.summary);
}

#[tokio::test(start_paused = true)]
async fn a_link_where_a_new_kubelet_conf_is_to_be_made_is_refused_and_what_it_leads_to_stays() {
    let scenario = Scenario::new("kubelet-client", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.trapped().await;
    let outside = bench.file("/var/lib/etcd/outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("kubelet.conf"), "another's").expect("a file");
    std::os::unix::fs::symlink(&outside, bench.file("/etc/kubernetes/kubelet.new")).expect("a link");
    let before = bench.witness().exact();
    let error = bench.attempt().await.expect_err("a link");
    assert_eq!(error.class, ErrorClass::Invalid);
    assert_eq!(error.message, "cp-1: /etc/kubernetes/kubelet.new is there and is no folder");
    bench.assert_same(&before, &bench.witness().exact(), "a refused cure");
}
