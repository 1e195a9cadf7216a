//! What is planted on a healthy cluster, and the findings that each of it must provoke.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_cluster::host::Cluster;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use time::Duration as Span;

use crate::mint::{BOTH, Leaf, Minted, authority, leaf, of_key};
use crate::support::{container, until};

/// Something that is wrong.
pub(crate) struct Fault {
    /// What, for the report of a failure.
    pub(crate) what: &'static str,
    /// `id host/certificate` of every finding that it must provoke.
    pub(crate) provokes: &'static [&'static str],
    /// Makes it so.
    pub(crate) plant: fn(&Cluster),
}

const PKI: &str = "/etc/kubernetes/pki";
const CONFIG: &str = "bmctl-workspace/lab/lab-kubeconfig";
const CLIENT: &[ExtendedKeyUsagePurpose] = &[ExtendedKeyUsagePurpose::ClientAuth];

/// All of them at once; no two touch the same file.
pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        what: "a certificate that expired",
        provokes: &["expired cp-1/etcd-healthcheck-client"],
        plant: |cluster| {
            let name = "kube-etcd-healthcheck-client";
            put(cluster, "cp-1", "etcd/healthcheck-client", &client(cluster, "etcd/ca", name, hours(-84)));
        },
    },
    Fault {
        what: "one that ends soon, left out of a renewal",
        provokes: &[
            "within cp-1/front-proxy-client",
            "forgotten cp-1/front-proxy-client",
            "older-than-file cp-1",
        ],
        plant: |cluster| {
            let pair = client(cluster, "front-proxy-ca", "front-proxy-client", hours(180));
            put(cluster, "cp-1", "front-proxy-client", &pair);
        },
    },
    Fault {
        what: "a renewal that was cut off between certificate and key, without the node's address",
        provokes: &[
            "key-mismatch cp-1/apiserver",
            "not-served cp-1/apiserver",
            "san-missing cp-1/apiserver",
            "older-than-file cp-1",
        ],
        plant: |cluster| {
            let addresses = ["10.200.0.1".to_owned(), "127.0.0.1".to_owned()];
            let subject = Leaf {
                name: "kube-apiserver",
                organizations: &[],
                addresses: &addresses,
                usages: BOTH,
                lasts: hours(8748),
            };
            let pair = leaf(&ca(cluster, "ca"), &subject);
            write(cluster, "cp-1", &format!("{PKI}/apiserver.crt"), &pair.certificate);
        },
    },
    Fault {
        what: "a file that went away",
        provokes: &["missing cp-2/etcd-healthcheck-client"],
        plant: |cluster| {
            let path = cluster.node("cp-2").path(&format!("{PKI}/etcd/healthcheck-client.crt"));
            std::fs::remove_file(path).expect("it was there");
        },
    },
    Fault {
        what: "a client certificate for servers",
        provokes: &["usage-missing cp-2/apiserver-kubelet-client", "older-than-file cp-2"],
        plant: |cluster| {
            let usages = &[ExtendedKeyUsagePurpose::ServerAuth];
            let subject = Leaf { usages, ..client_named("kube-apiserver-kubelet-client", hours(8748)) };
            put(cluster, "cp-2", "apiserver-kubelet-client", &leaf(&ca(cluster, "ca"), &subject));
        },
    },
    Fault {
        what: "a certificate of another authority of the node",
        provokes: &["wrong-authority cp-2/front-proxy-client", "older-than-file cp-2"],
        plant: |cluster| {
            let pair = client(cluster, "ca", "front-proxy-client", hours(8748));
            put(cluster, "cp-2", "front-proxy-client", &pair);
        },
    },
    Fault {
        what: "a kubeconfig that trusts another cluster",
        provokes: &["wrong-trust cp-2/admin.conf"],
        plant: |cluster| {
            let path = "/etc/kubernetes/admin.conf";
            let text = std::fs::read_to_string(cluster.node("cp-2").path(path)).expect("a kubeconfig");
            let (before, rest) = text.split_once("certificate-authority-data: ").expect("a CA");
            let (_, after) = rest.split_once('\n').expect("more lines");
            let other = STANDARD.encode(authority("kubernetes").certificate);
            let text = format!("{before}certificate-authority-data: {other}\n{after}");
            write(cluster, "cp-2", path, &text);
        },
    },
    Fault {
        what: "a manifest that is no YAML",
        provokes: &["incomplete cp-2"],
        plant: |cluster| write(cluster, "cp-2", "/etc/kubernetes/manifests/kube-scheduler.yaml", "spec: ["),
    },
    Fault {
        what: "a clock that is ahead, played by what tells it",
        provokes: &["clock-skew cp-2"],
        plant: |cluster| {
            let script = "#!/bin/sh\ntold=$(/usr/bin/stat \"$@\") || exit\ncase \"$*\" in */proc/self*)\n  printf '%s\\n' \
                          \"$told\" | awk 'NR == 1 { $5 = sprintf(\"%d\", $5 + 330) } { print }' ;;\n*) printf '%s\\n' \
                          \"$told\" ;;\nesac\n";
            write(cluster, "cp-2", "/usr/local/bin/stat", script);
            cluster.ssh("cp-2", "chmod 755 /usr/local/bin/stat").ok();
        },
    },
    Fault {
        what: "a component that has run since before its file was written",
        provokes: &["older-than-file cp-2"],
        plant: |cluster| {
            cluster.ssh("cp-2", "touch /etc/kubernetes/controller-manager.conf").ok();
        },
    },
    Fault {
        what: "a certificate of the future",
        provokes: &["not-yet-valid cp-3/etcd-healthcheck-client"],
        plant: |cluster| {
            let name = "kube-etcd-healthcheck-client";
            let year = 8760;
            let pair = client(cluster, "etcd/ca", name, hours(year + 5) + Span::minutes(30));
            put(cluster, "cp-3", "etcd/healthcheck-client", &pair);
        },
    },
    Fault {
        what: "garbage in a file",
        provokes: &["unreadable cp-3/apiserver-kubelet-client"],
        plant: |cluster| write(cluster, "cp-3", &format!("{PKI}/apiserver-kubelet-client.crt"), "garbage"),
    },
    Fault {
        what: "another node's certificate",
        provokes: &["copied cp-3/apiserver-etcd-client"],
        plant: |cluster| {
            for extension in ["crt", "key"] {
                let path = format!("{PKI}/apiserver-etcd-client.{extension}");
                let [from, to] = ["cp-2", "cp-3"].map(|node| cluster.node(node).path(&path));
                std::fs::copy(from, to).expect("a copy");
            }
        },
    },
    Fault {
        what: "an authority that was made anew of its key, and ends before what it signed",
        provokes: &[
            "ca-ends-first cp-3/front-proxy-client",
            "nodes-differ cp-3/front-proxy-ca",
            "older-than-file cp-3",
        ],
        plant: |cluster| {
            let key = KeyPair::from_pem(&ca(cluster, "front-proxy-ca").key).expect("a key");
            put(cluster, "cp-3", "front-proxy-ca", &of_key("front-proxy-ca", &key, hours(1452)));
        },
    },
    Fault {
        what: "an API server that is gone, and no kubelet to bring it back",
        provokes: &["not-running cp-3", "port-silent cp-3/apiserver"],
        plant: |cluster| {
            cluster.ssh("cp-3", "systemctl stop kubelet").ok();
            // Whoever leads there would end without its API server, some seconds later; held, it is neither gone nor renewed.
            cluster.ssh("cp-3", "pkill -STOP -xf 'kube-(controller-manager|scheduler) .*'").ok();
            let id = container(cluster, "cp-3", "kube-apiserver").expect("it runs");
            cluster.ssh("cp-3", &format!("crictl stop --timeout 1 {id}")).ok();
            until("no API server on cp-3", Duration::from_secs(20), || {
                container(cluster, "cp-3", "kube-apiserver").is_none()
            });
        },
    },
    Fault {
        what: "a node without openssl",
        provokes: &["keys-not-compared cp-3"],
        plant: |cluster| {
            cluster.ssh("cp-3", "mount --bind /dev/null \"$(command -v openssl)\"").ok();
            let gone = cluster.ssh("cp-3", "! command -v openssl").ok();
            assert_eq!(gone, "", "its mount is of a namespace of its own");
        },
    },
    Fault {
        what: "a host of the inventory where no sshd listens",
        provokes: &["unreachable cp-4"],
        plant: |cluster| {
            let place = cluster.workstation().path("/root/inventory.toml");
            let text = std::fs::read_to_string(&place).expect("the inventory");
            let address = cluster.workstation().address();
            let host = format!(
                "\n[[host]]\nname = \"cp-4\"\naddress = \"{address}\"\ngroups = [\"control-plane\"]\n"
            );
            std::fs::write(place, text + &host).expect("an inventory");
        },
    },
    Fault {
        what: "a kubeconfig on the workstation that was replaced by hand",
        provokes: &["kubeconfigs-disagree workstation/kubeconfig"],
        plant: |cluster| {
            let from = cluster.node("cp-1").path("/etc/kubernetes/admin.conf");
            let to = cluster.workstation().path("/root").join(CONFIG);
            std::fs::copy(from, to).expect("a copy");
        },
    },
];

fn hours(hours: i64) -> Span {
    Span::hours(hours)
}

/// An authority of the cluster, as cp-1 has it: it lives in no fault's way there.
fn ca(cluster: &Cluster, name: &str) -> Minted {
    let read = |extension: &str| {
        let path = cluster.node("cp-1").path(&format!("{PKI}/{name}.{extension}"));
        std::fs::read_to_string(path).expect("an authority")
    };
    Minted { certificate: read("crt"), key: read("key") }
}

fn client_named(name: &str, lasts: Span) -> Leaf<'_> {
    Leaf { name, organizations: &[], addresses: &[], usages: CLIENT, lasts }
}

fn client(cluster: &Cluster, authority: &str, name: &str, lasts: Span) -> Minted {
    leaf(&ca(cluster, authority), &client_named(name, lasts))
}

/// Writes a certificate and its key to kubeadm's folder of a node.
fn put(cluster: &Cluster, node: &str, name: &str, pair: &Minted) {
    write(cluster, node, &format!("{PKI}/{name}.crt"), &pair.certificate);
    write(cluster, node, &format!("{PKI}/{name}.key"), &pair.key);
}

fn write(cluster: &Cluster, node: &str, path: &str, text: &str) {
    std::fs::write(cluster.node(node).path(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
}
