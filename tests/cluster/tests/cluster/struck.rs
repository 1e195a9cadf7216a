//! `kill -9` of certwright, of ssh and of sshd, and a reboot of the node, under each step of the shipped plan on real hosts:
//! the run reconnects by itself, or a resume goes on, to the same final state with nothing renewed twice.
//!
//! What certwright tells of its records says when a step is at work: a step that only looks is struck as it starts, one that
//! changes something as it begins to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use certwright_cluster::host::{Cluster, Machine, Said, Spec};
use certwright_steps::lab::Validity;
use serde_json::Value;

use crate::proof::{Renewed, prove_renewed};
use crate::support::{RUN, certwright, start, until_kubectl_answers};

/// What happens to the run, to the way to a node, or to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strike {
    /// certwright is killed.
    Certwright,
    /// Its ssh to the node is killed.
    Ssh,
    /// The node's sshd processes of its sessions are killed.
    Sshd,
    /// The node is switched off and on again.
    Reboot,
}

const STRIKES: [Strike; 4] = [Strike::Certwright, Strike::Ssh, Strike::Sshd, Strike::Reboot];

/// Steps of the shipped plan, and whether each changes something here.
const STEPS: [(&str, bool); 13] = [
    ("prepare/preflight", false),
    ("renew/backup", true),
    ("renew/renew", true),
    ("renew/verify", false),
    ("renew/kubelet", false),
    ("restart/static-pods", true),
    ("reachable/api", false),
    ("workstation/kubeconfig", true),
    ("kubelets/client", false),
    ("kubelets/certificates", false),
    ("consumers/etcd-defrag", true),
    ("consumers/pods", false),
    ("logs/tls-errors", false),
];

/// How often a run may be resumed.
const RESUMES: usize = 20;

/// How long a way to a node is waited for before it is cut.
const LINE: Duration = Duration::from_secs(30);

#[test]
fn a_run_that_is_struck_four_ways_is_resumed_to_the_end() {
    let seed = number("CERTWRIGHT_SEED", 1);
    let mut met = Met::default();
    // Every third step, each another way: over twelve seeds every step meets all.
    run(|at| (at % 3 == seed % 3).then_some(STRIKES[(at / 3 + seed / 3) % 4]), seed, &mut met);
    println!("on the test cluster, seed {seed}: {met}");
    assert!(met.tried() >= 4 && met.struck.len() == 4, "{met}");
}

#[test]
#[ignore = "a campaign of five minutes: cargo nextest run -p certwright-cluster --run-ignored only under_each_step --no-capture"]
fn a_run_that_is_struck_under_each_step_is_resumed_to_the_end() {
    let mut met = Met::default();
    for turn in number("CERTWRIGHT_FIRST", 0)..STRIKES.len() {
        // All steps of one run, each another way.
        run(|at| Some(STRIKES[(at + turn) % 4]), turn, &mut met);
        println!("under each step, {turn}: {met}");
    }
    let all = STRIKES.len() * STEPS.len();
    assert!(met.tried() + met.missed == all && met.missed <= 4, "{met}");
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What was met.
#[derive(Debug, Default)]
struct Met {
    struck: BTreeMap<Strike, usize>,
    /// Processes that were ended.
    ended: usize,
    /// Steps that were over before they could be struck.
    missed: usize,
    runs: usize,
    resumes: usize,
    certificates: usize,
    took: Duration,
}

impl Met {
    fn tried(&self) -> usize {
        self.struck.values().sum()
    }
}

impl std::fmt::Display for Met {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { struck, ended, missed, runs, resumes, certificates, took } = self;
        write!(
            f,
            "{runs} run(s), {} strikes {struck:?}, {missed} missed, {ended} processes ended, {resumes} resumes, \
             {certificates} certificates renewed once each, in {} s",
            self.tried(),
            took.as_secs()
        )
    }
}

/// What is known of a run while it tells of itself.
#[derive(Default)]
struct Told {
    /// Names of its tasks, by id: `STAGE/STEP@HOST`.
    tasks: Vec<String>,
    struck: BTreeSet<usize>,
    /// The certificates of a node as its renewal left them.
    renewed: BTreeMap<PathBuf, Vec<u8>>,
}

impl Told {
    /// The step, and the node, that a record says to be at work.
    fn at_work(&mut self, cluster: &Cluster, object: &Value) -> Option<(usize, String)> {
        if object["type"] == "plan" && self.tasks.is_empty() {
            let name = |task: &Value| task["task"].as_str().expect("a name").to_owned();
            self.tasks = object["tasks"].as_array().expect("tasks").iter().map(name).collect();
        }
        let body = &object["record"]["body"];
        let task = |event: &str| body[event]["task"].as_u64().and_then(|id| usize::try_from(id).ok());
        let name = |id: usize| self.tasks[id].split_once('@').expect("STAGE/STEP@HOST");
        if let Some(("renew/renew", host)) = task("verified").map(name) {
            self.renewed.extend(certificates(cluster.node(host)));
            return None;
        }
        let drifts = body["probed"]["verdict"] == "drifted";
        let (step, host) = task("step-started").or(task("probed").filter(|_| drifts)).map(name)?;
        let at = STEPS.iter().position(|(known, _)| *known == step).expect("a step of the shipped plan");
        (STEPS[at].1 == drifts).then(|| (at, host.to_owned()))
    }
}

fn certificates(node: &Machine) -> Vec<(PathBuf, Vec<u8>)> {
    let files =
        ["apiserver.crt", "apiserver.key", "etcd/peer.crt", "etcd/server.key", "front-proxy-client.crt"];
    let files = files.map(|file| node.path("/etc/kubernetes/pki").join(file));
    files.map(|file| (file.clone(), std::fs::read(file).expect("a file of kubeadm"))).into()
}

/// One run on a cluster of its own, and resumes of it, to its end; `strike` says what happens under which step.
fn run(strike: impl Fn(usize) -> Option<Strike>, seed: usize, met: &mut Met) {
    let began = Instant::now();
    let mut cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    let since = certwright_cluster::said::now_ms() / 1000;
    let mut told = Told::default();
    let (mut args, mut resumes) = (RUN, 0);
    while !process(&mut cluster, args, &strike, seed, &mut told, met) {
        settle(&cluster);
        resumes += 1;
        assert!(resumes < RESUMES, "it makes no progress: {met}");
        let none = certwright(&cluster, "runs").stdout.is_empty();
        args = if none { RUN } else { "resume" };
    }
    prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    assert_eq!(told.renewed.len(), 15, "each node was seen renewed");
    for (file, bytes) in &told.renewed {
        assert_eq!(std::fs::read(file).ok().as_ref(), Some(bytes), "{} was renewed twice", file.display());
    }
    met.runs += 1;
    met.resumes += resumes;
    met.certificates += 31;
    met.took += began.elapsed();
}

/// One process to its end, struck on its way; whether the run is done.
fn process(
    cluster: &mut Cluster,
    args: &str,
    strike: &impl Fn(usize) -> Option<Strike>,
    seed: usize,
    told: &mut Told,
    met: &mut Met,
) -> bool {
    let mut command = cluster.workstation().command("certwright");
    command.args(args.split_whitespace()).args(["--output", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("certwright starts");
    let mut all = String::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
        all.extend([&line, "\n"]);
        // The last line of one that was killed may be half a line.
        let Ok(object) = serde_json::from_str::<Value>(&line) else { continue };
        let Some((at, host)) = told.at_work(cluster, &object) else { continue };
        let Some(strike) = strike(at).filter(|_| told.struck.insert(at)) else { continue };
        // The workstation's own steps ask the nodes.
        let any = cluster.nodes()[(at + seed) % 3].name();
        let node =
            cluster.nodes().iter().map(Machine::name).find(|name| *name == host).unwrap_or(any).to_owned();
        match fall(cluster, strike, &node) {
            0 => met.missed += 1,
            ended => {
                met.ended += ended;
                *met.struck.entry(strike).or_default() += 1;
            }
        }
    }
    let ended = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&ended.stderr);
    let code = ended.status.code();
    assert!(matches!(code, Some(0 | 10) | None), "{:?}\n{all}\n{errors}", ended.status);
    code == Some(0)
}

/// Strikes, as soon as there is what is to be struck; how many processes that ended.
fn fall(cluster: &mut Cluster, strike: Strike, node: &str) -> usize {
    let kill = |machine: &Machine, pattern: &str| {
        let list = Said::of(machine.command("pgrep").args(["-f", pattern])).stdout;
        let killed = list
            .split_whitespace()
            .filter(|pid| Said::of(machine.command("kill").args(["-KILL", *pid])).code == Some(0));
        killed.count()
    };
    let address = cluster.node(node).address().to_string().replace('.', "\\.");
    let until = Instant::now() + LINE;
    loop {
        let ended = match strike {
            Strike::Certwright => kill(cluster.workstation(), "^certwright "),
            Strike::Ssh => kill(cluster.workstation(), &format!("^ssh -M .* -- {address}$")),
            Strike::Sshd => kill(cluster.node(node), "^sshd: ops"),
            Strike::Reboot => {
                cluster.reboot(node).expect("it comes up again");
                return 1;
            }
        };
        let over =
            Said::of(cluster.workstation().command("pgrep").args(["-x", "certwright"])).code != Some(0);
        if ended > 0 || over || Instant::now() >= until {
            return ended;
        }
    }
}

/// Waits until nothing that certwright started runs on a node any more.
fn settle(cluster: &Cluster) {
    for node in cluster.nodes() {
        let lock = "/var/lib/certwright/lock";
        if node.path(lock).exists() {
            let free = Said::of(node.command("flock").args(["-w", "60", lock, "true"]));
            assert_eq!(free.code, Some(0), "{} is still busy", node.name());
        }
    }
}
