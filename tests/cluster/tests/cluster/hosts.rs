//! Hosts are machines of their own, and nothing is left of them.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use certwright_cluster::host::Said;
use certwright_steps::lab::Validity;

use crate::support::{cluster, kubectl, programs, until, until_kubectl_answers};

#[test]
fn a_host_is_reached_by_ssh_and_sudo_alone_and_is_a_machine_of_its_own() {
    let cluster = cluster(Validity::Valid);
    let mut seen = std::collections::BTreeSet::new();
    for node in cluster.nodes() {
        let name = node.name();
        assert_eq!(cluster.ssh(name, "hostname").ok(), format!("{name}\n"));
        let plain = Said::of(cluster.workstation().command("ssh").args([name, "id -un"]));
        assert_eq!(plain.ok(), "ops\n", "who logs in is not root");
        let root = Said::of(cluster.workstation().command("ssh").args(["-l", "root", name, "true"]));
        assert_eq!(root.code, Some(255), "{}", root.whole());
        let served = cluster.ssh(name, "cat /etc/kubernetes/pki/apiserver.crt").ok();
        let file = node.path("/etc/kubernetes/pki/apiserver.crt");
        assert_eq!(served, std::fs::read_to_string(file).expect("the node's own file"));
        assert!(seen.insert(served), "two nodes share a certificate");
        cluster.ssh(name, "touch /var/lib/certwright/mine /tmp/mine /run/mine").ok();
        let first = cluster.ssh(name, "readlink /proc/1/exe; ls /proc | grep -c '^[0-9]'").ok();
        let (exe, processes) = first.trim().split_once('\n').expect("two lines");
        assert!(exe.ends_with("certwright-cluster"), "process 1 is {exe}");
        assert!(processes.parse::<u32>().expect("a number") < 40, "{processes} processes are visible");
    }
    for place in ["/var/lib/certwright/mine", "/tmp/mine", "/run/mine"] {
        assert!(!std::path::Path::new(place).exists(), "{place} is on the machine");
    }
    let took = cluster.took();
    println!(
        "3 hosts by ssh and sudo, {} different certificates; up in {:.1} s",
        seen.len(),
        took.as_secs_f64()
    );
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn the_real_kubectl_lists_nodes_and_pods_from_the_workstation_and_from_each_node() {
    let cluster = cluster(Validity::Valid);
    let began = std::time::Instant::now();
    until_kubectl_answers(&cluster, 3);
    let answered = began.elapsed();
    for node in cluster.nodes() {
        let conf = "/etc/kubernetes/admin.conf";
        let own = format!("kubectl --kubeconfig {conf} --server https://{}:6443 get nodes", node.address());
        assert_eq!(
            cluster.ssh(node.name(), &own).ok().matches(" Ready ").count(),
            3,
            "asked of {}",
            node.name()
        );
    }
    let leases = kubectl(&cluster, "get leases -A").ok();
    assert_eq!(leases.lines().filter(|line| line.starts_with("kube-node-lease")).count(), 3, "{leases}");
    println!(
        "up in {:.1} s; {:.1} s later kubectl lists 3 ready nodes and 15 ready pods through the load balancer",
        cluster.took().as_secs_f64(),
        answered.as_secs_f64()
    );
}

#[test]
fn nothing_is_left_of_a_cluster_whose_owner_is_killed() {
    let mut up = Command::new(programs().hosts);
    let mut up = up.arg("up").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
    let words = BufReader::new(up.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let firsts: Vec<String> = words
        .filter_map(|line| Some(line.split_once("first process ")?.1.trim().to_owned()))
        .take(4)
        .collect();
    assert_eq!(firsts.len(), 4, "up says the first process of each host");
    let lives = |pid: &&String| std::path::Path::new("/proc").join(pid).join("exe").exists();
    assert_eq!(firsts.iter().filter(lives).count(), 4, "they run");
    let pid = format!("/proc/{}/task/{}/children", up.id(), up.id());
    let children = std::fs::read_to_string(pid).expect("its children");
    assert!(children.split_whitespace().count() >= 4, "{children}");
    up.kill().expect("SIGKILL");
    up.wait().expect("it ends");
    let took =
        until("the end of all hosts", Duration::from_secs(10), || !firsts.iter().any(|pid| lives(&pid)));
    println!("4 hosts ended {} ms after their owner was killed", took.as_millis());
}
