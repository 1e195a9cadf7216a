//! What a renewal must have left: looked at from outside, with openssl and the files, not with the product.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;

use certwright_cluster::host::{Cluster, Machine, Said};
use certwright_steps::pki::kubeconfig::Source;
use certwright_steps::pki::layout::{CERT_DIR, Form, LEAVES, Leaf};
use certwright_steps::pki::{Certificate, Kubeconfig};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Ports whose certificate kubeadm renews, and the file each serves.
const PORTS: [(u16, &str); 3] = [(6443, "apiserver"), (2379, "etcd/server"), (2380, "etcd/peer")];
/// Components that read a kubeconfig when they start, and never again.
const READERS: [&str; 2] = ["kube-controller-manager", "kube-scheduler"];

/// What should be renewed.
pub(crate) struct Renewed {
    /// Since when, s since 1970.
    pub(crate) since: u64,
    /// How many certificates are new since then.
    pub(crate) certificates: usize,
}

/// What was proved.
pub(crate) struct Proof {
    certificates: usize,
    ports: usize,
    starts: usize,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificates, ports, starts } = self;
        write!(
            f,
            "{certificates} certificates, {ports} ports serve their file, {starts} readers started after it"
        )
    }
}

/// Proves that everything is renewed, signed, lasting and served.
pub(crate) fn prove_renewed(cluster: &Cluster, wanted: &Renewed) -> Proof {
    let mut proof = prove_served(cluster);
    for node in cluster.nodes() {
        for leaf in LEAVES.iter().filter(|leaf| node.path(&leaf.file(CERT_DIR)).exists()) {
            let certificate = certificate(node, leaf);
            let name = format!("{}: {}", node.name(), leaf.name);
            let authority = std::fs::read(node.path(&leaf.authority.certificate(CERT_DIR))).expect("its CA");
            let authority = Certificate::from_pem(&authority).expect("a CA");
            assert!(certificate.signed_by(&authority), "{name}: not signed by its CA");
            let now = i64::try_from(certwright_cluster::said::now_ms() / 1000).expect("fits");
            assert!(certificate.residual(now) > 300 * DAY, "{name}: ends in {} s", certificate.residual(now));
            // NotBefore is five minutes early.
            let issued = u64::try_from(certificate.not_before + 300).expect("after 1970");
            proof.certificates += usize::from(issued >= wanted.since);
        }
    }
    assert_eq!(proof.certificates, wanted.certificates, "certificates that are new");
    proof
}

/// Proves that every port serves its file, and that what reads its file once has read this one.
pub(crate) fn prove_served(cluster: &Cluster) -> Proof {
    let mut proof = Proof { certificates: 0, ports: 0, starts: 0 };
    for node in cluster.nodes() {
        for (port, file) in PORTS {
            let pem = std::fs::read(node.path(&format!("{CERT_DIR}/{file}.crt"))).expect("a certificate");
            let file = Certificate::from_pem(&pem).expect("a certificate");
            let served = served(cluster, node, port);
            assert_eq!(
                served.fingerprint,
                file.fingerprint,
                "{} port {port} serves another file",
                node.name()
            );
            proof.ports += 1;
        }
        for reader in READERS {
            let conf = node.path(&format!("/etc/kubernetes/{}.conf", &reader["kube-".len()..]));
            // When it was put there: a restored file is as old as it was.
            let written = std::fs::metadata(conf).expect("its kubeconfig").ctime();
            let started =
                cluster.ssh(node.name(), &format!("stat -c %Y /proc/$(pgrep -xf '{reader} .*' | head -1)"));
            let started: i64 = started.ok().trim().parse().expect("a time");
            assert!(started >= written, "{}: {reader} started before its file was written", node.name());
            proof.starts += 1;
        }
    }
    proof
}

fn certificate(node: &Machine, leaf: &Leaf) -> Certificate {
    let bytes = std::fs::read(node.path(&leaf.file(CERT_DIR))).expect("a certificate");
    let pem = match leaf.form {
        Form::Pem => bytes,
        Form::Kubeconfig => {
            let kubeconfig = Kubeconfig::parse(&bytes).expect("a kubeconfig");
            match &kubeconfig.current().expect("a current user").1.entry.client_certificate {
                Some(Source::Data(pem)) => pem.clone(),
                Some(Source::File(_)) | None => panic!("{}: {} holds no certificate", node.name(), leaf.name),
            }
        }
    };
    Certificate::from_pem(&pem).expect("a certificate")
}

/// What a port serves, as openssl sees it from the workstation.
fn served(cluster: &Cluster, node: &Machine, port: u16) -> Certificate {
    let address = format!("{}:{port}", node.address());
    let mut openssl = cluster.workstation().command("openssl");
    let said = Said::of(openssl.args(["s_client", "-connect", &address, "-servername", node.name()]));
    Certificate::from_pem(said.stdout.as_bytes())
        .unwrap_or_else(|error| panic!("{address} serves nothing: {error}\n{}", said.whole()))
}

/// The highest attempt of each container: how often it was started again.
pub(crate) fn attempts(cluster: &Cluster) -> BTreeMap<String, u64> {
    let mut attempts = BTreeMap::new();
    for node in cluster.nodes() {
        let list = cluster.ssh(node.name(), "crictl ps -a -o json").ok();
        let list: serde_json::Value = serde_json::from_str(&list).expect("crictl prints JSON");
        for container in list["containers"].as_array().expect("containers") {
            let name = container["metadata"]["name"].as_str().expect("a name");
            let attempt = container["metadata"]["attempt"].as_u64().expect("an attempt");
            let highest: &mut u64 = attempts.entry(format!("{}/{name}", node.name())).or_default();
            *highest = attempt.max(*highest);
        }
    }
    attempts
}
