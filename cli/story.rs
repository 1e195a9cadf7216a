//! A made-up run for tests: a plan of two nodes and the records of what happened.

use certwright_engine::clock::Mono;
use certwright_engine::machine::{Event, Evidence, Facts, Header, Op, Record, StepError, Verdict};
use certwright_engine::plan::{
    CancelPolicy, Cluster, ErrorClass, HostIndex, HostSpec, Nature, Params, Plan, Retry, SshSettings,
    StepIndex, StepSpec, Task, TaskId, UndoSupport,
};
use serde_json::json;

use crate::view::RunView;

/// 2026-11-24 22:45:00 UTC, ms.
const START_MS: u64 = 1_795_560_300_000;

/// A run being told.
pub(crate) struct Story {
    /// Every record so far.
    pub(crate) records: Vec<Record>,
    wall_ms: u64,
}

/// Steps `prepare/preflight`, `renew/renew` and `renew/verify` on cp-1, then the last two on cp-2: tasks 0 to 4.
pub(crate) fn plan() -> Plan {
    let host = |name: &str, address: Option<&str>| HostSpec {
        name: name.into(),
        address: address.map(Into::into),
        groups: vec!["control-plane".into()],
        ssh: SshSettings::default(),
    };
    let step = |stage: &str, id: &str, kind: &str, nature, undo| StepSpec {
        stage: stage.into(),
        id: id.into(),
        kind: kind.into(),
        with: Params::default(),
        retry: Retry { attempts: 3, ..Retry::default() },
        timeout_ms: 60_000,
        nature,
        cancel: CancelPolicy::Finish,
        undo,
    };
    let task = |step, host, after: &[u32]| Task {
        step: StepIndex(step),
        host: HostIndex(host),
        after: after.iter().copied().map(TaskId).collect(),
    };
    Plan {
        name: "renew-control-plane".into(),
        digest: "d".repeat(64),
        cluster: Cluster {
            name: "prod-1".into(),
            namespace: "cluster-prod-1".into(),
            kubeconfig: "kubeconfig".into(),
            admin_kubeconfig: None,
            virtual_ip: None,
        },
        ssh: SshSettings::default(),
        hosts: vec![
            host("workstation", None),
            host("cp-1", Some("10.200.0.2")),
            host("cp-2", Some("10.200.0.3")),
        ],
        steps: vec![
            step("prepare", "preflight", "preflight", Nature::Checking, UndoSupport::Nothing),
            step("renew", "renew", "kubeadm-renew", Nature::Acting, UndoSupport::Supported),
            step("renew", "verify", "verify-certificates", Nature::Checking, UndoSupport::Nothing),
        ],
        tasks: vec![task(0, 1, &[]), task(1, 1, &[0]), task(2, 1, &[1]), task(1, 2, &[2]), task(2, 2, &[3])],
    }
}

/// A deadline of crictl's, with its last words.
pub(crate) fn deadline() -> StepError {
    StepError::new(ErrorClass::DeadlineExceeded, "kubeadm certs renew all did not end within its deadline")
        .remedy("look whether containerd answers on the node: crictl info")
        .evidence(Evidence {
            command: "kubeadm certs renew all".into(),
            status: Some(1),
            last_lines: vec![
                "W1124 22:45:03.1 one".into(),
                "rpc error: code = DeadlineExceeded desc = context deadline exceeded".into(),
            ],
        })
}

/// Facts about one certificate that ends at this second.
pub(crate) fn ends(not_after: i64) -> Facts {
    Facts::new(json!({ "certificates": [{ "name": "apiserver", "not_after": not_after }] }))
}

impl Story {
    /// A run that has just begun.
    pub(crate) fn begin() -> Self {
        let header = Header {
            format: 1,
            tool: "0.1.0".into(),
            run: "20261124-224500-abcd".into(),
            seed: 7,
            operator: "ops@ws".into(),
            lab: None,
            ssh_config: None,
            plan: plan(),
        };
        let mut story = Self { records: Vec::new(), wall_ms: START_MS };
        story.push(Event::RunStarted { header: Box::new(header) });
        story
    }

    /// The next event, a second after the one before.
    pub(crate) fn push(&mut self, body: Event) -> &mut Self {
        let seq = self.records.len() as u64 + 1;
        self.records.push(Record { seq, batch: seq, wall_ms: self.wall_ms, mono: Mono(0), body });
        self.wall_ms += 1_000;
        self
    }

    /// An attempt begins.
    pub(crate) fn starts(&mut self, task: u32, attempt: u32) -> &mut Self {
        self.push(Event::StepStarted { task: TaskId(task), attempt })
    }

    /// A probe answers.
    pub(crate) fn probed(&mut self, task: u32, attempt: u32, verdict: Verdict, facts: Facts) -> &mut Self {
        let summary = match verdict {
            Verdict::Satisfied => "all is well",
            Verdict::Drifted => "10 certificates are due",
        };
        self.push(Event::Probed { task: TaskId(task), attempt, verdict, facts, summary: summary.into() })
    }

    /// An apply and its verify succeed.
    pub(crate) fn changes(&mut self, task: u32, attempt: u32, facts: Facts) -> &mut Self {
        let (task, summary) = (TaskId(task), "10 certificates renewed".to_owned());
        self.push(Event::Applied { task, attempt, summary: summary.clone() });
        self.push(Event::Verified { task, attempt, facts, summary })
    }

    /// An apply fails and is tried again.
    pub(crate) fn retries(&mut self, task: u32, attempt: u32) -> &mut Self {
        let (task, error) = (TaskId(task), deadline());
        self.push(Event::AttemptFailed { task, attempt, op: Op::Apply, error, retry_in_ms: 2_500 })
    }

    /// An apply fails for good.
    pub(crate) fn fails(&mut self, task: u32, attempt: u32) -> &mut Self {
        self.push(Event::StepFailed { task: TaskId(task), attempt, op: Op::Apply, error: deadline() })
    }

    /// What is known at the end.
    pub(crate) fn view(&self) -> RunView {
        let mut view = RunView::begin(&self.records[0]).expect("a story begins with its header");
        for record in &self.records[1..] {
            view.apply(record);
        }
        view
    }
}
