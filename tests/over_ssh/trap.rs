//! The kubelet trap on real machines: mended before anything is stopped, by the plan or by what is typed on the node.

use std::collections::BTreeMap;

use crate::cluster::Cluster;

const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

#[test]
fn a_kubelet_that_runs_with_an_expired_certificate_is_mended_and_its_node_renewed() {
    let cluster = Cluster::expired();
    cluster.inject("kubelet-expired@cp-2");
    let ran = cluster.run("run renew-control-plane --inventory inventory.toml --yes=lab");
    assert_eq!(ran.code, Some(0), "{}", ran.whole());
    assert_eq!(cluster.lab().faults_fired().expect("the lab's memory").len(), 1, "the kubelet's has expired");
    restarted_once(&cluster);
    assert_eq!(cluster.type_on("cp-2", "systemctl is-active kubelet"), "active\n");
    let conf = cluster.type_on("cp-2", "cat /etc/kubernetes/kubelet.conf");
    assert_eq!(conf.matches(CURRENT).count(), 2, "it points at the kubelet's own again: {conf}");
    assert_eq!(cluster.type_on("cp-2", "stat -c '%a %U' /etc/kubernetes/kubelet.conf"), "600 root\n");
    assert_eq!(
        cluster.type_on("cp-2", "ls -d /etc/kubernetes/kubelet.new 2>&1 || true").matches("No such").count(),
        1
    );
    assert_eq!(
        cluster.type_on("cp-2", &format!("openssl x509 -noout -checkend 86400 -in {CURRENT} >&2")),
        ""
    );
    let second = cluster.run("run renew-control-plane --inventory inventory.toml --yes=lab");
    assert_eq!(second.code, Some(0), "{}", second.whole());
    assert!(second.stdout.contains("UNCHANGED"), "{}", second.stdout);
}

#[test]
fn a_plan_without_the_cure_stops_nothing_and_the_printed_commands_mend_the_kubelet() {
    let cluster = Cluster::expired();
    cluster.inject("kubelet-expired@cp-1");
    let text = include_str!("../../plans/renew-control-plane.toml");
    let blocks: Vec<&str> =
        text.split("\n[[").filter(|block| !block.contains("\"kubelet-client\"")).collect();
    assert_eq!(blocks.len() + 2, text.split("\n[[").count(), "the shipped plan has two of them");
    cluster.write("own.toml", &blocks.join("\n[["));
    let attempts = cluster.attempts();

    let refused = cluster.run("run own.toml --inventory inventory.toml --yes=lab");
    assert_eq!(refused.code, Some(10), "{}", refused.whole());
    assert_eq!(cluster.lab().faults_fired().expect("the lab's memory").len(), 1, "the kubelet's has expired");
    assert_eq!(cluster.attempts(), attempts, "a container was stopped");

    let mut lines =
        refused.stdout.lines().skip_while(|line| !line.contains("give the kubelet a new kubelet.conf"));
    let first = lines.next().expect("a remedy");
    let indent = first.find("remedy").expect("its label") + "remedy".len() + 4;
    assert!(
        first[indent..]
            .starts_with("let a step of kind kubelet-client come before this one in the plan, or give")
    );
    assert!(first.ends_with("from the node's CA: as root on cp-1"), "{first}");
    let commands: Vec<&str> =
        lines.take_while(|line| !line.contains("then go on; when")).map(|line| &line[indent..]).collect();
    assert!(commands.iter().all(|line| line.len() <= 70), "a terminal would break them: {commands:#?}");
    cluster.type_on("cp-1", &commands.join("\n"));
    assert_eq!(cluster.type_on("cp-1", "systemctl is-active kubelet"), "active\n");

    let resumed = cluster.run("resume");
    assert_eq!(resumed.code, Some(0), "{commands:#?}\n{}", resumed.whole());
    restarted_once(&cluster);
    println!("refused with nothing stopped; {} lines typed on the node; resumed", commands.len());
}

fn restarted_once(cluster: &Cluster) {
    let attempts: BTreeMap<_, _> = cluster.attempts();
    let restarted = attempts.iter().filter(|(name, n)| !name.contains("defrag") && **n == 1).count();
    assert_eq!(restarted, 12, "every component was restarted once: {attempts:?}");
}
