//! A cluster that does not answer: what is still asked of it, and how long that may take.

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::Verdict;
use certwright_steps::lab::Validity;
use serde_json::json;

use crate::bench::Stage;
use crate::crashing::Crash;
use crate::doctored::SILENT;
use crate::good;
use crate::scenarios::Scenario;

/// kubectl would ask again for most of a minute.
#[tokio::test(start_paused = true)]
async fn kubectl_is_not_sent_to_a_server_that_closes_its_connections() {
    let daemonset = || json!({ "resource": "daemonset/etcd-defrag" });
    let of = |kind, with, lab| Scenario::new(kind, "workstation", lab).with(with);
    let mut asked = Vec::new();
    for (mut scenario, closed) in [
        (of("rollout-restart", daemonset(), Validity::Expired), true),
        (of("rollout-restart", daemonset(), Validity::Expiring), false),
        (of("pods-healthy", json!({}), Validity::Expired), true),
        (of("pods-healthy", json!({}), Validity::Expiring), false),
        (of("replace-kubeconfig", json!({}), Validity::Expired), true),
        (of("replace-kubeconfig", json!({}), Validity::Expiring), false),
    ] {
        // Its own admin cluster: the secret is asked for on a node.
        scenario.lab.cluster.admin_kubeconfig = None;
        let stage = Stage::new(&scenario).await;
        let (bench, counted) = (stage.bench(), Crash::never());
        if closed {
            // One that starts without its etcd takes connections and serves nothing.
            for node in ["cp-1", "cp-2", "cp-3"] {
                let id = bench.typed(node, &["crictl", "ps", "-q", "--name", "^kube-apiserver$"]).await;
                let stop = ["crictl", "--timeout", "30s", "stop", "--timeout", "0", id.trim()];
                bench.typed(node, &stop).await;
            }
            bench.sleep(Duration::from_secs(3)).await;
        }
        let told = bench.with(&counted).probe().await;
        let calls = counted.texts();
        let count = |word: &str| calls.iter().filter(|call| call.contains(word)).count();
        let (handshakes, questions) = (count("/livez"), count("kubectl "));
        if closed {
            let error = told.expect_err("nobody serves");
            assert!(error.message.contains("the server closed the connection"), "{}", error.message);
            assert_eq!((handshakes, questions), (3, 0), "{scenario}: {calls:#?}");
        } else {
            good("a look", told);
            assert!(questions > 0 && handshakes == questions, "{scenario}: one each: {calls:#?}");
        }
        asked.push((handshakes, questions));
    }
    println!("handshakes and kubectl calls: {asked:?}");
}

/// Asks a port for an API server's health.
const HANDSHAKE: &str = "curl -sSk";

/// A load balancer without a server.
const CLOSED: &str = "error 52: curl: (52) Empty reply from server";

/// A server without its etcd.
const UNWELL: &str = "[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed\n\nhttp_code=500\n";

/// API servers that crash and are started again in turn: behind a load balancer a connection is closed, waits in the queue
/// of a server that waits for etcd, or meets one that is about to end. The real kubectl took 55 s for either.
#[tokio::test(start_paused = true)]
async fn kubectl_is_given_little_time_where_no_server_is_seen_to_work() {
    let daemonset = json!({ "resource": "daemonset/etcd-defrag" });
    for (kind, with) in
        [("rollout-restart", daemonset), ("pods-healthy", json!({})), ("replace-kubeconfig", json!({}))]
    {
        // Expired: the workstation's kubeconfig is not tried, and the admin cluster is asked for its secret.
        let scenario = Scenario::new(kind, "workstation", Validity::Expired).with(with);
        let stage = Stage::new(&scenario).await;
        for (met, class, most) in [
            (&[CLOSED, SILENT, SILENT][..], ErrorClass::Unavailable, 4),
            (&[SILENT, CLOSED, SILENT], ErrorClass::Unavailable, 4),
            (&[SILENT, SILENT, SILENT], ErrorClass::DeadlineExceeded, 9),
            (&[SILENT, SILENT, UNWELL], ErrorClass::DeadlineExceeded, 6),
            (&[CLOSED, UNWELL], ErrorClass::DeadlineExceeded, 6),
        ] {
            let mut answers: Vec<_> = met.iter().map(|met| (HANDSHAKE, *met)).collect();
            if class == ErrorClass::DeadlineExceeded {
                answers.push(("kubectl ", SILENT));
            }
            let bench = stage.bench();
            let start = bench.wall_ms();
            // Fails, too, where one of the answers was not asked for.
            let told = bench.probe_doctored(&answers).await;
            let took = Duration::from_millis(bench.wall_ms() - start);
            let error = told.expect_err("nobody serves");
            assert_eq!(error.class, class, "{kind} {met:?}: {}", error.message);
            let says =
                if class == ErrorClass::Unavailable { "closed the connection" } else { "no answer in time" };
            assert!(error.message.contains(says), "{kind} {met:?}: {}", error.message);
            assert!(took < Duration::from_secs(most), "{kind} {met:?}: {took:?}");
            println!("{kind}, {met:?}: {took:?}: {}", error.message);
        }
    }
}

/// An admin cluster whose packets are dropped: kubectl asks again for longer than it is waited for.
#[tokio::test(start_paused = true)]
async fn where_the_admin_cluster_never_answers_a_node_has_the_kubeconfig() {
    let mut scenario = Scenario::new("replace-kubeconfig", "workstation", Validity::Expired);
    for kind in ["kubeadm-renew", "restart-static-pods"] {
        for node in ["cp-1", "cp-2", "cp-3"] {
            scenario = scenario.after(kind, node);
        }
    }
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let silent = [("kubectl --kubeconfig=/bmctl-workspace/admin/admin-kubeconfig", SILENT)];
    let probe = good("a look", bench.probe_doctored(&silent).await);
    assert_eq!(probe.verdict, Verdict::Drifted);
    assert!(probe.summary.contains("no answer in time"), "{}", probe.summary);
    good("an attempt", bench.attempt_doctored(&silent).await);
    assert_eq!(good("a look", bench.probe_doctored(&silent).await).verdict, Verdict::Satisfied);
}

/// Its listener takes connections before the member has joined, and answers none: seen with a real etcd.
#[tokio::test(start_paused = true)]
async fn a_member_without_quorum_that_shows_no_certificate_does_not_hold_a_look_up() {
    let scenario = Scenario::new("restart-static-pods", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let start = bench.wall_ms();
    let port = [("openssl s_client -showcerts -connect 127.0.0.1:2379", SILENT)];
    let probe = good("a look", bench.probe_doctored(&port).await);
    assert_eq!(probe.verdict, Verdict::Drifted);
    assert!(probe.summary.contains("etcd on 127.0.0.1:2379: no answer in time"), "{}", probe.summary);
    let took = Duration::from_millis(bench.wall_ms() - start);
    println!("a look at a member without quorum: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// A certificate does not end between two stops; a kubelet may.
#[tokio::test(start_paused = true)]
async fn the_kubelet_is_asked_before_each_stop_and_its_certificate_once_for_those_that_go_together() {
    let scenario =
        Scenario::new("restart-static-pods", "cp-1", Validity::Expiring).after("kubeadm-renew", "cp-1");
    let stage = Stage::new(&scenario).await;
    let (bench, counted) = (stage.bench(), Crash::never());
    good(
        "restart",
        bench.with(&counted).apply(&certwright_engine::step::Facts::new(json!({ "components": [] }))).await,
    );
    let calls = counted.texts();
    let is_stop = |call: &str| call.contains(" stop --timeout ");
    let stops: Vec<usize> = (0..calls.len()).filter(|k| is_stop(&calls[*k])).collect();
    assert_eq!(stops.len(), 4, "{calls:#?}");
    for stop in stops {
        assert!(
            calls[stop - 1].contains("systemctl is-active kubelet"),
            "before {}: {}",
            stop,
            calls[stop - 1]
        );
    }
    let certificates = calls.iter().filter(|call| call.contains("/etc/kubernetes/kubelet.conf")).count();
    assert_eq!(certificates, 2, "{calls:#?}");
}
