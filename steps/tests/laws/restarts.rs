//! Restarts: which containers are stopped, in what time, and beside which peers they are not.

use std::time::Duration;

use certwright_engine::host::Command;
use certwright_engine::host::dial::{Dial, Endpoint};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Facts, Verdict};
use certwright_steps::lab::Validity;
use certwright_steps::pki::{Certificate, Digest};

use crate::bench::{Bench, Stage};
use crate::faults::assert_says;
use crate::good;
use crate::scenarios::Scenario;
use serde_json::json;

pub(crate) fn restart() -> Scenario {
    Scenario::new("restart-static-pods", "cp-1", Validity::Expiring).after("kubeadm-renew", "cp-1")
}

impl Bench<'_> {
    /// Stops a component of a peer for good.
    pub(crate) async fn down(&self, host: &str, component: &str) {
        self.fault(&format!("container-stays-down={component}@{host}"));
        let ids = self.typed(host, &["crictl", "ps", "-q", "--name", &format!("^{component}$")]).await;
        self.typed(host, &["crictl", "--timeout", "30s", "stop", "--timeout", "0", ids.trim()]).await;
        self.assert_fired();
        self.sleep(Duration::from_secs(5)).await;
    }

    pub(crate) async fn typed(&self, host: &str, words: &[&str]) -> String {
        let command = Command::mutates(words.iter().copied());
        let output = self.context(host).run(&command).await.expect("the lab answers");
        assert!(output.success(), "{words:?}");
        String::from_utf8(output.stdout.bytes().to_vec()).expect("UTF-8")
    }

    /// The ids of the running containers of a node by their names.
    pub(crate) async fn running(&self, host: &str) -> std::collections::BTreeMap<String, String> {
        let mut ids = std::collections::BTreeMap::new();
        for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let id = self.typed(host, &["crictl", "ps", "-q", "--name", &format!("^{name}$")]).await;
            if !id.trim().is_empty() {
                ids.insert(name.to_owned(), id.trim().to_owned());
            }
        }
        ids
    }

    /// The host of etcd's leader.
    fn leader(&self) -> Option<String> {
        let text = std::fs::read(self.lab().dir().join(".lab/state.json")).expect("the lab's memory");
        let state: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        state["leader"].as_str().map(str::to_owned)
    }

    /// How often the containers of a node were made anew.
    fn attempts_of(&self, node: &str) -> Vec<(String, String)> {
        let seen = self.witness().shape();
        seen.into_iter().filter(|(name, _)| name.starts_with(&format!("{node}/"))).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_or_an_api_server_that_the_others_hang_on_is_not_stopped_until_they_are_back() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let cases: [(&str, &[&str], &str); 2] = [
        (
            "etcd",
            &["cp-2"],
            "stopping etcd on cp-1 would leave 1 of 3 ready, 2 must be: cp-2: etcd is not ready",
        ),
        (
            "kube-apiserver",
            &["cp-2", "cp-3"],
            "stopping kube-apiserver on cp-1 would leave 0 of 3 ready, 1 must be: cp-2: kube-apiserver is not ready",
        ),
    ];
    for (component, peers, words) in cases {
        let bench = stage.bench();
        for peer in peers {
            bench.down(peer, component).await;
        }
        let before = bench.attempts_of("cp-1");
        let error = bench.attempt().await.expect_err("it would be an outage");
        assert_says(&error, ErrorClass::Unavailable, words);
        assert!(error.remedy.is_some());
        assert_eq!(bench.attempts_of("cp-1"), before, "nothing was stopped");
        for peer in peers {
            bench.typed(peer, &["systemctl", "restart", "kubelet"]).await;
        }
        bench.sleep(Duration::from_secs(60)).await;
        good(component, bench.attempt().await);
        assert_ne!(bench.attempts_of("cp-1"), before, "restarted once they are back");
    }
    println!("{} peers in the way", cases.len());
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_already_holds_no_restart_back() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    for peer in ["cp-2", "cp-3"] {
        bench.down(peer, "etcd").await;
    }
    let before = bench.attempts_of("cp-1");
    let error = bench.attempt().await.expect_err("no quorum comes of one member");
    assert_says(&error, ErrorClass::Unavailable, "cp-1: not ready within 6m: etcd is not ready: http://");
    assert!(error.remedy.is_some_and(|remedy| remedy.contains("without --limit")));
    let lines = error.evidence.expect("evidence").last_lines;
    assert!((1..=3).contains(&lines.len()), "{lines:?}");
    assert!(lines.iter().all(|line| line.chars().count() <= 203), "{lines:?}");
    assert_ne!(bench.attempts_of("cp-1"), before, "it was tried");
}

#[tokio::test(start_paused = true)]
async fn a_node_is_through_in_the_time_of_its_api_server_since_etcd_goes_with_it() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let start = bench.wall_ms();
    good("restart", bench.attempt().await);
    let took = bench.wall_ms() - start;
    println!("a node in {took} ms");
    // One after the other, etcd would take its whole grace first, since its API server watches: 5 s more.
    assert!((9_000..13_000).contains(&took), "{took} ms");
}

/// Where no API server was stopped there is nothing to be seen, and no pause.
#[tokio::test(start_paused = true)]
async fn a_slow_load_balancer_is_given_its_time_after_an_api_server_alone() {
    let scenario = restart().with(json!({"balancer-time": 40_000}));
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let start = bench.wall_ms();
    good("restart", bench.attempt().await);
    let took = bench.wall_ms() - start;
    assert!((49_000..53_000).contains(&took), "{took} ms");
    let only = json!({"balancer-time": 40_000, "components": ["kube-scheduler", "kube-controller-manager"]});
    let scenario = restart().with(only);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let start = bench.wall_ms();
    good("restart", bench.attempt().await);
    let took = bench.wall_ms() - start;
    assert!(took < 20_000, "{took} ms");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_says_it_is_ready_and_answers_no_read_is_waited_for() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let refused = "error: The connection to the server 10.200.0.2:6443 was refused - did you specify the right host or port?\n";
    let error =
        stage.bench().attempt_doctored(&[("kubectl ", refused)]).await.expect_err("it answers no read");
    assert_says(
        &error,
        ErrorClass::Unavailable,
        "not ready within 6m: kube-apiserver does not answer a read yet",
    );
    // That it says no is an answer: another step judges it.
    let forbidden = "error: Error from server (Forbidden): configmaps \"kubeadm-config\" is forbidden\n";
    good("an answer", stage.bench().attempt_doctored(&[("kubectl ", forbidden)]).await);
}

#[tokio::test(start_paused = true)]
async fn the_leadership_of_etcd_is_moved_away_before_its_member_is_stopped() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    assert_eq!(bench.leader().as_deref(), Some("cp-1"));
    let counted = crate::crashing::Crash::never();
    let etcd = bench.running("cp-1").await.remove("etcd").expect("it runs");
    good("restart", bench.with(&counted).attempt().await);
    // Without the move the first of the others is elected.
    assert_eq!(bench.leader().as_deref(), Some("cp-3"));
    let calls = counted.texts();
    let at = |what: &str| {
        calls.iter().position(|call| call.contains(what)).unwrap_or_else(|| panic!("no {what}: {calls:#?}"))
    };
    assert!(at("transfer-leadership") < at(&format!(" stop --timeout 5 {etcd}")), "{calls:#?}");
    // Where another leads nothing is asked of anybody.
    let mut other = restart();
    other.host = "cp-2";
    other.before[0].2 = "cp-2";
    let stage = Stage::new(&other).await;
    let (bench, counted) = (stage.bench(), crate::crashing::Crash::never());
    good("restart", bench.with(&counted).attempt().await);
    assert_eq!(bench.leader().as_deref(), Some("cp-1"));
    assert!(!counted.texts().iter().any(|call| call.contains("transfer-leadership")));
}

#[tokio::test(start_paused = true)]
async fn a_leadership_that_cannot_be_moved_holds_no_restart_back() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    // A member's name that no peer has: nothing is moved, and the others elect one.
    for host in ["cp-2", "cp-3"] {
        let manifest = bench.file_of(host, "/etc/kubernetes/manifests/etcd.yaml");
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        std::fs::write(&manifest, text.replace(&format!("--name={host}"), "--name=else")).expect("written");
    }
    good("restart", bench.attempt().await);
    // The lab writes down what time alone has done with the next change only.
    bench.fault("slow=2@cp-1");
    bench.typed("cp-1", &["crictl", "ps", "-q"]).await;
    assert_eq!(bench.leader().as_deref(), Some("cp-2"), "elected");
}

#[tokio::test(start_paused = true)]
async fn where_only_what_needs_it_is_restarted_servers_that_read_new_files_by_themselves_run_on() {
    let scenario =
        Scenario::new("restart-static-pods", "cp-1", Validity::Expiring).with(json!({ "restart": "needed" }));
    let stage = Stage::new(&scenario).await;
    // At once after the renewal, when nobody has read the new files yet, and a minute later.
    for (pause, read) in [(0, false), (60, true)] {
        let bench = stage.bench();
        good("renewal", bench.other("kubeadm-renew", json!({}), "cp-1").await);
        bench.sleep(Duration::from_secs(pause)).await;
        let before = bench.attempts_of("cp-1");
        let served = Dial::certificate(Endpoint::new("127.0.0.1", 6443));
        let served = bench.context("cp-1").host.dial(&served).await.expect("the lab answers");
        let leaf = served.outcome.expect("it serves").chain.swap_remove(0);
        let file = std::fs::read(bench.file("/etc/kubernetes/pki/apiserver.crt")).expect("a certificate");
        let file = Certificate::all_from_pem(&file).expect("PEM").swap_remove(0);
        assert_eq!(Digest::of(&leaf) == file.fingerprint, read, "what is served after {pause} s");
        good("restart", bench.apply(&Facts::new(json!({ "components": [] }))).await);
        let after = bench.attempts_of("cp-1");
        let changed: Vec<&str> = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .map(|((name, _), _)| name.as_str())
            .collect();
        assert_eq!(changed, ["cp-1/kube-controller-manager", "cp-1/kube-scheduler"], "after {pause} s");
        assert_eq!(good("again", bench.probe().await).verdict, Verdict::Satisfied);
    }
}

/// A lab of five members: the quorum alone would let another one go.
fn five() -> Scenario {
    let mut scenario = restart();
    for number in 4..=5 {
        let mut node = scenario.lab.nodes[2].clone();
        node.name = format!("cp-{number}");
        node.address = format!("10.200.0.{}", number + 1);
        scenario.lab.nodes.push(node);
    }
    scenario
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_worse_than_when_the_gate_was_taken_stops_the_run_before_the_next_stop() {
    let scenario = five();
    let stage = Stage::new(&scenario).await;
    for component in ["etcd", "kube-apiserver"] {
        let bench = stage.bench();
        let seen = good("a look", bench.probe().await);
        bench.down("cp-4", component).await;
        let before = bench.attempts_of("cp-1");
        let stopped = || {
            let holders = |(name, _): &(String, String)| {
                !name.contains("kube-controller") && !name.contains("kube-scheduler")
            };
            bench.attempts_of("cp-1").into_iter().filter(holders).collect::<Vec<_>>()
        };
        let front = stopped();
        let error = bench.apply(&seen.facts).await.expect_err("it is worse");
        let words = format!(
            "{component} of cp-4 was ready before anything was stopped on cp-1, and is not: {component} is not ready"
        );
        assert_says(&error, ErrorClass::Refused, &words);
        assert!(
            error.remedy.is_some_and(
                |remedy| remedy.contains("bring it back first") && !remedy.contains("then resume")
            )
        );
        assert_eq!(stopped(), front, "an etcd or an API server was stopped");
        // Lost before the next look, it holds nothing up: four of five keep a quorum of three.
        good("a resume", bench.attempt().await);
        assert_ne!(bench.attempts_of("cp-1"), before);
    }
}

/// The controller-manager and the scheduler of a node that leads end between the look at the peers and the stop of its API
/// server; that may take long.
#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_while_those_that_lead_end_is_seen_before_the_api_server_and_etcd_are_stopped() {
    let scenario = five();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let seen = good("a look", bench.probe().await);
    let before = bench.running("cp-1").await;
    bench.fault("slow=3@cp-1*1000");
    let manager = |bench: &Bench<'_>| {
        let all = bench.attempts_of("cp-1").into_iter();
        all.filter(|(name, _)| name.contains("kube-controller-manager")).collect::<Vec<_>>()
    };
    let old = manager(&bench);
    let falls = async {
        while manager(&bench) == old {
            bench.sleep(Duration::from_secs(1)).await;
        }
        bench.down("cp-4", "etcd").await;
    };
    let (made, ()) = tokio::join!(bench.apply(&seen.facts), falls);
    let error = made.expect_err("it is worse");
    let words = "etcd of cp-4 was ready before anything was stopped on cp-1, and is not";
    assert_says(&error, ErrorClass::Refused, words);
    let now = bench.running("cp-1").await;
    for name in ["etcd", "kube-apiserver"] {
        assert_eq!(now.get(name), before.get(name), "{name} was stopped");
    }
    assert_ne!(now["kube-controller-manager"], before["kube-controller-manager"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_while_a_node_is_restarted_stops_the_run_before_the_next_node() {
    let scenario = five();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let seen = good("a look", bench.probe().await);
    let before = bench.running("cp-1").await;
    // Behind the last stop, while the API server starts.
    let falls = async {
        while bench.running("cp-1").await.contains_key("kube-apiserver") {
            bench.sleep(Duration::from_millis(100)).await;
        }
        bench.down("cp-4", "etcd").await;
    };
    let (made, ()) = tokio::join!(bench.apply(&seen.facts), falls);
    let error = made.expect_err("it is worse");
    assert_says(
        &error,
        ErrorClass::Refused,
        "etcd of cp-4 was ready before anything was stopped on cp-1, and is not",
    );
    let now = bench.running("cp-1").await;
    assert!(now.len() == 4 && before.iter().all(|(name, id)| now[name] != *id), "cp-1 is half done: {now:?}");
    bench.typed("cp-4", &["systemctl", "restart", "kubelet"]).await;
    bench.sleep(Duration::from_secs(60)).await;
    assert_eq!(good("a resume", bench.probe().await).verdict, Verdict::Satisfied);
}
