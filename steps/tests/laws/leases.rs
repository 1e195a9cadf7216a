//! The leases of the schedulers and of the controller-managers in a restart: who goes when, and which lease is given back.

use std::time::Duration;

use certwright_steps::lab::Validity;
use serde_json::{Value, json};

use crate::bench::{Bench, Stage};
use crate::crashing::Crash;
use crate::doctored::SILENT;
use crate::good;
use crate::restarts::restart;
use crate::scenarios::Scenario;

const MANAGER: &str = "kube-controller-manager";

const SCHEDULER: &str = "kube-scheduler";

/// What gives a lease back, without its name.
const GIVE_BACK: &str = "kubectl --kubeconfig=/etc/kubernetes/admin.conf patch lease ";

impl Bench<'_> {
    /// Who holds a lease, as somebody on a node that answers is told.
    async fn holder(&self, host: &str, lease: &str) -> String {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{lease}");
        let words = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "--raw", &path];
        let lease: Value = serde_json::from_str(&self.typed(host, &words).await).expect("JSON");
        lease["spec"]["holderIdentity"].as_str().expect("a holder, or nobody").to_owned()
    }
}

/// Before an API server that answers, after one that does not; those that lead, just before their API server goes.
#[tokio::test(start_paused = true)]
async fn controllers_find_an_api_server_when_they_start_and_those_that_lead_hand_their_leases_to_peers() {
    let (etcd, api, manager, scheduler) = ("etcd", "kube-apiserver", MANAGER, SCHEDULER);
    let cases = [
        // The lab's first ones lead.
        ("cp-1", None, vec![manager, scheduler, api, etcd]),
        ("cp-2", None, vec![scheduler, manager, api, etcd]),
        ("cp-1", Some(api), vec![etcd, scheduler, manager]),
    ];
    for (host, down, expected) in cases {
        let mut scenario = restart();
        scenario.host = host;
        scenario.before[0].2 = host;
        let stage = Stage::new(&scenario).await;
        let (bench, counted) = (stage.bench(), Crash::never());
        if let Some(component) = down {
            bench.down(host, component).await;
            bench.typed(host, &["systemctl", "restart", "kubelet"]).await;
        }
        let ids = bench.running(host).await;
        good("restart", bench.with(&counted).attempt().await);
        let calls = counted.texts();
        let stops: Vec<&str> = calls
            .iter()
            .filter(|call| call.contains(" stop --timeout "))
            .map(|call| ids.iter().find(|(_, id)| call.contains(*id)).map_or("?", |(name, _)| name.as_str()))
            .collect();
        assert_eq!(stops, expected, "{host}");
        // What the node's own API server is asked is asked of no other one.
        let reads = calls.iter().filter(|call| call.contains("get --raw"));
        let own = format!("--server=https://10.200.0.{}:6443", if host == "cp-1" { 2 } else { 3 });
        assert!(reads.clone().all(|call| call.contains(&own)), "{calls:#?}");
        assert_eq!(reads.count() > 0, down.is_none(), "{calls:#?}");
    }
}

/// Only once its container has ended, in its own name, and before its API server goes.
#[tokio::test(start_paused = true)]
async fn the_lease_of_a_controller_manager_that_has_ended_is_given_back() {
    let needed =
        Scenario::new("restart-static-pods", "cp-1", Validity::Expiring).with(json!({"restart": "needed"}));
    let needed = needed.after("kubeadm-renew", "cp-1");
    for (what, scenario, front) in [("all", restart(), true), ("needed", needed, false)] {
        let stage = Stage::new(&scenario).await;
        let (bench, counted) = (stage.bench(), Crash::never());
        // Once the servers have read their new files by themselves.
        bench.sleep(Duration::from_secs(10)).await;
        let (ids, held) = (bench.running("cp-1").await, bench.holder("cp-1", MANAGER).await);
        assert!(held.starts_with("cp-1_"), "{what}: {held}");
        good(what, bench.with(&counted).attempt().await);
        let calls = counted.texts();
        let at = |words: &str| calls.iter().position(|call| call.contains(words));
        let stop = |name: &str| at(&format!(" stop --timeout 5 {}", ids[name]));
        let given = at(&format!("{GIVE_BACK}{MANAGER} ")).expect("it is given back");
        assert!(
            calls[given].contains(&format!(r#""op":"test","path":"/spec/holderIdentity","value":"{held}""#))
        );
        assert!(stop(MANAGER) < Some(given), "{what}: {calls:#?}");
        assert_eq!(stop("kube-apiserver").is_some(), front, "{what}: {calls:#?}");
        assert!(stop("kube-apiserver").is_none_or(|stop| given < stop), "{what}: {calls:#?}");
        assert_eq!(at(&format!("{GIVE_BACK}{SCHEDULER} ")), None, "a scheduler does so itself");
        let holder = bench.holder("cp-1", MANAGER).await;
        assert!(holder.starts_with("cp-2_"), "{what}: not waited for: {holder}");
    }
    // That of another node's is not touched.
    let mut other = restart();
    other.host = "cp-2";
    other.before[0].2 = "cp-2";
    let stage = Stage::new(&other).await;
    let (bench, counted) = (stage.bench(), Crash::never());
    good("a node that does not lead", bench.with(&counted).attempt().await);
    assert!(!counted.texts().iter().any(|call| call.starts_with(GIVE_BACK)));
}

/// Nobody is stopped for it, and nothing is held back.
#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_given_back_or_read_or_is_somebody_elses_holds_no_restart_back() {
    let forbidden = "error: Error from server (Forbidden): leases.coordination.k8s.io is forbidden\n";
    let taken =
        "error: The request is invalid: the server rejected our request due to an error in our request\n";
    let path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager";
    let read: &'static str =
        format!("kubectl --kubeconfig=/etc/kubernetes/admin.conf get --raw {path}").leak();
    for (line, answer) in [
        (GIVE_BACK, forbidden),
        (GIVE_BACK, taken),
        // The API server does not answer in time.
        (GIVE_BACK, SILENT),
        (read, forbidden),
        (read, r#"{"spec":{"holderIdentity":"cp-1_a b"}}"#),
        (read, r#"{"spec":{"holderIdentity":"cp-10_6a1f"}}"#),
        (read, "not JSON"),
    ] {
        let scenario = restart();
        let stage = Stage::new(&scenario).await;
        let (bench, counted) = (stage.bench(), Crash::never());
        good(answer, bench.with(&counted).attempt_doctored(&[(line, answer)]).await);
        // What is doctored does not reach the host that counts.
        assert!(!counted.texts().iter().any(|call| call.starts_with(GIVE_BACK)), "{answer}");
    }
}

/// A runtime that says it stopped what still runs: the lease stays where it is.
#[tokio::test(start_paused = true)]
async fn no_lease_is_given_back_in_the_name_of_a_container_that_still_runs() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let (bench, counted) = (stage.bench(), Crash::never());
    let id = bench.running("cp-1").await.remove(MANAGER).expect("it runs");
    let stop: &'static str = format!(
        "crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5 {id}"
    )
    .leak();
    let error = bench.with(&counted).attempt_doctored(&[(stop, "")]).await.expect_err("it still runs");
    assert!(error.message.contains("yet its container still runs"), "{error:?}");
    assert!(!counted.texts().iter().any(|call| call.starts_with(GIVE_BACK)), "{:#?}", counted.texts());
    assert!(bench.holder("cp-2", MANAGER).await.starts_with("cp-1_"));
}
