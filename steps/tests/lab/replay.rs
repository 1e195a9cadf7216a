//! The commands of a real node, run against a lab in the same state and compared byte for byte, ids and times masked.

use std::fmt::Write as _;

use certwright_steps::lab::{LabSpec, NodeSpec, Peers, Validity};
use serde_json::Value;

use crate::bench::{Bench, Ran};
use crate::mask::{json, text};

/// The state a command was captured in.
#[derive(Clone, Copy)]
enum Scene {
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

/// What of the output is compared.
#[derive(Clone, Copy)]
enum Mode {
    Exact,
    /// Tables whose columns are as wide as ages: runs of spaces count as one.
    Table,
    Json,
    /// JSON whose list is in the order in which that machine started its containers.
    AnyOrder,
    /// Whatever the lab prints stands in the real output too; it prints less.
    Subset,
    /// A kubeconfig in base64.
    Kubeconfig,
}

enum Part {
    Replayed(Scene, Mode),
    Left(&'static str),
}

/// Why a command is not replayed.
const NOT_USED: &str = "no kind uses it";
const HISTORY: &str = "shows the history of that machine";
const FILES: &str = "a file; compared by the tests of the lab's files";
const LEASES: &str = "a scheduler that lost its lease; the lab has no leases";
const STAND_IN: &str = "systemctl was a stand-in there";

fn part(name: &str) -> Part {
    use Mode::{AnyOrder, Exact, Json, Kubeconfig, Subset, Table};
    use Part::{Left, Replayed};
    use Scene::{
        ApiDown, ApiDownRenewed, Edge, Expired, Healthy, Late, LateAndDead, ShortValidity, Three,
        ThreeExpired, Trap,
    };
    match name {
        "healthy/crictl-ps-json" | "healthy/crictl-ps-a-json" | "healthy/crictl-pods-json" => {
            Replayed(Healthy, Json)
        }
        "healthy/crictl-ps-text" | "healthy/crictl-ps-name-regex-etcd" | "healthy/crictl-pods-text" => {
            Replayed(Healthy, Table)
        }
        "healthy/kubectl-get-nodes" | "healthy/kubectl-get-pods" => Replayed(Healthy, Table),
        "healthy/kubectl-get-nodes-json" => Replayed(Healthy, Subset),
        "healthy/kubectl-get-secret-jsonpath" => Replayed(Healthy, Kubeconfig),
        "healthy/kubectl-get-secret-garbled-seed-order" => Left("a mistyped command line"),
        "healthy/kubelet-version"
        | "healthy/containerd-version"
        | "healthy/check-expiration-yaml"
        | "healthy/crictl-info"
        | "healthy/crictl-images"
        | "healthy/kubectl-get-lease"
        | "healthy/kubectl-get-csr"
        | "healthy/kubectl-get-cm-kubeadm-config"
        | "expired/api-process-up/etcdctl-endpoint-health"
        | "three-expired/cp1-etcdctl-endpoint-health"
        | "three-healthy/cp1-check-expiration-jsonpath-expired"
        | "three-healthy/cp1-check-expiration-jsonpath-lt-int" => Left(NOT_USED),
        "expired/api-process-up/scheduler-healthz" => Left(LEASES),
        "expired/trap/systemctl-status-kubelet" => Left(STAND_IN),
        "expired/trap/kubectl-get-nodes" => Replayed(Trap, Table),
        "crictl-stop/deadline-tiny-rpc-timeout"
        | "crictl-stop/success"
        | "crictl-stop/unknown-id"
        | "crictl-stop/after-deadline-stop-same-id-again" => Replayed(Healthy, Exact),
        "crictl-stop/deadline-default-2s" | "crictl-stop/deadline-default-2s-retry-while-hung" => {
            Replayed(Late("deadline-exceeded"), Exact)
        }
        "crictl-stop/frozen-scheduler-stop" => Replayed(Late("deadline-exceeded-after"), Exact),
        "crictl-stop/deadline-grace3-while-hung" => Replayed(Late("deadline-unknown"), Exact),
        "crictl-stop/deadline-inspect-while-hung" => Replayed(Three, Subset),
        "crictl-stop/frozen-scheduler-inspect" => Replayed(LateAndDead, Subset),
        "crictl-stop/deadline-ps-a-while-hung"
        | "expired/api-process-up/crictl-ps-a-json"
        | "expired/api-down/crictl-ps-a-text"
        | "expired/api-down/crictl-ps-a-json" => Left(HISTORY),
        "renew/renew-all-with-config-short-validity" => Replayed(ShortValidity, Exact),
        "renew/renew-all-api-down" => Replayed(ApiDown, Exact),
        "renew/check-expiration-after-renew-api-down" => Replayed(ApiDownRenewed, Exact),
        "three-healthy/kubectl-get-nodes" | "three-healthy/kubectl-get-pods" => Replayed(Three, Table),
        "three-healthy/cp2-crictl-ps-json" | "three-healthy/cp2-crictl-pods-json" => {
            Replayed(Three, AnyOrder)
        }
        _ if name.contains("etcdctl") || name.starts_with("recovery/") => Left(NOT_USED),
        _ if ["/manifests/", "/kubeconfigs/", "/certs/", "-tree", "/tree", "-manifest-"]
            .iter()
            .any(|p| name.contains(p)) =>
        {
            Left(FILES)
        }
        "healthy/kubelet-config-yaml" | "healthy/kubelet-flags-env" | "healthy/kubelet-instance-config" => {
            Left(FILES)
        }
        _ if name.starts_with("healthy/crictl-inspect-") && !name.ends_with("unknown-id") => {
            Replayed(Healthy, Subset)
        }
        _ if name.starts_with("healthy/") => Replayed(Healthy, Exact),
        _ if name.starts_with("three-healthy/") => Replayed(Three, Exact),
        _ if name.starts_with("expired/api-process-up/") => Replayed(Expired, Exact),
        _ if name.starts_with("expired/api-down/") => Replayed(ApiDown, Exact),
        _ if name.starts_with("three-expired/") => Replayed(ThreeExpired, Exact),
        _ if name.starts_with("expired/trap/") && name.contains("crictl-stop") => Replayed(Trap, Exact),
        _ if name.starts_with("expired/trap/") => Left(HISTORY),
        "renew-edge/missing-cert.renew"
        | "renew-edge/missing-cert.check"
        | "renew-edge/missing-cert.checkjson" => Replayed(Edge("missing-cert"), Exact),
        _ if name.starts_with("renew-edge/missing-cert-and-key.") => {
            Replayed(Edge("missing-cert-and-key"), Exact)
        }
        _ if name.starts_with("renew-edge/missing-ca-key.") => Replayed(Edge("missing-ca-key"), Exact),
        _ if name.starts_with("renew-edge/missing-etcd-ca-key.") => {
            Replayed(Edge("missing-etcd-ca-key"), Exact)
        }
        _ if name.starts_with("renew-edge/missing-super-admin.") => {
            Replayed(Edge("missing-super-admin"), Exact)
        }
        _ if name.starts_with("renew-edge/garbage-cert.") => Replayed(Edge("garbage-cert"), Exact),
        _ if name.starts_with("renew-edge/readonly-key.") => Replayed(Edge("readonly-key"), Exact),
        other => panic!("nobody has decided what becomes of {other}"),
    }
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
    };
    spec.nodes = (1..=nodes).map(node).collect();
    spec
}

async fn prepare(scene: Scene) -> Bench {
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

/// The command as the lab gets it: the capture's wrappers taken off, its ids replaced.
async fn command(bench: &Bench, node: &str, name: &str, captured: &str) -> String {
    let captured = captured.strip_prefix("time ").unwrap_or(captured);
    if captured.starts_with("unshare ") {
        return match name.rsplit('.').next().unwrap() {
            "renew" => "kubeadm certs renew all".into(),
            "check" => "kubeadm certs check-expiration".into(),
            _ => "kubeadm certs check-expiration -o json".into(),
        };
    }
    let component = ["etcd", "kube-apiserver", "kube-controller-manager"]
        .into_iter()
        .find(|c| name.ends_with(&format!("inspect-{c}")))
        .unwrap_or("kube-scheduler");
    let mut line = captured.replace("$(cat /root/stub.id)", "STUB");
    for word in captured.split(' ') {
        if word.len() == 64 {
            line = line.replace(word, &bench.id(node, component).await.expect("it runs"));
        }
    }
    if name == "three-healthy/cp2-crictl-ps-json" {
        bench.restart(node, "etcd").await;
        bench.restart(node, "kube-apiserver").await;
    }
    if name == "crictl-stop/frozen-scheduler-inspect" {
        let id = line.rsplit(' ').next().unwrap().to_owned();
        assert_eq!(bench.run(node, &format!("crictl stop {id}")).await.status, 1);
    }
    line
}

fn compare(name: &str, mode: Mode, own: &Ran, real: &Ran) -> Option<String> {
    let mut complaints = String::new();
    let mut differ = |what: &str, own: &str, real: &str| {
        if own != real {
            let _infallible = writeln!(complaints, "{name} {what}:\n--- lab\n{own}\n--- real\n{real}");
        }
    };
    differ("status", &own.status.to_string(), &real.status.to_string());
    let timed = real.stderr.split("\nreal\t0m").next().unwrap_or_default();
    let own_stderr = own.stderr.replace("peer.key: is a directory", "peer.key: operation not permitted");
    differ("stderr", &text(&own_stderr), &text(timed));
    // Pods stand in the order of their names, which end by chance.
    let squeezed = |t: &str| {
        let line = |l: &str| l.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines: Vec<String> = text(t).lines().map(line).collect();
        lines.sort();
        lines.join("\n")
    };
    let parsed = |t: &str| json(serde_json::from_str(t).unwrap_or_else(|e| panic!("{name}: {e}: {t}")));
    match mode {
        Mode::Exact => differ("stdout", &text(&own.stdout), &text(&real.stdout)),
        Mode::Table => differ("stdout", &squeezed(&own.stdout), &squeezed(&real.stdout)),
        Mode::Json => {
            differ("stdout", &format!("{:#}", parsed(&own.stdout)), &format!("{:#}", parsed(&real.stdout)));
        }
        Mode::AnyOrder => differ("stdout", &sorted(&parsed(&own.stdout)), &sorted(&parsed(&real.stdout))),
        Mode::Subset => {
            if let Err(path) = contained(&parsed(&own.stdout), &parsed(&real.stdout), "") {
                differ("stdout", &path, "(not there, or another value)");
            }
        }
        Mode::Kubeconfig => differ("stdout", &decoded(&own.stdout), &decoded(&real.stdout)),
    }
    (!complaints.is_empty()).then_some(complaints)
}

fn sorted(list: &Value) -> String {
    let items = list.as_object().and_then(|o| o.values().next()).and_then(Value::as_array);
    let mut items: Vec<String> = items.expect("a list").iter().map(|i| format!("{i:#}")).collect();
    items.sort();
    items.join("\n")
}

fn decoded(base64_text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64_text.trim()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|l| l.split("-data: ").next().unwrap_or(l).to_owned() + "\n").collect()
}

/// True when everything in `own` is in `real`; else where not.
fn contained(own: &Value, real: &Value, path: &str) -> Result<(), String> {
    match (own, real) {
        (Value::Object(own), Value::Object(real)) => own.iter().try_for_each(|(key, value)| {
            let path = format!("{path}.{key}");
            contained(value, real.get(key).ok_or_else(|| path.clone())?, &path)
        }),
        (Value::Array(own), Value::Array(real)) => own.iter().enumerate().try_for_each(|(k, value)| {
            let found = real.iter().any(|r| contained(value, r, "").is_ok());
            if found { Ok(()) } else { Err(format!("{path}[{k}] {value}")) }
        }),
        _ if own == real => Ok(()),
        _ => Err(format!("{path}: {own} is not {real}")),
    }
}

fn captured(name: &str) -> Ran {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/real-node/");
    let read = |end: &str| std::fs::read_to_string(format!("{folder}{name}.{end}")).unwrap();
    Ran { status: read("exit").trim().parse().unwrap(), stdout: read("stdout"), stderr: read("stderr") }
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_a_real_node_answer_alike_in_the_lab() {
    let index = include_str!("../../../tests/fixtures/real-node/index.tsv");
    let mut complaints = String::new();
    let mut left: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    let (mut total, mut compared) = (0, 0);
    for line in index.lines() {
        let [name, node, _, command_line] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        total += 1;
        match part(name) {
            Part::Left(why) => left.entry(why).or_default().push(name),
            Part::Replayed(scene, mode) => {
                let bench = prepare(scene).await;
                let here = bench.lab.spec().unwrap().nodes.iter().any(|n| n.name == node);
                let node = if here { node } else { "cp1" };
                let command_line = command(&bench, node, name, command_line).await;
                if command_line.contains("rollout status") {
                    let restart = "kubectl --kubeconfig=/etc/kubernetes/admin.conf rollout restart daemonset etcd-defrag -n kube-system";
                    bench.ok(node, restart).await;
                }
                let own = bench.run(node, &command_line).await;
                complaints.extend(compare(name, mode, &own, &captured(name)));
                compared += 1;
            }
        }
    }
    println!("compared {compared} of {total} commands of the real node; left out:");
    for (why, names) in &left {
        println!("  {why}: {}", names.join(", "));
    }
    assert!(complaints.is_empty(), "{complaints}");
    assert!(compared >= 90, "{compared} compared");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_without_quorum_prints_what_three_real_nodes_printed() {
    for node in ["cp1", "cp2", "cp3"] {
        let bench = prepare(Scene::ThreeExpired).await;
        let before = bench.clock.wall_ms();
        let own = bench.run(node, "kubeadm certs renew all").await;
        assert_eq!((bench.clock.wall_ms() - before) / 1000, 10, "it waits for the ConfigMap");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/real-node/three-expired/");
        let real = std::fs::read_to_string(format!("{folder}{node}-renew-all.stdout")).unwrap();
        assert_eq!((own.status, own.stdout, own.stderr), (0, real, String::new()));
    }
}
