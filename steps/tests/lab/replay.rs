//! The commands of a real node, run against a lab in the same state and compared byte for byte, ids and times masked.

#[path = "replay/scene.rs"]
mod scene;

#[path = "replay/compare.rs"]
mod compare;

#[path = "replay/parts.rs"]
mod parts;

use compare::compare;
use parts::{Part, part};
use scene::{Scene, prepare};

use crate::bench::{Bench, Ran};

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
