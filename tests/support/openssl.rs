//! What OpenSSL says of a node's certificates: the judge that shares no code with certwright.

#![expect(clippy::disallowed_methods, reason = "tests start openssl themselves")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Leaf certificate files below a node's root, with the CA each must chain to.
const LEAVES: [(&str, &str); 7] = [
    ("etc/kubernetes/pki/apiserver.crt", "ca.crt"),
    ("etc/kubernetes/pki/apiserver-kubelet-client.crt", "ca.crt"),
    ("etc/kubernetes/pki/apiserver-etcd-client.crt", "etcd/ca.crt"),
    ("etc/kubernetes/pki/front-proxy-client.crt", "front-proxy-ca.crt"),
    ("etc/kubernetes/pki/etcd/server.crt", "etcd/ca.crt"),
    ("etc/kubernetes/pki/etcd/peer.crt", "etcd/ca.crt"),
    ("etc/kubernetes/pki/etcd/healthcheck-client.crt", "etcd/ca.crt"),
];

/// Kubeconfigs below a node's root whose embedded client certificate kubeadm renews.
const KUBECONFIGS: [&str; 4] = ["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"];

/// How many certificates of the node whose root is `node` chain to their CA and are valid for `seconds` more.
///
/// # Panics
/// When OpenSSL does not agree on one of them: names the file.
pub(crate) fn agrees(node: &Path, seconds: u64) -> usize {
    let pki = node.join("etc/kubernetes/pki");
    let mut agreed = 0;
    for (leaf, ca) in LEAVES {
        judge(&fs::read_to_string(node.join(leaf)).expect(leaf), &pki.join(ca), seconds, &node.join(leaf));
        agreed += 1;
    }
    for name in KUBECONFIGS {
        let path = node.join("etc/kubernetes").join(name);
        match fs::read_to_string(&path) {
            Ok(text) => judge(&embedded(&text), &pki.join("ca.crt"), seconds, &path),
            Err(_only_on_the_first_node) => {
                assert_eq!(name, "super-admin.conf", "{} is missing", path.display());
                continue;
            }
        }
        agreed += 1;
    }
    agreed
}

/// Whether the certificate embedded in a kubeconfig is valid for `seconds` more.
pub(crate) fn kubeconfig_lasts(path: &Path, seconds: u64) -> bool {
    let pem = embedded(&fs::read_to_string(path).expect("a kubeconfig"));
    let seconds = seconds.to_string();
    openssl(&["x509", "-noout", "-checkend", &seconds], &pem)
}

/// Whether the certificate in a PEM file is valid for `seconds` more.
pub(crate) fn lasts(path: &Path, seconds: u64) -> bool {
    let pem = fs::read_to_string(path).expect("a certificate");
    openssl(&["x509", "-noout", "-checkend", &seconds.to_string()], &pem)
}

fn judge(pem: &str, ca: &Path, seconds: u64, what: &Path) {
    let what = what.display();
    let seconds = seconds.to_string();
    assert!(openssl(&["verify", "-CAfile", &ca.display().to_string()], pem), "openssl does not verify {what}");
    assert!(openssl(&["x509", "-noout", "-checkend", &seconds], pem), "{what} ends within {seconds} s");
}

/// The PEM of a kubeconfig's client-certificate-data.
fn embedded(kubeconfig: &str) -> String {
    let data = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("client-certificate-data: "));
    let mut base64 = data.expect("a kubeconfig with an embedded certificate").trim_matches('"').to_owned();
    base64.push('\n');
    let decoded = piped(&["base64", "-d", "-A"], &base64);
    String::from_utf8(decoded.stdout).expect("PEM is text")
}

fn openssl(args: &[&str], stdin: &str) -> bool {
    piped(args, stdin).status.success()
}

fn piped(args: &[&str], stdin: &str) -> std::process::Output {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut pipe = child.stdin.take().expect("its stdin is piped");
    std::io::Write::write_all(&mut pipe, stdin.as_bytes()).expect("openssl reads");
    drop(pipe);
    child.wait_with_output().expect("openssl ends")
}
