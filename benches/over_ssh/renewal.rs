//! The renewal of three expired nodes, by each contestant in turn.

use std::fs;
use std::path::Path;

use crate::cluster::Cluster;
use crate::contestant::{Contestant, KUBECONFIG, introduce};
use crate::costs::Rounds;
use crate::openssl::{self, Expected};
use crate::watched::watch;

/// What a contestant took, round by round.
struct Row {
    who: Contestant,
    wall: Rounds,
    client: Rounds,
    machine: Rounds,
    peak_mib: Rounds,
    own_mib: Rounds,
}

/// Measures and prints.
pub(crate) fn renewal(rounds: usize, pace: u32) {
    let cluster = Cluster::at_pace(pace);
    introduce(&cluster);
    put_kubeconfig(&cluster);
    cluster.keep();
    let row = |who| Row {
        who,
        wall: Rounds::default(),
        client: Rounds::default(),
        machine: Rounds::default(),
        peak_mib: Rounds::default(),
        own_mib: Rounds::default(),
    };
    let mut rows: Vec<Row> = Contestant::all().into_iter().map(row).collect();
    for _round in 0..rounds {
        for row in &mut rows {
            row.turn(&cluster);
        }
    }
    println!("renewal of three expired nodes at pace {pace}, least / median of {rounds} rounds:\n");
    println!(
        "| | wall, s | by certwright | CPU of this side, s | by certwright | CPU of the machine, s | peak, MiB | without its files, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let ours = &rows[0];
    for row in &rows {
        let ratio = |ours: &Rounds, theirs: &Rounds| ours.by(theirs, |ours, theirs| ours / theirs).text(2);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.who.name(),
            row.wall.text(2),
            ratio(&ours.wall, &row.wall),
            row.client.text(2),
            ratio(&ours.client, &row.client),
            row.machine.text(2),
            row.peak_mib.text(1),
            row.own_mib.text(1),
        );
    }
    println!(
        "\n`by certwright`: its figure divided by that row's, round by round. Aims: wall 0.87 of bash and 0.28 of"
    );
    println!("ansible-core, CPU 0.6 of bash, peak 8 MiB.");
    if rows.len() == 3 {
        println!("ansible-core did not take part: `apt-get install ansible-core`");
    }
}

impl Row {
    fn turn(&mut self, cluster: &Cluster) {
        cluster.restore();
        let log = cluster.path("log");
        let usage = watch(&self.who.command(cluster), &log);
        let said = || fs::read_to_string(&log).unwrap_or_default();
        assert!(usage.success, "{} failed:\n{}", self.who.name(), said());
        if self.who != Contestant::Connections {
            check(cluster, self.who);
        }
        self.wall.push(usage.wall_ms / 1e3);
        self.client.push(usage.client_ms / 1e3);
        self.machine.push(usage.machine_ms / 1e3);
        self.peak_mib.push(f64::from(usage.peak_kib) / 1024.0);
        self.own_mib.push(f64::from(usage.own_kib) / 1024.0);
    }
}

/// The operator's expired kubeconfig, where programs of the machine look for it: the lab keeps it below its own root.
fn put_kubeconfig(cluster: &Cluster) {
    let path = cluster.path(KUBECONFIG);
    let of_lab = cluster.path("lab/workstation").join(path.strip_prefix("/").expect("an absolute path"));
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("its folder");
    fs::copy(of_lab, path).expect("the lab made one");
}

/// Whether the whole work was done: every leaf renewed and the kubeconfig, every container stopped once, a backup on
/// every node, the DaemonSet restarted.
fn check(cluster: &Cluster, who: Contestant) {
    let who = who.name();
    let checked = openssl::check_nodes(&cluster.path("lab"), Expected::Valid);
    assert!(checked >= 3 * 14, "{who}: openssl checked {checked} certificates");
    for (component, attempt) in cluster.attempts() {
        let restarted = u64::from(!component.contains("etcd-defrag"));
        assert_eq!(attempt, restarted, "{who}: how often {component} was stopped");
    }
    for node in cluster.nodes() {
        let backups = cluster.path("lab").join(&node).join("var/lib/certwright/backups");
        let is_archive = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|e| e == "tar");
        let archives = fs::read_dir(&backups).into_iter().flatten().flatten().filter(is_archive).count();
        assert_eq!(archives, 1, "{who}: backups on {node}");
    }
    let mut kubectl = cluster.program(Path::new("kubectl"));
    kubectl.arg(format!("--kubeconfig={}", cluster.path(KUBECONFIG).display()));
    kubectl.args(["get", "daemonset", "etcd-defrag", "-n", "kube-system", "-o", "json"]);
    let shown = kubectl.output().expect("the lab's kubectl");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("restartedAt"), "{who}: etcd-defrag was not restarted: {shown}");
}
