//! Kubelets that ask the cluster for the certificates that they serve with, and others who ask in their names.

use std::time::Duration;

use certwright_cluster::host::{Cluster, Said, Spec};
use certwright_steps::lab::Validity;
use certwright_steps::pki::Certificate;

use crate::support::{certwright, kubectl, start, until, until_kubectl_answers};

/// Where a kubelet keeps what it serves with.
const SERVER: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/// The step that approves.
const PLAN: &str = r#"
version = 1
name = "approve"

[[stage]]
id = "kubelets"
on = "control-plane"
rolling = "all"

[[stage.step]]
id = "client"
kind = "kubelet-client"
with.rotated-within = "2m"
with.approve-serving = true

[[stage.step]]
id = "certificates"
kind = "kubelet-certificates"
"#;

/// Posts a request for the serving certificate of a node, with a node's kubeconfig, under this name.
fn ask(cluster: &Cluster, from: &str, kubeconfig: &str, name: &str, node: &str, sans: &str) {
    let script = format!(
        "set -e; openssl req -new -newkey rsa:2048 -nodes -keyout /root/{name}.key -out /root/{name}.csr \
         -subj /O=system:nodes/CN=system:node:{node} -addext subjectAltName={sans} 2>/dev/null\n\
         kubectl --kubeconfig={kubeconfig} create --validate=false -f - <<END\n\
         apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {{name: {name}}}\n\
         spec:\n  signerName: kubernetes.io/kubelet-serving\n  usages: [digital signature, server auth]\n  \
         request: $(base64 -w0 /root/{name}.csr)\nEND\n"
    );
    let said = cluster.ssh(from, &script).ok();
    assert!(said.contains(&format!("{name} created")), "{said}");
}

/// What kubectl lists of requests for serving certificates, a line each.
fn requests(cluster: &Cluster) -> Vec<String> {
    let list = kubectl(cluster, "get csr --no-headers").ok();
    list.lines().filter(|line| line.contains("kubelet-serving")).map(str::to_owned).collect()
}

/// How often certwright named a request that it left, and why it did.
fn named(said: &Said, name: &str, why: &str) -> usize {
    let words = said.whole().replace('|', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    words.matches(&format!("{name} asks for a serving certificate and is left pending: {why}")).count()
}

/// The certificate on a node's port 10250, as openssl sees it from the workstation; none where no handshake succeeds.
fn served(cluster: &Cluster, node: &str) -> Option<Certificate> {
    let address = format!("{}:10250", cluster.node(node).address());
    let mut openssl = cluster.workstation().command("openssl");
    let said = Said::of(openssl.args(["s_client", "-connect", &address]));
    Certificate::from_pem(said.stdout.as_bytes()).ok()
}

#[test]
fn a_kubelets_own_request_is_approved_and_those_of_others_are_named_and_left_pending() {
    let mut spec = Spec::new(Validity::Valid);
    spec.lab.server_tls_bootstrap = true;
    let cluster = start(&spec);
    until_kubectl_answers(&cluster, 3);
    until("three kubelets have asked", Duration::from_secs(30), || requests(&cluster).len() == 3);
    for node in cluster.nodes() {
        assert_eq!(served(&cluster, node.name()).map(|c| c.fingerprint), None, "{} serves", node.name());
    }
    // The kubelet of a node that was broken into, and somebody who may do anything but is no kubelet.
    let address = cluster.node("cp-1").address();
    let both = format!("DNS:cp-1,IP:{address}");
    ask(&cluster, "cp-2", "/etc/kubernetes/kubelet.conf", "other-node", "cp-1", &both);
    ask(&cluster, "cp-2", "/etc/kubernetes/kubelet.conf", "other-names", "cp-2", "DNS:cp-2,DNS:cp-1");
    ask(&cluster, "cp-1", "/etc/kubernetes/admin.conf", "no-kubelet", "cp-1", &both);
    let list = requests(&cluster);
    assert!(list.len() == 6 && list.iter().all(|line| line.ends_with("Pending")), "{list:#?}");
    let odd = [
        ("other-node", "system:node:cp-2 asked for it, not system:node:cp-1"),
        ("other-names", "it is for DNS:cp-1, which is node cp-1"),
        ("no-kubelet", "kubernetes-admin asked for it, not system:node:cp-1"),
    ];

    // That step of the shipped plan alone.
    std::fs::write(cluster.workstation().path("/root/approve.toml"), PLAN).expect("a plan");
    let ran = certwright(&cluster, "run approve.toml --inventory inventory.toml --yes=lab");
    assert_eq!(ran.code, Some(0), "{}", ran.whole());
    let list = requests(&cluster);
    for (name, why) in odd {
        // In the dry run before, and where the run meets it.
        assert!(named(&ran, name, why) >= 2, "{name}: {}", ran.whole());
        let line = list.iter().find(|line| line.starts_with(name)).expect("it is listed");
        assert!(line.ends_with("Pending"), "{line}");
    }
    let issued = list.iter().filter(|line| line.ends_with("Approved,Issued")).count();
    assert_eq!((issued, list.len()), (3, 6), "{list:#?}");
    for node in cluster.nodes() {
        let file = std::fs::read_link(node.path(SERVER)).expect("a link");
        let file = std::fs::read(node.path(file.to_str().expect("ASCII"))).expect("its certificate");
        let file = Certificate::from_pem(&file).expect("a certificate");
        let served = served(&cluster, node.name()).expect("a handshake that succeeds");
        assert_eq!(served.fingerprint, file.fingerprint, "{} serves another file", node.name());
        let ca = std::fs::read(node.path("/etc/kubernetes/pki/ca.crt")).expect("the CA");
        assert!(served.signed_by(&Certificate::from_pem(&ca).expect("the CA")), "of the cluster");
    }
    // Nothing is left to be done, and they are still named.
    let again = certwright(&cluster, "plan approve.toml --inventory inventory.toml");
    assert_eq!(again.code, Some(0), "{}", again.whole());
    for (name, why) in odd {
        assert!(named(&again, name, why) >= 1, "{name}: {}", again.whole());
    }
    println!("3 requests approved, issued and served; 3 left pending and named:\n{}", ran.stdout);
}
