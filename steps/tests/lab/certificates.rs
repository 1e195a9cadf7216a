//! The lab's files, as the real openssl sees them.

use std::path::{Path, PathBuf};
use std::process::Command;

use certwright_steps::lab::{Lab, LabError, LabSpec, Validity};
use certwright_steps::pki::layout::{Authority, CERT_DIR, Form, LEAVES, Leaf};
use certwright_steps::pki::{Certificate, Kubeconfig};

use crate::bench::{Bench, START};

const ADMIN: &str = "--kubeconfig=/etc/kubernetes/admin.conf";

/// Runs the real openssl; its status and output.
#[expect(clippy::disallowed_methods, reason = "openssl is the judge here, not a host")]
fn openssl(args: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(args).output().expect("openssl is installed");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Checks the leaves of a node with openssl: chain, dates, and keys when `keys` says so. Returns how many were checked.
fn check_node(bench: &Bench, node: &str, expired: bool, keys: Keys) -> usize {
    let now = (bench.clock.wall_ms() / 1000).to_string();
    let mut checked = 0;
    for authority in Authority::ALL {
        let ca = bench.path(node, &authority.certificate(CERT_DIR));
        let of_it = LEAVES.iter().filter(|l| l.authority == authority);
        let pairs: Vec<_> = of_it.filter_map(|leaf| pair(bench, node, leaf)).collect();
        let mut args = vec!["verify", "-attime", &now, "-CAfile", ca.to_str().unwrap()];
        args.extend(pairs.iter().map(|(certificate, _)| certificate.to_str().unwrap()));
        let (all_valid, text) = openssl(&args);
        assert_eq!(all_valid, !expired, "{node} {}: {text}", authority.name());
        let valid = text.lines().filter(|l| l.ends_with(": OK")).count();
        assert_eq!(valid, if expired { 0 } else { pairs.len() }, "{node} {}: {text}", authority.name());
        args[1] = "-no_check_time";
        args.remove(2);
        assert!(openssl(&args).0, "{node} {}: all are signed by their CA", authority.name());
        for (certificate, key) in pairs.iter().filter(|_| keys == Keys::Checked) {
            let (_, of_certificate) =
                openssl(&["x509", "-in", certificate.to_str().unwrap(), "-noout", "-pubkey"]);
            let (_, of_key) = openssl(&["pkey", "-in", key.to_str().unwrap(), "-pubout"]);
            assert_eq!(of_certificate, of_key, "{}: the key is its own", certificate.display());
        }
        checked += pairs.len();
    }
    checked
}

/// Whether keys are compared too: two processes a certificate.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Checked,
    Left,
}

/// The files with certificate and key of a leaf.
fn pair(bench: &Bench, node: &str, leaf: &Leaf) -> Option<(PathBuf, PathBuf)> {
    let path = bench.path(node, &leaf.file(CERT_DIR));
    if !path.exists() {
        assert_eq!(leaf.name, "super-admin.conf", "only that one may be missing");
        return None;
    }
    Some(match leaf.form {
        Form::Pem => (path, bench.path(node, &leaf.key_file(CERT_DIR))),
        Form::Kubeconfig => embedded(bench, &path),
    })
}

fn embedded(bench: &Bench, path: &Path) -> (PathBuf, PathBuf) {
    use base64::Engine as _;
    let text = std::fs::read_to_string(path).unwrap();
    let write = |field: &str, name: &str| {
        let data = text.lines().find_map(|l| l.trim().strip_prefix(field)).expect("the field is there");
        let pem = base64::engine::general_purpose::STANDARD.decode(data.trim()).unwrap();
        let out = bench.lab.dir().join(format!("{}.{name}", path.file_name().unwrap().display()));
        std::fs::write(&out, pem).unwrap();
        out
    };
    (write("client-certificate-data:", "crt"), write("client-key-data:", "key"))
}

#[tokio::test(start_paused = true)]
async fn openssl_agrees_with_every_certificate_of_every_state_before_and_after_a_renewal() {
    let mut checked = 0;
    for (validity, expired) in
        [(Validity::Expired, true), (Validity::Expiring, false), (Validity::Valid, false)]
    {
        let bench = Bench::three(validity);
        for node in ["cp-1", "cp-2", "cp-3"] {
            checked +=
                check_node(&bench, node, expired, if node == "cp-1" { Keys::Checked } else { Keys::Left });
        }
        for node in ["cp-1", "cp-2", "cp-3"] {
            bench.ok(node, "kubeadm certs renew all").await;
            checked += check_node(&bench, node, false, if expired { Keys::Checked } else { Keys::Left });
        }
    }
    println!("checked {checked} certificates with openssl");
    assert_eq!(checked, 3 * 2 * (11 + 10 + 10));
}

#[tokio::test(start_paused = true)]
async fn checkend_tells_the_three_states_apart() {
    // openssl compares with the machine's clock, so the labs are of the machine's time here.
    let clock = certwright_engine::clock::Clock::real();
    for (validity, now, in_six_days) in
        [(Validity::Expired, false, false), (Validity::Expiring, true, false), (Validity::Valid, true, true)]
    {
        let dir = tempfile::tempdir().unwrap();
        let lab = Lab::create(dir.path(), &LabSpec::default().certificates(validity), &clock).unwrap();
        // One of each CA: openssl has looked at all of them already, and each call is a process.
        for name in ["apiserver", "etcd-server", "front-proxy-client"] {
            let leaf = certwright_steps::pki::layout::leaf(name).unwrap();
            let path = lab.dir().join("cp-2").join(leaf.file(CERT_DIR).trim_start_matches('/'));
            let end = |seconds: &str| {
                openssl(&["x509", "-in", path.to_str().unwrap(), "-noout", "-checkend", seconds]).0
            };
            assert_eq!((end("0"), end("518400")), (now, in_six_days), "{validity:?} {}", leaf.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_has_the_names_and_modes_of_the_real_one() {
    use std::os::unix::fs::MetadataExt as _;
    let bench = Bench::one(Validity::Valid);
    let tree = include_str!("../../../tests/fixtures/real-node/healthy/tree.stdout");
    let mut compared = 0;
    for line in tree.lines() {
        let [mode, _, _, path, ..] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if path.contains("/kubelet-client-20") {
            continue; // named by the time it was made
        }
        let meta =
            std::fs::symlink_metadata(bench.path("cp-1", path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        let bits = mode[1..].chars().rev().enumerate().filter(|(_, c)| *c != '-');
        let bits = bits.fold(0, |sum, (k, _)| sum | 1 << k);
        let kind = if meta.is_symlink() {
            'l'
        } else if meta.is_dir() {
            'd'
        } else {
            '-'
        };
        assert_eq!((kind, meta.mode() & 0o777), (mode.chars().next().unwrap(), bits), "{path}");
        compared += 1;
    }
    println!("compared {compared} of {} files", tree.lines().count());
    assert_eq!(compared, 42);
}

#[tokio::test(start_paused = true)]
async fn manifests_and_the_kubelets_files_are_those_of_the_real_nodes() {
    let mut spec = crate::bench::one(Validity::Valid);
    spec.cluster.name = "realk8s".into();
    spec.nodes[0].name = "cp1".into();
    spec.nodes[0].address = "10.77.0.11".into();
    let bench = Bench::new(&spec);
    let real = |path: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/real-node/");
        std::fs::read_to_string(format!("{folder}{path}.stdout")).unwrap()
    };
    for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        let own = bench.file("cp1", &format!("/etc/kubernetes/manifests/{name}.yaml"));
        assert_eq!(own, real(&format!("healthy/manifests/{name}.yaml")));
    }
    assert_eq!(bench.file("cp1", "/var/lib/kubelet/config.yaml"), real("healthy/kubelet-config-yaml"));
    assert_eq!(bench.file("cp1", "/var/lib/kubelet/kubeadm-flags.env"), real("healthy/kubelet-flags-env"));
    assert_eq!(
        bench.file("cp1", "/var/lib/kubelet/instance-config.yaml"),
        real("healthy/kubelet-instance-config")
    );

    let mut spec = LabSpec::default();
    for (node, k) in spec.nodes.iter_mut().zip(1..) {
        node.name = format!("cp{k}");
        node.address = format!("10.78.0.1{k}");
    }
    let bench = Bench::new(&spec);
    let own = bench.file("cp2", "/etc/kubernetes/manifests/etcd.yaml");
    assert_eq!(own, real("three-healthy/cp2-manifest-etcd.yaml"));
}

#[tokio::test(start_paused = true)]
async fn kubeconfigs_are_those_of_the_real_node_but_for_their_data() {
    let mut spec = crate::bench::one(Validity::Valid);
    spec.cluster.name = "realk8s".into();
    spec.endpoint = "10.77.0.1".into();
    spec.nodes[0].name = "cp1".into();
    spec.nodes[0].address = "10.77.0.11".into();
    let bench = Bench::new(&spec);
    let masked = |text: &str| {
        let line = |l: &str| match l.split_once("-data: ") {
            Some((field, _)) => format!("{field}-data: DATA\n"),
            None => format!("{l}\n"),
        };
        text.lines().map(line).collect::<String>()
    };
    for name in ["admin", "super-admin", "controller-manager", "scheduler", "kubelet"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/real-node/healthy/kubeconfigs/");
        let real = std::fs::read_to_string(format!("{folder}{name}.conf.stdout")).unwrap();
        let own = bench.file("cp1", &format!("/etc/kubernetes/{name}.conf"));
        assert_eq!(masked(&own), masked(&real), "{name}.conf");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_makes_new_keys_serials_and_dates_and_keeps_the_rest() {
    let bench = Bench::one(Validity::Expiring);
    let read = || {
        let one = |leaf: &Leaf| {
            let text = std::fs::read(bench.path("cp-1", &leaf.file(CERT_DIR))).unwrap();
            match leaf.form {
                Form::Pem => Certificate::from_pem(&text).unwrap(),
                Form::Kubeconfig => Kubeconfig::parse(&text).unwrap().client_certificate().unwrap(),
            }
        };
        LEAVES.iter().map(one).collect::<Vec<_>>()
    };
    let old = read();
    bench.ok("cp-1", "kubeadm certs renew all").await;
    for (old, new) in old.iter().zip(&read()) {
        assert_eq!((&old.subject, &old.issuer, &old.sans), (&new.subject, &new.issuer, &new.sans));
        assert_eq!(old.usages, new.usages);
        assert!(old.serial != new.serial && old.public_key != new.public_key, "{}", new.subject);
        assert_eq!(new.not_before, (START / 1000).cast_signed() - 300, "five minutes early");
        assert_eq!(new.not_after, (START / 1000).cast_signed() + 365 * 86_400);
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_valid_lab_every_container_is_younger_than_the_files_it_reads() {
    let bench = Bench::three(Validity::Valid);
    for node in ["cp-1", "cp-2", "cp-3"] {
        let text = bench.ok(node, "crictl ps -o json").await;
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let created = |c: &serde_json::Value| c["createdAt"].as_str().unwrap().parse::<i128>().unwrap();
        let oldest = list["containers"].as_array().unwrap().iter().map(created).min().unwrap();
        for leaf in LEAVES.iter().filter(|l| node == "cp-1" || l.name != "super-admin.conf") {
            let stat = bench.host(node).stat(&leaf.file(CERT_DIR)).await.unwrap().unwrap();
            assert!(stat.mtime_ns < oldest, "{node} {}", leaf.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn three_nodes_are_made_in_a_moment() {
    // The time of this thread's processor: what the machine does beside it is not the lab's.
    let used = || {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        t.tv_sec * 1000 + t.tv_nsec / 1_000_000
    };
    let before = used();
    let bench = Bench::three(Validity::Expired);
    let took = used() - before;
    println!("three nodes made in {took} ms of processor time");
    assert!(took < 300, "{took} ms");
    for authority in Authority::ALL {
        assert!(bench.path("cp-3", &authority.key(CERT_DIR)).exists());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lab_is_not_made_over_another_one_and_is_found_again() {
    let bench = Bench::three(Validity::Valid);
    let again = Lab::create(bench.lab.dir(), &LabSpec::default(), &bench.clock).unwrap_err();
    assert!(matches!(again, LabError::Exists { .. }), "{again}");
    let opened = Lab::open(bench.lab.dir()).unwrap();
    assert_eq!(opened.spec().unwrap(), bench.lab.spec().unwrap());
    assert_eq!(opened.now_ms().unwrap(), START);
    let nobody = opened.host("cp-9", bench.clock.clone()).err().unwrap();
    assert_eq!(nobody.to_string(), "the lab has no host `cp-9`; it has cp-1, cp-2, cp-3, workstation");
    let empty = tempfile::tempdir().unwrap();
    assert!(Lab::open(empty.path()).unwrap_err().to_string().starts_with("open `"));
    std::fs::write(bench.lab.dir().join(".lab/state.json"), b"{\"format\": 9}").unwrap();
    assert!(matches!(Lab::open(bench.lab.dir()), Err(LabError::State { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_admin_kubeconfig_of_a_valid_lab_works_from_node_and_workstation() {
    let bench = Bench::three(Validity::Valid);
    bench.ok("cp-1", &format!("kubectl {ADMIN} get nodes")).await;
    let text =
        bench.ok("workstation", "kubectl --kubeconfig=bmctl-workspace/lab/lab-kubeconfig get nodes").await;
    assert_eq!(text.matches(" Ready ").count(), 3);
    bench.ok("workstation", "kubectl --kubeconfig=bmctl-workspace/admin/admin-kubeconfig get nodes").await;
}
