//! A cluster that gets worse under a run: a peer of the node under work dies after the gate was taken, before the next stop.

use std::time::Duration;

use certwright_cluster::host::{Cluster, Spec};
use certwright_steps::lab::Validity;

use crate::faults::{fired, replace};
use crate::proof::{Renewed, attempts, prove_renewed};
use crate::support::{certwright, container, start, until, until_etcd_is_healthy, until_kubectl_answers};

/// The shipped plan.
const SHIPPED: &str = include_str!("../../../../plans/renew-control-plane.toml");

/// The node under work, and the peer that dies.
const NODE: &str = "cp-1";
const PEER: &str = "cp-3";

/// The shipped plan, whose restarts wait shorter for a peer that was there, and are not tried again.
fn plan() -> String {
    let restarts = "with.restart = \"{{ restart }}\"\n";
    let (before, behind) = SHIPPED.split_once(restarts).expect("the step that restarts");
    let (retry, behind) = behind.split_once("\nretry = ").expect("its retry");
    let (_, behind) = behind.split_once('\n').expect("another line");
    format!("{before}{restarts}with.ready-within = \"10s\"\n{retry}\n{behind}")
}

/// Waits until the first container of the node is about to be stopped, and then ends one of the peer for good.
fn ends_a_peers(cluster: &Cluster, component: &str) {
    until("the first stop", Duration::from_secs(120), || fired(cluster, NODE));
    cluster.ssh(PEER, "systemctl stop kubelet").ok();
    let id = container(cluster, PEER, component).expect("it runs until now");
    cluster.ssh(PEER, &format!("crictl stop {id}")).ok();
    assert_eq!(container(cluster, PEER, component), None, "nobody starts it again");
    cluster.ssh(NODE, "touch /root/go").ok();
}

/// A run that a component of a peer ends under, for this reason; then its resume, with the peer back.
fn stops_and_goes_on(component: &str, why: &str) {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    until_etcd_is_healthy(&cluster);
    let since = certwright_cluster::said::now_ms() / 1000;
    std::fs::write(cluster.workstation().path("/root/plan.toml"), plan()).expect("a plan");
    let script = "case \" $* \" in *' stop '*) if mkdir /root/fired 2>/dev/null; then\n\
                  until [ -e /root/go ]; do sleep 0.05; done; fi;; esac; exec /root/real/crictl \"$@\"";
    replace(&cluster, NODE, "crictl", script);
    let before = attempts(&cluster);
    let ran = std::thread::scope(|scope| {
        let falls = scope.spawn(|| ends_a_peers(&cluster, component));
        let ran = certwright(&cluster, "run plan.toml --inventory inventory.toml --yes=lab");
        falls.join().expect("the peer's end");
        ran
    });
    assert_eq!(ran.code, Some(10), "{}", ran.whole());
    let words = ran.whole().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(why), "{}", ran.whole());
    let restarted: Vec<String> = attempts(&cluster)
        .into_iter()
        .filter(|(name, attempt)| before[name] != *attempt)
        .map(|(name, _)| name)
        .collect();
    let behind = ["kube-controller-manager", "kube-scheduler"].map(|name| format!("{NODE}/{name}"));
    assert!(restarted.iter().all(|name| behind.contains(name)), "restarted beside it: {restarted:?}");
    assert!(!restarted.is_empty(), "the fault came behind the gate: {}", ran.whole());

    cluster.ssh(PEER, "systemctl start kubelet").ok();
    until_kubectl_answers(&cluster, 3);
    until_etcd_is_healthy(&cluster);
    let resumed = certwright(&cluster, "resume");
    assert_eq!(resumed.code, Some(0), "{}", resumed.whole());
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    println!(
        "{component} of {PEER} ended behind the gate of {NODE}; restarted by then: {restarted:?}; resumed: {proof}"
    );
}

#[test]
#[ignore = "a minute: cargo nextest run -p certwright-cluster --run-ignored only behind_the_gate --no-capture"]
fn an_api_server_of_a_peer_that_dies_behind_the_gate_stops_the_run_and_a_resume_ends_it() {
    stops_and_goes_on(
        "kube-apiserver",
        "kube-apiserver of cp-3 was ready before anything was stopped on cp-1, and is not: ",
    );
}

#[test]
#[ignore = "two minutes, one of them the gate's: cargo nextest run -p certwright-cluster --run-ignored only behind_the_gate --no-capture"]
fn an_etcd_of_a_peer_that_dies_behind_the_gate_stops_the_run_and_a_resume_ends_it() {
    stops_and_goes_on("etcd", "stopping etcd on cp-1 would leave 1 of 3 ready, 2 must be: cp-3: ");
}
