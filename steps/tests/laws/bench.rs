//! A lab with one step in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Host, Hosts};
use certwright_engine::plan::{ErrorClass, HostSpec, SshSettings, WORKSTATION};
use certwright_engine::step::{Context, Done, Facts, Probe, Progress, Step, StepError, Verdict};
use certwright_steps::lab::{Fault, Lab};
use serde_json::Value;

use super::crashing::{Crash, Crashing};
use super::doctored::Doctored;
use super::make::{attempt, build, tell};
use super::scenarios::Scenario;
use super::witness::Witness;

/// Lab time at the start of every bench, ms since 1970.
pub(crate) const START: u64 = 1_795_600_000_000;

/// A scenario that is set up once, to be tried many times.
pub(crate) struct Stage<'a> {
    scenario: &'a Scenario,
    folder: tempfile::TempDir,
    wall_ms: u64,
}

/// One try: a lab of its own with the step in it.
pub(crate) struct Bench<'a> {
    scenario: &'a Scenario,
    folder: Arc<tempfile::TempDir>,
    lab: Lab,
    clock: Clock,
    crash: Option<Arc<Crash>>,
}

impl<'a> Stage<'a> {
    /// Makes the lab and runs what comes before.
    pub(crate) async fn new(scenario: &'a Scenario) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::virtual_from(START);
        let lab = Lab::create(folder.path(), &scenario.lab, &clock).expect("a lab");
        let bench = Bench { scenario, folder: Arc::new(folder), lab, clock, crash: None };
        // A cluster that has just begun is not yet the one an operator meets.
        bench.clock.sleep(Duration::from_secs(60)).await;
        for (kind, with, host) in &scenario.before {
            let step = build(kind, with);
            // Another run did this, so that its archives are not this run's.
            let cx = Context { run: "before".to_owned(), ..bench.context(host) };
            attempt(step.as_ref(), &cx)
                .await
                .unwrap_or_else(|e| panic!("{scenario}: preparing with {kind}@{host}: {}", tell(&e)));
            bench.clock.sleep(Duration::from_secs(5)).await;
        }
        let wall_ms = bench.clock.wall_ms();
        let folder = Arc::into_inner(bench.folder).expect("no one else has the bench");
        Self { scenario, folder, wall_ms }
    }

    /// A bench of its own that goes on from here.
    pub(crate) fn bench(&self) -> Bench<'a> {
        let folder = tempfile::tempdir().expect("a folder");
        copy(self.folder.path(), folder.path());
        let lab = Lab::open(folder.path()).expect("a lab");
        let clock = Clock::virtual_from(self.wall_ms);
        Bench { scenario: self.scenario, folder: Arc::new(folder), lab, clock, crash: None }
    }
}

/// Copies a folder with modes and times.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let meta = std::fs::symlink_metadata(&from).expect("a file that was listed");
        if meta.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&from).expect("a link"), &to).expect("a link");
        } else if meta.is_dir() {
            std::fs::create_dir(&to).expect("a folder");
            copy(&from, &to);
            std::fs::set_permissions(&to, meta.permissions()).expect("its mode");
        } else {
            std::fs::copy(&from, &to).expect("a file");
            let file = std::fs::File::options().append(true).open(&to).expect("a file");
            file.set_modified(meta.modified().expect("its time")).expect("its time");
        }
    }
}

impl<'a> Bench<'a> {
    /// A stage that goes on from here.
    pub(crate) fn stage(&self) -> Stage<'a> {
        let folder = tempfile::tempdir().expect("a folder");
        copy(self.folder.path(), folder.path());
        Stage { scenario: self.scenario, folder, wall_ms: self.clock.wall_ms() }
    }

    /// The same bench with every call counted, and one of them lost.
    pub(crate) fn with(&self, crash: &Arc<Crash>) -> Self {
        Self {
            scenario: self.scenario,
            folder: self.folder.clone(),
            lab: self.lab.clone(),
            clock: self.clock.clone(),
            crash: Some(crash.clone()),
        }
    }

    /// The lab.
    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Arms a fault.
    pub(crate) fn inject(&self, fault: Fault) {
        self.lab.inject(fault).expect("a fault of this lab");
    }

    fn host(&self, name: &str) -> Arc<dyn Host> {
        let inner = self.lab.host(name, self.clock.clone()).expect("a host of the lab");
        match &self.crash {
            None => inner,
            Some(crash) => Arc::new(Crashing { inner, crash: crash.clone() }),
        }
    }

    /// What a step gets on this host.
    pub(crate) fn context(&self, host: &str) -> Context {
        let spec = |name: &str, groups: &[&str]| HostSpec {
            name: name.to_owned(),
            address: None,
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            ssh: SshSettings::default(),
        };
        let mut all = vec![(spec(WORKSTATION, &[]), self.host(WORKSTATION))];
        for node in &self.scenario.lab.nodes {
            all.push((spec(&node.name, &["control-plane"]), self.host(&node.name)));
        }
        let mut cluster = self.scenario.lab.cluster.clone();
        // The command line hands out absolute paths.
        for path in std::iter::once(&mut cluster.kubeconfig).chain(cluster.admin_kubeconfig.as_mut()) {
            *path = format!("/{path}");
        }
        Context {
            host: self.host(host),
            hosts: Hosts::new(all),
            cluster,
            run: "20261124-laws".to_owned(),
            clock: self.clock.clone(),
            progress: Progress::none(),
        }
    }

    /// The step of the scenario.
    pub(crate) fn step(&self) -> Box<dyn Step> {
        build(self.scenario.kind, &self.scenario.with)
    }

    fn own(&self) -> Context {
        self.context(self.scenario.host)
    }

    pub(crate) async fn probe(&self) -> Result<Probe, StepError> {
        self.step().probe(&self.own()).await
    }

    pub(crate) async fn apply(&self, facts: &Facts) -> Result<Done, StepError> {
        self.step().apply(&self.own(), facts).await
    }

    pub(crate) async fn verify(&self, facts: &Facts) -> Result<Probe, StepError> {
        self.step().verify(&self.own(), facts).await
    }

    pub(crate) async fn undo(&self, facts: &Facts) -> Result<Done, StepError> {
        let cx = self.own();
        cx.host.settle(Duration::from_secs(60)).await?;
        self.step().undo(&cx, facts).await
    }

    /// One attempt as the driver makes it.
    pub(crate) async fn attempt(&self) -> Result<(), StepError> {
        attempt(self.step().as_ref(), &self.own()).await
    }

    /// Attempts as a plan's retry makes them, for errors of these classes.
    pub(crate) async fn attempts(&self, most: usize, on: &[ErrorClass]) -> Result<usize, StepError> {
        for made in 1.. {
            match self.attempt().await {
                Ok(()) => return Ok(made),
                Err(error) if made < most && on.contains(&error.class) => {
                    self.clock.sleep(Duration::from_secs(2)).await;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("a loop without end")
    }

    /// Name of the step's host.
    pub(crate) fn host_name(&self) -> &'static str {
        self.scenario.host
    }

    /// The time, ms since 1970.
    pub(crate) fn wall_ms(&self) -> u64 {
        self.clock.wall_ms()
    }

    /// Lets time pass.
    pub(crate) async fn sleep(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    /// One attempt at another step.
    pub(crate) async fn other(&self, kind: &str, with: Value, host: &str) -> Result<(), StepError> {
        attempt(build(kind, &with).as_ref(), &self.context(host)).await
    }

    /// A look by another kind.
    pub(crate) async fn other_probe(&self, kind: &str, with: Value, host: &str) -> Result<Probe, StepError> {
        build(kind, &with).probe(&self.context(host)).await
    }

    /// A probe by a workstation from whose clock the node's is so far away.
    pub(crate) async fn probe_with_node_clock_off(&self, seconds: i64) -> Result<Probe, StepError> {
        let wall = self.clock.wall_ms().cast_signed() - seconds * 1000;
        let clock = Clock::virtual_from(wall.cast_unsigned());
        self.step().probe(&Context { clock, ..self.own() }).await
    }

    /// A probe of a run that leaves this host out.
    pub(crate) async fn probe_without(&self, left_out: &str) -> Result<Probe, StepError> {
        let own = self.own();
        let kept = own.hosts.all().filter(|host| host.name() != left_out);
        let hosts =
            kept.map(|host| (own.hosts.spec(host.name()).expect("its spec").clone(), Arc::clone(host)));
        let hosts = Hosts::new(hosts.collect::<Vec<_>>());
        self.step().probe(&Context { hosts, ..own }).await
    }

    /// An attempt on a host where some commands answer what the test says.
    pub(crate) async fn attempt_doctored(
        &self,
        answers: &[(&'static str, &'static str)],
    ) -> Result<(), StepError> {
        let own = self.own();
        let host = Arc::new(Doctored::new(Arc::clone(&own.host), answers));
        let made =
            attempt(self.step().as_ref(), &Context { host: Arc::clone(&host) as Arc<dyn Host>, ..own }).await;
        host.assert_asked();
        made
    }

    /// An apply on a host where some commands answer what the test says.
    pub(crate) async fn apply_doctored(
        &self,
        facts: &Facts,
        answers: &[(&'static str, &'static str)],
    ) -> Result<Done, StepError> {
        let own = self.own();
        let host = Arc::new(Doctored::new(Arc::clone(&own.host), answers));
        let cx = Context { host: Arc::clone(&host) as Arc<dyn Host>, ..own };
        let done = self.step().apply(&cx, facts).await;
        if done.is_ok() {
            host.assert_asked();
        }
        done
    }

    /// A probe on a host where some commands answer what the test says.
    pub(crate) async fn probe_doctored(
        &self,
        answers: &[(&'static str, &'static str)],
    ) -> Result<Probe, StepError> {
        let own = self.own();
        let host = Arc::new(Doctored::new(Arc::clone(&own.host), answers));
        let probe = self.step().probe(&Context { host: Arc::clone(&host) as Arc<dyn Host>, ..own }).await;
        host.assert_asked();
        probe
    }

    /// Makes an attempt at each kind on each host, with a plan's retries; returns the kinds that changed something.
    pub(crate) async fn run_all(&self, plan: &[(&str, &[&str])], run: &str) -> Vec<String> {
        let mut changed = Vec::new();
        for (kind, hosts) in plan {
            let with = match *kind {
                "backup" => serde_json::json!({ "paths": ["/etc/kubernetes", "/var/lib/kubelet/pki"] }),
                "rollout-restart" => serde_json::json!({ "resource": "daemonset/etcd-defrag" }),
                _ => serde_json::json!({}),
            };
            for host in *hosts {
                let cx = Context { run: run.to_owned(), ..self.context(host) };
                if self.patiently(build(kind, &with).as_ref(), &cx).await {
                    changed.push((*kind).to_owned());
                }
            }
        }
        changed
    }

    /// Up to sixty attempts; true when one of them applied something.
    async fn patiently(&self, step: &dyn Step, cx: &Context) -> bool {
        let mut acted = false;
        let mut last = String::new();
        for _ in 0..60 {
            match step.probe(cx).await {
                Ok(probe) if probe.verdict == Verdict::Satisfied => return acted,
                Ok(probe) => match step.apply(cx, &probe.facts).await {
                    Ok(_) => {
                        acted = true;
                        match step.verify(cx, &probe.facts).await {
                            Ok(_) => return true,
                            Err(error) => last = tell(&error),
                        }
                    }
                    // A check that is not satisfied yet.
                    Err(error) if error.message.contains("only checks") => last = probe.summary,
                    Err(error) => last = tell(&error),
                },
                Err(error) => last = tell(&error),
            }
            self.sleep(Duration::from_secs(5)).await;
        }
        panic!("{}: {last}", cx.host.name());
    }

    /// What can be seen from outside now.
    pub(crate) fn witness(&self) -> Witness {
        Witness::of(self.folder.path())
    }

    /// Fails with the differences only.
    pub(crate) fn assert_same(
        &self,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
        what: &str,
    ) {
        let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differences: Vec<String> = keys
            .into_iter()
            .filter(|key| before.get(*key) != after.get(*key))
            .map(|key| format!("{key}: {:?} -> {:?}", before.get(key), after.get(key)))
            .collect();
        assert!(differences.is_empty(), "{}, {what}:\n{}", self.scenario, differences.join("\n"));
    }
}
