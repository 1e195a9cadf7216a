//! From everything expired to everything renewed and verified, with faults on the way.

use crate::cluster::Cluster;
use crate::openssl::{self, Expected};

#[test]
fn the_shipped_plan_renews_three_expired_nodes_over_ssh_and_sudo_and_a_second_run_changes_nothing() {
    let cluster = Cluster::expired();
    for fault in
        ["deadline-exceeded=stop@cp-1", "deadline-unknown-after@cp-2", "renew-dies=4@cp-2", "slow=20@cp-3"]
    {
        cluster.inject(fault);
    }

    let ran = cluster.run("run renew-control-plane --inventory inventory.toml --yes=lab");
    // kubeadm that dies half-way is not a matter of a retry in the shipped plan: it stops, and is resumed.
    assert_eq!(ran.code, Some(10), "{}", ran.whole());
    assert!(ran.stdout.contains("cp-2"), "{}", ran.whole());
    let resumed = cluster.run("resume");
    assert_eq!(resumed.code, Some(0), "{}\n{}", ran.whole(), resumed.whole());

    let fired = cluster.lab().faults_fired().expect("the lab's memory");
    assert!(fired.len() >= 4, "every fault was met: {fired:?}");
    let agreed = openssl::check_nodes(&cluster.path("lab"), Expected::Valid);

    let attempts = cluster.attempts();
    for node in cluster.nodes() {
        for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            assert_eq!(
                attempts[&format!("{node}/{component}")],
                1,
                "{component} on {node} was stopped once: {attempts:?}"
            );
        }
    }

    let again = cluster.run("run renew-control-plane --inventory inventory.toml --yes=lab --output json");
    assert_eq!(again.code, Some(0), "{}", again.whole());
    let changing = again.stdout.lines().filter(|line| line.contains("\"applied\"")).count();
    assert_eq!(changing, 0, "{}", again.whole());
    assert_eq!(cluster.attempts(), attempts, "the second run stopped nothing");
    println!("over ssh: {} faults met, {agreed} certificates checked by openssl", fired.len());
}
