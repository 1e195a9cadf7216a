//! `kill -9` of ssh, of sshd's session, and a reboot of the node, under each step of the shipped plan: the run reconnects by
//! itself, or a resume goes on, to the same final state with nothing done twice.
//!
//! What certwright tells of its records says when a step is at work: a step that only looks is struck as it starts, one that
//! changes something as it begins to.

#![expect(clippy::disallowed_methods, reason = "a line is waited for in real time, with a bound")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::killed::{RUN, is_renewed, next, settle};
use crate::random::Random;
use crate::sshd::processes::{kill, processes_with};

/// What happens to a node, or to the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strike {
    /// Our own ssh to it is killed.
    Ssh,
    /// Its sshd processes of our sessions are killed.
    Sshd,
    /// It is switched off and on again.
    Reboot,
}

const STRIKES: [Strike; 3] = [Strike::Ssh, Strike::Sshd, Strike::Reboot];
/// Steps of the shipped plan.
const STEPS: usize = 13;

#[test]
fn a_run_that_loses_ssh_sshd_and_its_node_under_its_steps_ends_renewed_with_nothing_done_twice() {
    let seed = number("CERTWRIGHT_SEED", 1);
    let mut stage = Stage::new();
    let mut met = Met::default();
    // Every third step, each another way: over nine seeds every step meets all.
    let strike = |at: usize| (at % 3 == seed % 3).then_some(STRIKES[(at / 3 + seed / 3) % 3]);
    stage.run(strike, seed, &mut met);
    println!("over ssh, seed {seed}: one run, {} strikes: {met:?}", met.tried());
    assert!(met.tried() >= STEPS / 3 && met.struck.len() == 3, "{met:?}");
}

#[test]
#[ignore = "a campaign of a quarter of an hour: cargo nextest run --test over_ssh --run-ignored only under_each_step --no-capture"]
fn a_run_that_loses_ssh_sshd_or_its_node_under_each_step_ends_renewed_with_nothing_done_twice() {
    let first = number("CERTWRIGHT_FIRST", 0);
    let mut stage = Stage::new();
    stage.cluster.keep();
    let mut met = Met::default();
    for turn in 0..3 {
        // All steps of one run, each another way.
        stage.run(|at| Some(STRIKES[(at + turn) % 3]), turn, &mut met);
        println!("every step, {turn}: {met:?}");
        stage.cluster.restore();
    }
    // The last step may be over before it is struck.
    assert!(met.tried() >= 3 * (STEPS - 1) && met.steps.len() >= STEPS - 1, "{met:?}");
    for case in first..STEPS * 3 {
        let (step, strike) = (case / 3, STRIKES[case % 3]);
        stage.run(|at| (at == step).then_some(strike), case, &mut met);
        println!("{strike:?} under step {step}: {met:?}");
        stage.cluster.restore();
    }
    println!("over ssh: {} runs, {} strikes: {met:?}", met.runs, met.tried());
    assert_eq!(met.tried() + met.missed, STEPS * 6 - first);
    assert!(met.missed <= 6, "{met:?}");
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What was met.
#[derive(Debug, Default)]
struct Met {
    struck: BTreeMap<Strike, usize>,
    steps: BTreeSet<String>,
    /// Processes that were ended.
    ended: usize,
    /// Steps that the run's own end came before.
    missed: usize,
    /// Runs that went on by themselves, and resumes.
    runs: usize,
    resumes: usize,
}

impl Met {
    fn tried(&self) -> usize {
        self.struck.values().sum()
    }
}

struct Stage {
    cluster: Cluster,
    boots: u32,
}

/// What is known of a run while it tells of itself.
#[derive(Default)]
struct Told {
    /// Names of its tasks, by id.
    tasks: Vec<String>,
    /// Steps in the order in which they began.
    steps: Vec<String>,
    struck: BTreeSet<String>,
    /// The certificates of a node as its renewal left them.
    renewed: BTreeMap<PathBuf, Vec<u8>>,
}

impl Stage {
    fn new() -> Self {
        Self { cluster: Cluster::expired(), boots: 0 }
    }

    /// One run, and resumes of it, to its end; `strike` says what happens under which step.
    fn run(&mut self, strike: impl Fn(usize) -> Option<Strike>, seed: usize, met: &mut Met) {
        let mut told = Told::default();
        let mut random = Random(u64::try_from(seed).expect("a small number"));
        let mut args = RUN.to_owned();
        for turn in 0.. {
            assert!(turn < 20, "it makes no progress: {met:?}");
            let ended_well = self.process(&args, &strike, &mut told, &mut random, met);
            settle(&self.cluster);
            match next(&self.cluster) {
                None => break,
                Some(again) => {
                    assert!(!ended_well, "it ended well and has not ended");
                    again.clone_into(&mut args);
                    met.resumes += 1;
                }
            }
        }
        met.runs += 1;
        is_renewed(&self.cluster);
        for (file, bytes) in &told.renewed {
            assert_eq!(fs::read(file).ok().as_ref(), Some(bytes), "{} was renewed twice", file.display());
        }
        assert_eq!(told.renewed.len(), self.cluster.certificates().len(), "each node was seen renewed");
    }

    /// One process to its end, struck on its way; whether it ended well.
    fn process(
        &mut self,
        args: &str,
        strike: &impl Fn(usize) -> Option<Strike>,
        told: &mut Told,
        random: &mut Random,
        met: &mut Met,
    ) -> bool {
        let mut command = self.cluster.command(args);
        let errors = fs::File::create(self.cluster.path("errors")).expect("a file for errors");
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("certwright starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut all = String::new();
        for line in lines {
            let line = line.expect("UTF-8");
            let object: Value = serde_json::from_str(&line).expect("JSON");
            all.extend([&line, "\n"]);
            if object["type"] == "plan" && told.tasks.is_empty() {
                let name = |task: &Value| task["task"].as_str().expect("a name").to_owned();
                told.tasks = object["tasks"].as_array().expect("tasks").iter().map(name).collect();
            }
            let Some((step, node)) = self.begins(&object["record"]["body"], told, random) else { continue };
            let at = told.steps.iter().position(|known| *known == step).expect("it began");
            let Some(strike) = strike(at).filter(|_| told.struck.insert(step.clone())) else {
                continue;
            };
            let Some(ended) = self.strike(strike, node, &mut child) else {
                met.missed += 1;
                continue;
            };
            met.ended += ended;
            *met.struck.entry(strike).or_default() += 1;
            met.steps.insert(step);
        }
        let status = child.wait().expect("it ends");
        let errors = fs::read_to_string(self.cluster.path("errors")).unwrap_or_default();
        assert!(matches!(status.code(), Some(0 | 10)), "{status}\n{all}\n{errors}");
        status.success()
    }

    /// The step and the node of a record with which a step is at work.
    fn begins(&self, body: &Value, told: &mut Told, random: &mut Random) -> Option<(String, usize)> {
        let task = |event: &str| body[event]["task"].as_u64().and_then(|id| usize::try_from(id).ok());
        let name = |id: usize| told.tasks[id].split_once('@').expect("STAGE/STEP@HOST");
        if let Some((step, host)) = task("verified").map(name)
            && step == "renew/renew"
        {
            let of_node =
                |(file, _): &(PathBuf, Vec<u8>)| file.starts_with(self.cluster.path("lab").join(host));
            told.renewed.extend(self.cluster.certificates().into_iter().filter(of_node));
            return None;
        }
        let changes = body["probed"]["verdict"] == "drifted";
        let (step, host) = task("step-started").or(task("probed").filter(|_| changes)).map(name)?;
        let step = step.to_owned();
        if !told.steps.contains(&step) {
            told.steps.push(step.clone());
        }
        let acts = [
            "renew/backup",
            "renew/renew",
            "restart/static-pods",
            "workstation/kubeconfig",
            "consumers/etcd-defrag",
        ];
        // A step that changes something is struck when it does.
        if acts.contains(&step.as_str()) != changes {
            return None;
        }
        let node = self.cluster.nodes().iter().position(|node| node == host);
        // The workstation's own steps ask the nodes.
        let any = usize::try_from(random.below(3)).expect("small");
        Some((step, node.unwrap_or(any)))
    }

    /// Strikes the node, as soon as there is a line to it; how many processes that ended. None: the run was over first.
    fn strike(&mut self, strike: Strike, node: usize, run: &mut Child) -> Option<usize> {
        let until = Instant::now() + Duration::from_secs(60);
        let port = format!(" -p {} ", self.cluster.ports()[node]);
        loop {
            let ended = match strike {
                Strike::Sshd => self.cluster.cut_lines(node),
                Strike::Ssh => {
                    let masters = processes_with(&port).into_iter().filter(|pid| is_ssh(*pid));
                    masters.map(kill).count()
                }
                Strike::Reboot => {
                    self.boots += 1;
                    // The listener at least.
                    return Some(1 + self.cluster.reboot(node, self.boots));
                }
            };
            if ended > 0 {
                return Some(ended);
            }
            if run.try_wait().expect("ask for certwright").is_some() {
                return None;
            }
            assert!(Instant::now() < until, "{strike:?}: there is no line to the node");
            sleep(Duration::from_millis(5));
        }
    }
}

fn is_ssh(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "ssh")
}
