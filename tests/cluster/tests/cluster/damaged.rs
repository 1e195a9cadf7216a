//! The product on clusters that are worse than expired: half-renewed, without a file, without an API, in the trap.

use certwright_cluster::host::{Cluster, Spec};
use certwright_steps::lab::Validity;

use crate::proof::{Renewed, prove_renewed};
use crate::support::{RUN, certwright, start, until, until_kubectl_answers};

/// Runs to the end, and proves what that left.
fn renews(from: &str, cluster: &Cluster, certificates: usize) {
    let since = certwright_cluster::said::now_ms() / 1000;
    let began = std::time::Instant::now();
    let ran = certwright(cluster, RUN);
    assert_eq!(ran.code, Some(0), "{from}: {}", ran.whole());
    let took = began.elapsed().as_secs_f64();
    let proof = prove_renewed(cluster, &Renewed { since, certificates });
    until_kubectl_answers(cluster, 3);
    println!("{from}: renewed in {took:.1} s: {proof}");
}

/// Whether a certificate and a key on a node belong together, as openssl sees it.
fn is_pair(cluster: &Cluster, node: &str, name: &str) -> bool {
    let of_both = format!(
        "cd /etc/kubernetes/pki; openssl x509 -noout -pubkey -in {name}.crt; openssl pkey -pubout -in {name}.key"
    );
    let both = cluster.ssh(node, &of_both).ok();
    let (one, other) = both.split_at(both.len() / 2);
    one == other
}

#[test]
fn a_node_whose_kubeadm_was_killed_half_way_ends_renewed() {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    let name = "apiserver-kubelet-client";
    // Killed when it opens the certificate for the second time, to write it: its key is written by then.
    let path = format!("/etc/kubernetes/pki/{name}.crt");
    let killed = cluster.ssh(
        "cp-1",
        &format!("strace -f -qq -o /root/trace -P {path} -e inject=openat:signal=KILL:when=2 kubeadm certs renew all"),
    );
    assert_eq!(killed.code, Some(137), "{}", killed.whole());
    assert!(!is_pair(&cluster, "cp-1", name), "kubeadm was killed between a key and its certificate");
    assert!(is_pair(&cluster, "cp-1", "apiserver"), "what it had done is whole");
    renews("half-renewed by a killed kubeadm", &cluster, 31);
    assert!(is_pair(&cluster, "cp-1", name));
}

#[test]
fn a_node_without_super_admin_conf_ends_renewed_without_one() {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    cluster.ssh("cp-1", "rm /etc/kubernetes/super-admin.conf").ok();
    renews("no super-admin.conf", &cluster, 30);
    assert!(!cluster.node("cp-1").path("/etc/kubernetes/super-admin.conf").exists());
}

#[test]
fn a_cluster_whose_api_servers_alone_have_expired_ends_renewed() {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    for node in cluster.nodes() {
        let script = "set -e; cp -a /etc/kubernetes/pki/etcd /root/etcd; printf '%s\\n' \
                      'apiVersion: kubeadm.k8s.io/v1beta4' 'kind: ClusterConfiguration' \
                      'certificateValidityPeriod: 1s' > /root/short.yaml; \
                      kubeadm certs renew all --config /root/short.yaml; cp -a /root/etcd/. /etc/kubernetes/pki/etcd/";
        cluster.ssh(node.name(), script).ok();
    }
    until("no API server that is ready", std::time::Duration::from_secs(60), || {
        cluster.nodes().iter().all(|node| {
            let url = format!("https://{}:6443/readyz", node.address());
            let trusted = format!("curl -s --cacert /etc/kubernetes/pki/ca.crt --max-time 3 {url}");
            cluster.ssh(node.name(), &trusted).stdout != "ok"
        })
    });
    let etcd = cluster.ssh("cp-1", "curl -s http://127.0.0.1:2381/health").ok();
    assert!(etcd.contains("\"health\":\"true\""), "etcd has its quorum: {etcd}");
    renews("API down, etcd healthy", &cluster, 31);
}

#[test]
fn an_expired_kubelet_is_healed_by_the_run_and_everything_ends_renewed() {
    let mut spec = Spec::new(Validity::Expired);
    spec.lab.nodes[1].kubelet = Some(Validity::Expired);
    let cluster = start(&spec);
    renews("expired kubelet", &cluster, 31);
    assert_eq!(cluster.ssh("cp-2", "systemctl is-active kubelet").ok(), "active\n");
    let current = "openssl x509 -noout -checkend 2592000 -in /var/lib/kubelet/pki/kubelet-client-current.pem";
    assert_eq!(cluster.ssh("cp-2", current).code, Some(0), "its client certificate lasts");
}
