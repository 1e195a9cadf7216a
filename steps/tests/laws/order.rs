//! The kinds one after the other, as the shipped plan has them.

use std::time::Duration;

use certwright_steps::lab::Validity;

use crate::bench::Stage;
use crate::scenarios::Scenario;

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
