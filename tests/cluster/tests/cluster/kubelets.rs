//! The kubelet's traps.

use std::time::Duration;

use certwright_cluster::host::{Cluster, Spec};
use certwright_steps::lab::Validity;

use crate::support::{container, start, until};

/// The kubelet's state and log on a node.
fn kubelet(cluster: &Cluster, node: &str) -> (String, String) {
    let log = std::fs::read_to_string(cluster.node(node).path("/var/log/kubelet.log")).expect("its log");
    (cluster.ssh(node, "systemctl is-active kubelet").stdout, log)
}

#[test]
fn a_kubelet_with_an_expired_certificate_lives_while_no_api_answers_and_does_not_start_again() {
    let cluster = start(&Spec::new(Validity::Expired).kubelets(Validity::Expired));
    let node = "cp-2";
    until("etcd", Duration::from_secs(20), || container(&cluster, node, "etcd").is_some());
    assert_eq!(cluster.ssh(node, "curl -s http://127.0.0.1:10248/healthz").ok(), "ok");
    assert_eq!(cluster.ssh(node, "curl -sk https://127.0.0.1:10250/pods").ok(), "Unauthorized");
    let first = container(&cluster, node, "etcd").expect("it runs");
    cluster.ssh(node, &format!("crictl stop {first}")).ok();
    until("a kubelet that lives starts it again", Duration::from_secs(10), || {
        container(&cluster, node, "etcd").is_some_and(|id| id != first)
    });
    assert_eq!(kubelet(&cluster, node).0, "active\n");

    cluster.ssh(node, "systemctl restart kubelet").ok();
    until("it cannot start", Duration::from_secs(5), || kubelet(&cluster, node).0 == "activating\n");
    let log = kubelet(&cluster, node).1;
    let dies = "part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired";
    assert!(log.contains(dies), "{log}");
}

#[test]
fn an_api_that_answers_ends_a_kubelet_with_an_expired_certificate_and_then_nothing_comes_back() {
    let cluster = start(&Spec::new(Validity::Valid).kubelets(Validity::Expired));
    let node = "cp-2";
    let closed =
        until("the trap closes", Duration::from_secs(60), || kubelet(&cluster, node).0 == "activating\n");
    let log = kubelet(&cluster, node).1;
    assert!(
        log.contains("No valid client certificate is found and the server is responsive, exiting."),
        "{log}"
    );
    let id = container(&cluster, node, "etcd").expect("containers live on");
    assert_eq!(cluster.ssh(node, &format!("crictl stop {id}")).ok(), format!("{id}\n"));
    assert_eq!(container(&cluster, node, "etcd"), None);

    // The way out: a kubelet.conf from the node's own CA.
    let address = cluster.node(node).address();
    let heal = format!(
        "set -e; mv /etc/kubernetes/kubelet.conf /root/; mkdir /root/pki; \
         mv /var/lib/kubelet/pki/kubelet-client* /root/pki/; \
         kubeadm init phase kubeconfig kubelet --node-name {node} --apiserver-advertise-address {address} \
         --control-plane-endpoint {address}:6443 --kubernetes-version v1.36.1; systemctl restart kubelet"
    );
    // It was dead all the while, and nothing came back.
    assert_eq!(container(&cluster, node, "etcd"), None);
    cluster.ssh(node, &heal).ok();
    let took = until("the container comes back", Duration::from_secs(10), || {
        container(&cluster, node, "etcd").is_some()
    });
    assert_eq!(kubelet(&cluster, node).0, "active\n");
    let rotated = until("the kubelet rotates what it was given", Duration::from_secs(30), || {
        cluster
            .ssh(node, "openssl x509 -noout -subject -in /var/lib/kubelet/pki/kubelet-client-current.pem")
            .code
            == Some(0)
    });
    let requests = crate::support::kubectl(&cluster, "get csr").ok();
    assert!(requests.contains("system:node:cp-2") && requests.contains("Approved,Issued"), "{requests}");
    println!(
        "the trap closed after {:.1} s; etcd came back {} ms after the kubelet was healed; rotated {:.1} s later",
        closed.as_secs_f64(),
        took.as_millis(),
        rotated.as_secs_f64()
    );
}

#[test]
fn a_kubelet_that_is_asked_for_its_version_says_it_and_starts_nothing() {
    let cluster = start(&Spec::new(Validity::Valid));
    let node = "cp-2";
    until("etcd", Duration::from_secs(20), || container(&cluster, node, "etcd").is_some());
    cluster.ssh(node, "systemctl stop kubelet").ok();
    let id = container(&cluster, node, "etcd").expect("containers live on");
    cluster.ssh(node, &format!("crictl stop {id}")).ok();
    assert_eq!(cluster.ssh(node, "kubelet --version").ok(), "Kubernetes v1.36.1\n");
    assert_eq!(container(&cluster, node, "etcd"), None);
}
