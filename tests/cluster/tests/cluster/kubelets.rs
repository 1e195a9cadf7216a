//! The kubelet's traps.

use std::time::Duration;

use certwright_steps::lab::{LabSpec, Validity};

use crate::support::{container, spec, start, until};

#[test]
fn a_kubelet_with_an_expired_certificate_goes_on_until_it_is_restarted_and_then_nothing_comes_back() {
    let cluster = start(&LabSpec { kubelet: Validity::Expired, ..spec(Validity::Valid) });
    let node = "cp-2";
    until("etcd", Duration::from_secs(20), || container(&cluster, node, "etcd").is_some());
    assert_eq!(cluster.ssh(node, "systemctl is-active kubelet").ok(), "active\n");
    assert_eq!(cluster.ssh(node, "curl -s http://127.0.0.1:10248/healthz").ok(), "ok");
    assert_eq!(cluster.ssh(node, "curl -sk https://127.0.0.1:10250/pods").ok(), "Unauthorized");
    let first = container(&cluster, node, "etcd").expect("it runs");
    cluster.ssh(node, &format!("crictl stop {first}")).ok();
    until("a kubelet that lives restarts it", Duration::from_secs(10), || {
        container(&cluster, node, "etcd").is_some_and(|id| id != first)
    });

    cluster.ssh(node, "systemctl restart kubelet").ok();
    until("it cannot start", Duration::from_secs(5), || {
        cluster.ssh(node, "systemctl is-active kubelet").stdout == "activating\n"
    });
    let log = std::fs::read_to_string(cluster.node(node).path("/var/log/kubelet.log")).expect("its log");
    assert!(
        log.contains("part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is"),
        "{log}"
    );
    let second = container(&cluster, node, "etcd").expect("containers live on");
    assert_eq!(cluster.ssh(node, &format!("crictl stop {second}")).ok(), format!("{second}\n"));
    assert_eq!(container(&cluster, node, "etcd"), None);

    // The way out: a kubelet.conf from the node's own CA.
    let heal = format!(
        "set -e; mv /etc/kubernetes/kubelet.conf /root/; mkdir /root/pki; mv /var/lib/kubelet/pki/kubelet-client* /root/pki/; \
         kubeadm init phase kubeconfig kubelet --node-name {node} --apiserver-advertise-address {} \
         --control-plane-endpoint {}:6443 --kubernetes-version v1.36.1; systemctl restart kubelet",
        cluster.node(node).address(),
        cluster.node(node).address()
    );
    // It was dead for as long as its healing took, and nothing came back meanwhile.
    assert_eq!(container(&cluster, node, "etcd"), None);
    cluster.ssh(node, &heal).ok();
    let took = until("the container comes back", Duration::from_secs(10), || {
        container(&cluster, node, "etcd").is_some()
    });
    assert_eq!(cluster.ssh(node, "systemctl is-active kubelet").ok(), "active\n");
    println!("the trap closed, and etcd came back {} ms after the kubelet was healed", took.as_millis());
}
