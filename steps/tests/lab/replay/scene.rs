//! The states in which the commands were captured, made again in a lab.

use certwright_steps::lab::{LabSpec, NodeSpec, Peers, Validity};

use crate::bench::Bench;

/// The state a command was captured in.
#[derive(Clone, Copy)]
pub(crate) enum Scene {
    Healthy,
    Three,
    /// A healthy node whose files were tampered with, by the word of the capture.
    Edge(&'static str),
    /// A kubeadm configuration with a short validity.
    ShortValidity,
    /// Everything expired, the API server still running.
    Expired,
    /// The same after `crictl stop` of the API server, which then crash-loops.
    ApiDown,
    ApiDownRenewed,
    ThreeExpired,
    /// Healthy, with a fault that waits for `crictl stop`.
    Late(&'static str),
    /// The scheduler was stopped with a deadline that passed, and has ended.
    LateAndDead,
    /// The kubelet's certificate has expired, and the kubelet is dead.
    Trap,
}

/// A lab with the names and addresses of the captures.
fn spec(nodes: u8, network: &str, certificates: Validity) -> LabSpec {
    let mut spec = crate::bench::one(certificates);
    spec.cluster.name = "realk8s".into();
    spec.cluster.namespace = "default".into();
    spec.endpoint = format!("{network}.1");
    let node = |k| NodeSpec {
        name: format!("cp{k}"),
        address: format!("{network}.1{k}"),
        certificates: None,
        kubelet: None,
        groups: vec!["control-plane".into()],
    };
    spec.nodes = (1..=nodes).map(node).collect();
    spec
}

pub(crate) async fn prepare(scene: Scene) -> Bench {
    let one = |certificates| Bench::new(&spec(1, "10.77.0", certificates));
    match scene {
        Scene::Healthy => one(Validity::Valid),
        Scene::Expired => one(Validity::Expired),
        Scene::Three => Bench::new(&spec(3, "10.78.0", Validity::Valid)),
        Scene::ThreeExpired => {
            Bench::new(&LabSpec { peers: Peers::Refusing, ..spec(3, "10.78.0", Validity::Expired) })
        }
        Scene::Edge(what) => {
            let bench = one(Validity::Valid);
            tamper(&bench, what);
            bench
        }
        Scene::ShortValidity => {
            let bench = one(Validity::Valid);
            let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificateValidityPeriod: 10m0s\n";
            std::fs::create_dir_all(bench.path("cp1", "/root")).unwrap();
            std::fs::write(bench.path("cp1", "/root/short.yaml"), text).unwrap();
            bench
        }
        Scene::ApiDown => {
            let bench = one(Validity::Expired);
            bench.restart("cp1", "kube-apiserver").await;
            bench.wait(5).await;
            bench
        }
        Scene::ApiDownRenewed => {
            let bench = one(Validity::Expired);
            bench.restart("cp1", "kube-apiserver").await;
            bench.wait(54).await; // it has given up twice, and waits for its third start
            bench.ok("cp1", "kubeadm certs renew all").await;
            bench
        }
        Scene::Late(fault) => {
            let bench = one(Validity::Valid);
            bench.inject(&format!("{fault}@cp1"));
            bench
        }
        Scene::LateAndDead => {
            let bench = one(Validity::Valid);
            bench.inject("deadline-exceeded-after@cp1");
            bench
        }
        Scene::Trap => {
            let mut spec = spec(3, "10.77.0", Validity::Valid);
            spec.nodes.truncate(1);
            spec.kubelet = Validity::Expired;
            let bench = Bench::new(&spec);
            bench.wait(60).await;
            bench
        }
    }
}

fn tamper(bench: &Bench, what: &str) {
    let path = |name: &str| bench.path("cp1", &format!("/etc/kubernetes/{name}"));
    let remove = |name: &str| std::fs::remove_file(path(name)).unwrap();
    match what {
        "missing-cert" => remove("pki/apiserver-kubelet-client.crt"),
        "missing-cert-and-key" => {
            remove("pki/apiserver-kubelet-client.crt");
            remove("pki/apiserver-kubelet-client.key");
        }
        "missing-ca-key" => remove("pki/ca.key"),
        "missing-etcd-ca-key" => remove("pki/etcd/ca.key"),
        "missing-super-admin" => remove("super-admin.conf"),
        "garbage-cert" => std::fs::write(path("pki/apiserver-kubelet-client.crt"), "garbage\n").unwrap(),
        "readonly-key" => {
            // Root writes to a file without write bits, so the capture used the immutable bit. A folder in the key's
            // place stops root too; the one word that differs is put right in `compare`.
            remove("pki/etcd/peer.key");
            std::fs::create_dir(path("pki/etcd/peer.key")).unwrap();
        }
        other => panic!("{other}"),
    }
}
