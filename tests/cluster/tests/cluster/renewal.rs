//! The product on the cluster: one run from each state, everything renewed and served, and a second run that changes
//! nothing.

use std::time::Instant;

use certwright_cluster::host::{Cluster, Spec};
use certwright_steps::lab::Validity;

use crate::proof::{Renewed, attempts, prove_renewed};
use crate::support::{RUN, certwright, start, until_kubectl_answers};

/// One run from a state with so many nodes that are well, and a second one; so many certificates are new then.
fn renews(from: &str, spec: &Spec, well: usize, renewed: usize) -> Cluster {
    let cluster = start(spec);
    until_kubectl_answers(&cluster, well);
    let since = certwright_cluster::said::now_ms() / 1000;
    let began = Instant::now();
    let ran = certwright(&cluster, RUN);
    let took = began.elapsed();
    assert_eq!(ran.code, Some(0), "{from}: {}", ran.whole());
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: renewed });
    until_kubectl_answers(&cluster, 3);
    let before = attempts(&cluster);
    let began = Instant::now();
    let again = certwright(&cluster, RUN);
    assert_eq!(again.code, Some(0), "{from}, again: {}", again.whole());
    assert!(again.stdout.contains("\nUNCHANGED  "), "{from}, again: {}", again.whole());
    assert_eq!(attempts(&cluster), before, "the second run stopped a container");
    println!(
        "{from}: up in {:.1} s; renewed in {:.1} s: {proof}; again, unchanged in {:.1} s",
        cluster.took().as_secs_f64(),
        took.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    cluster
}

#[test]
fn everything_expired_and_quorum_lost_ends_renewed_and_served() {
    renews("all expired", &Spec::new(Validity::Expired), 0, 31);
}

#[test]
fn a_healthy_cluster_whose_certificates_expire_soon_ends_renewed_and_served() {
    let cluster = renews("expiring", &Spec::new(Validity::Expiring), 3, 31);
    lists_its_nodes(&cluster);
}

/// An inventory of the nodes that the real kubectl lists is the one that the run had.
fn lists_its_nodes(cluster: &Cluster) {
    let from_nodes = "inventory from-nodes --kubeconfig bmctl-workspace/lab/lab-kubeconfig";
    let added = certwright(cluster, &format!("{from_nodes} --into inventory.toml --output json"));
    assert_eq!(added.code, Some(0), "{}", added.whole());
    let json: serde_json::Value = serde_json::from_str(&added.stdout).expect("one object");
    assert_eq!(
        (&json["changed"], &json["told"]),
        (&false.into(), &serde_json::json!([])),
        "{}",
        added.whole()
    );
    let new = certwright(cluster, &format!("{from_nodes} --cluster lab --user ops"));
    assert_eq!(new.code, Some(0), "{}", new.whole());
    for node in cluster.nodes() {
        let host = format!("[[host]]\nname = \"{}\"\naddress = \"{}\"\n", node.name(), node.address());
        assert!(new.stdout.contains(&host), "{host} is missing in {}", new.whole());
    }
}

#[test]
fn one_expired_node_among_healthy_ones_ends_renewed_and_served() {
    renews("one node expired", &Spec::new(Validity::Valid).but("cp-2", Validity::Expired), 2, 10);
}
