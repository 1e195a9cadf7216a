//! openssl's own judgement over every certificate of a lab.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What openssl should find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Signed by its authority and valid for another 30 days.
    Valid,
    /// Signed by its authority and expired.
    Expired,
}

/// The leaves that kubeadm keeps on a node, with the authority of each, below `/etc/kubernetes`.
const LEAVES: &[(&str, &str)] = &[
    ("pki/apiserver.crt", "pki/ca.crt"),
    ("pki/apiserver-kubelet-client.crt", "pki/ca.crt"),
    ("pki/apiserver-etcd-client.crt", "pki/etcd/ca.crt"),
    ("pki/front-proxy-client.crt", "pki/front-proxy-ca.crt"),
    ("pki/etcd/server.crt", "pki/etcd/ca.crt"),
    ("pki/etcd/peer.crt", "pki/etcd/ca.crt"),
    ("pki/etcd/healthcheck-client.crt", "pki/etcd/ca.crt"),
    ("admin.conf", "pki/ca.crt"),
    ("controller-manager.conf", "pki/ca.crt"),
    ("scheduler.conf", "pki/ca.crt"),
];

/// Checks every certificate of every node and, when they should be valid, the CAs and the workstation's
/// kubeconfig too; how many there were.
pub(crate) fn check_nodes(lab: &Path, expected: Expected) -> usize {
    let mut checked = 0;
    for node in ["cp-1", "cp-2", "cp-3"] {
        let base = lab.join(node).join("etc/kubernetes");
        for (leaf, authority) in LEAVES {
            check(&base.join(leaf), &base.join(authority), expected);
            checked += 1;
        }
        // Only the node that ran `kubeadm init` has it.
        let super_admin = base.join("super-admin.conf");
        if super_admin.exists() {
            check(&super_admin, &base.join("pki/ca.crt"), expected);
            checked += 1;
        }
        for authority in ["pki/ca.crt", "pki/etcd/ca.crt", "pki/front-proxy-ca.crt"] {
            check(&base.join(authority), &base.join(authority), Expected::Valid);
            checked += 1;
        }
        let kubelet = lab.join(node).join("var/lib/kubelet/pki/kubelet-client-current.pem");
        check(&kubelet, &base.join("pki/ca.crt"), Expected::Valid);
        checked += 1;
    }
    let kubeconfig = lab.join("workstation/bmctl-workspace/lab/lab-kubeconfig");
    check(&kubeconfig, &lab.join("cp-1/etc/kubernetes/pki/ca.crt"), expected);
    checked + 1
}

/// Whether the certificate of a file is valid for another 30 days.
pub(crate) fn lasts(file: &Path) -> bool {
    openssl(&["x509", "-noout", "-checkend", "2592000"], &pem_of(file)).0
}

fn check(file: &Path, authority: &Path, expected: Expected) {
    let pem = pem_of(file);
    let verify = |more: &[&str]| {
        let mut args = vec!["verify", "-CAfile", text(authority)];
        args.extend(more);
        openssl(&args, &pem)
    };
    assert!(verify(&["-no_check_time"]).0, "openssl verify of {}", file.display());
    let (valid, said) = verify(&[]);
    let remains = lasts(file);
    let as_expected = expected == Expected::Valid;
    assert_eq!(valid, as_expected, "openssl verify of {}: {said}", file.display());
    assert_eq!(remains, as_expected, "openssl x509 -checkend of {}", file.display());
}

/// The certificate of a file: of a kubeconfig the one it embeds.
fn pem_of(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let content = String::from_utf8_lossy(&bytes);
    let Some(data) = content.lines().find_map(|line| line.trim().strip_prefix("client-certificate-data:"))
    else {
        return bytes;
    };
    let (decoded, out) = openssl_bytes(&["base64", "-d", "-A"], data.trim().trim_matches('"').as_bytes());
    assert!(decoded, "base64 in {}", file.display());
    out
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of a test is UTF-8")
}

fn openssl(args: &[&str], stdin: &[u8]) -> (bool, String) {
    let (success, out) = openssl_bytes(args, stdin);
    (success, String::from_utf8_lossy(&out).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "openssl is the judge here")]
fn openssl_bytes(args: &[&str], stdin: &[u8]) -> (bool, Vec<u8>) {
    let input = tempfile::NamedTempFile::new().expect("a file for openssl's input");
    std::fs::write(input.path(), stdin).expect("openssl's input");
    let file: PathBuf = input.path().to_owned();
    let output = Command::new("openssl")
        .args(args)
        .stdin(std::fs::File::open(file).expect("openssl's input"))
        .output()
        .expect("openssl is installed (tests/run does it)");
    (output.status.success(), output.stdout)
}

/// Writes a self-signed certificate whose common name and alternative names hold these words.
pub(crate) fn hostile_certificate(path: &Path, words: &str) {
    let plain: String = words.chars().filter(|c| c.is_ascii() && !"\r\n\\$;,".contains(*c)).collect();
    let subject = format!(
        "/O=system:masters/CN={}",
        words.replace(['\\', '/'], "_").chars().take(60).collect::<String>()
    );
    let names = format!("subjectAltName=DNS:{plain},email:{plain},URI:http://{plain}");
    let path = path.to_str().expect("UTF-8");
    let args = [
        "req",
        "-x509",
        "-utf8",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "9",
    ];
    let rest = ["-keyout", "/dev/null", "-subj", &subject, "-addext", &names, "-out", path];
    let (made, words) = openssl(&[&args[..], &rest[..]].concat(), b"");
    assert!(made, "{words}");
}
