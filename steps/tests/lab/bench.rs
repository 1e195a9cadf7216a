//! A lab under virtual time, and short words for what tests do with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Command, Host, HostError, Output};
use certwright_steps::lab::{Fault, Lab, LabSpec, NodeSpec, Peers, Validity};

/// 2026-11-24 20:45:00 UTC, about when the fixtures were captured.
pub(crate) const START: u64 = 1_795_553_100_000;

/// A lab in a folder of its own.
pub(crate) struct Bench {
    _dir: tempfile::TempDir,
    pub(crate) lab: Lab,
    pub(crate) clock: Clock,
}

/// What a command left, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new(spec: &LabSpec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::virtual_from(START);
        let lab = Lab::create(dir.path().join("lab"), spec, &clock).unwrap();
        Self { _dir: dir, lab, clock }
    }

    /// Three nodes.
    pub(crate) fn three(certificates: Validity) -> Self {
        Self::new(&LabSpec::default().certificates(certificates))
    }

    /// One node, `cp-1`.
    pub(crate) fn one(certificates: Validity) -> Self {
        Self::new(&one(certificates))
    }

    /// The same lab, so many days later: a clock that has gone on without it.
    pub(crate) fn days_later(self, days: u64) -> Self {
        let clock = Clock::virtual_from(self.clock.wall_ms() + days * 86_400_000);
        Self { clock, ..self }
    }

    pub(crate) fn host(&self, name: &str) -> Arc<dyn Host> {
        self.lab.host(name, self.clock.clone()).unwrap()
    }

    /// A path of a node in the lab's folder.
    pub(crate) fn path(&self, host: &str, path: &str) -> PathBuf {
        self.lab.dir().join(host).join(path.trim_start_matches('/'))
    }

    pub(crate) fn file(&self, host: &str, path: &str) -> String {
        std::fs::read_to_string(self.path(host, path)).unwrap()
    }

    pub(crate) async fn try_run(&self, host: &str, line: &str) -> Result<Ran, HostError> {
        let argv = words(line);
        let changes = ["renew", "stop", "stopp", "restart"].iter().any(|verb| argv.iter().any(|a| a == verb));
        let command = if changes { Command::mutates(argv) } else { Command::reads(argv) };
        let output = self.host(host).run(&command.deadline(Duration::from_secs(600))).await?;
        Ok(Ran::of(&output))
    }

    pub(crate) async fn run(&self, host: &str, line: &str) -> Ran {
        self.try_run(host, line).await.unwrap()
    }

    /// The stdout of a command that succeeds.
    pub(crate) async fn ok(&self, host: &str, line: &str) -> String {
        let ran = self.run(host, line).await;
        assert_eq!(ran.status, 0, "{line} on {host}: {ran:?}");
        ran.stdout
    }

    pub(crate) async fn wait(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }

    pub(crate) fn inject(&self, fault: &str) {
        self.lab.inject(fault.parse::<Fault>().unwrap()).unwrap();
    }

    pub(crate) fn fired(&self) -> Vec<String> {
        self.lab.faults_fired().unwrap().iter().map(|f| f.fault.to_string()).collect()
    }

    /// The id of the running container of a component.
    pub(crate) async fn id(&self, host: &str, component: &str) -> Option<String> {
        let ids = self.ok(host, &format!("crictl ps --name ^{component}$ -q")).await;
        ids.lines().next().map(str::to_owned)
    }

    /// Stops a component at once, and waits until another container of it runs; the seconds until that was made.
    pub(crate) async fn restart(&self, host: &str, component: &str) -> f64 {
        let old = self.id(host, component).await.expect("it runs");
        let before = self.clock.wall_ms();
        self.ok(host, &format!("crictl stop {old}")).await;
        for k in 0..400_u64 {
            if self.id(host, component).await.is_some_and(|new| new != old) {
                return Duration::from_millis(self.created(host, component).await - before).as_secs_f64();
            }
            self.clock.sleep(Duration::from_millis(if k < 20 { 100 } else { 1000 })).await;
        }
        panic!("{component} of {host} did not come back");
    }

    /// When the running container of a component was made, ms since 1970.
    async fn created(&self, host: &str, component: &str) -> u64 {
        let text = self.ok(host, &format!("crictl ps --name ^{component}$ -o json")).await;
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let ns: u64 = list["containers"][0]["createdAt"].as_str().unwrap().parse().unwrap();
        ns / 1_000_000
    }

    /// The last line of an answer of curl: `http_code=200`.
    pub(crate) async fn code(&self, host: &str, url: &str) -> String {
        let ran = self.run(host, &format!("curl -sSk -w '\\nhttp_code=%{{http_code}}\\n' {url}")).await;
        ran.stdout.lines().last().unwrap_or_default().trim_start_matches("http_code=").to_owned()
    }
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            status: output.status,
            stdout: output.stdout.lossy().into_owned(),
            stderr: output.stderr.lossy().into_owned(),
        }
    }
}

/// A lab of one node that is its own admin cluster.
pub(crate) fn one(certificates: Validity) -> LabSpec {
    let mut spec = LabSpec::default().certificates(certificates);
    spec.nodes = vec![NodeSpec {
        name: "cp-1".into(),
        address: "10.200.0.2".into(),
        certificates: None,
        kubelet: None,
        groups: vec!["control-plane".into()],
    }];
    spec.cluster.admin_kubeconfig = None;
    spec.peers = Peers::Connected;
    spec
}

/// A command line's words; single quotes keep theirs together.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|w| !w.is_empty());
    words
}
