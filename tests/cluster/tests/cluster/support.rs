//! Clusters for tests, and waiting with a bound.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use certwright_cluster::host::{Cluster, Programs, Said, Spec};
use certwright_steps::lab::Validity;

/// By how much delays of the cluster are shorter than a real machine's.
pub(crate) const PACE: u32 = 4;

/// A cluster whose certificates are in this state.
pub(crate) fn cluster(certificates: Validity) -> Cluster {
    start(&Spec::new(certificates))
}

/// A cluster made from this, at the pace of tests.
pub(crate) fn start(spec: &Spec) -> Cluster {
    let started = Cluster::start(&spec.clone().pace(PACE), &programs());
    started.unwrap_or_else(|error| panic!("{}", certwright_cluster::said::chain(&error)))
}

/// This crate's binary, and the product's beside it: `cargo build` and a run of the whole workspace's tests make both.
///
/// Not built from here: a build within a test has another environment, and makes the next one start anew.
pub(crate) fn programs() -> Programs {
    let hosts = PathBuf::from(env!("CARGO_BIN_EXE_certwright-cluster"));
    let certwright = hosts.with_file_name("certwright");
    assert!(certwright.is_file(), "no {}: run `cargo build --workspace` first", certwright.display());
    Programs { certwright, hosts }
}

/// Waits until something holds; returns how long that took.
pub(crate) fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < within, "{what}: not within {} s", within.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
    began.elapsed()
}

/// Waits until every etcd member says that it is healthy.
pub(crate) fn until_etcd_is_healthy(cluster: &Cluster) -> Duration {
    until("three healthy etcd members", Duration::from_secs(30), || {
        cluster.nodes().iter().all(|node| {
            let said = cluster.ssh(node.name(), "curl -s --max-time 2 http://127.0.0.1:2381/health");
            said.stdout.contains("\"health\":\"true\"")
        })
    })
}

/// The id of the running container of this name on a node, where one runs.
pub(crate) fn container(cluster: &Cluster, node: &str, name: &str) -> Option<String> {
    let said = cluster.ssh(node, &format!("crictl ps -q --name '^{name}$'"));
    said.ok().lines().next().map(str::to_owned)
}

/// A number that the environment gives.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What an operator types to renew.
pub(crate) const RUN: &str = "run renew-control-plane --inventory inventory.toml --yes=lab";

/// certwright on the workstation, with these arguments, split at blanks.
pub(crate) fn certwright(cluster: &Cluster, args: &str) -> Said {
    Said::of(cluster.workstation().command("certwright").args(args.split_whitespace()))
}

/// kubectl on the workstation, through the load balancer.
pub(crate) fn kubectl(cluster: &Cluster, args: &str) -> Said {
    let mut kubectl = cluster.workstation().command("kubectl");
    kubectl.args(["--kubeconfig", "bmctl-workspace/lab/lab-kubeconfig", "--request-timeout=5s"]);
    Said::of(kubectl.args(args.split_whitespace()))
}

/// Waits until so many nodes are ready, and the five pods of each.
pub(crate) fn until_kubectl_answers(cluster: &Cluster, nodes: usize) {
    let count = |args: &str, word: &str| kubectl(cluster, args).stdout.matches(word).count();
    until(&format!("{nodes} ready nodes"), Duration::from_secs(60), || {
        nodes == 0
            || count("get nodes", " Ready ") >= nodes
                && count("get pods -n kube-system", " 1/1 ") >= 5 * nodes
    });
}
