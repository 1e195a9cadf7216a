//! Tasks that do nothing, through driver, machine and a durable journal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::clock::Clock;
use certwright_engine::driver::{Env, Reporter, drive};
use certwright_engine::host::{Command, Host, HostError, Hosts, Output, Stat};
use certwright_engine::journal::StateDir;
use certwright_engine::machine::{Input, Machine, Outcome, Record, Shape};
use certwright_engine::plan::{
    CancelPolicy, HostIndex, HostSpec, KindSchema, Nature, Params, Plan, Retry, SshSettings, StepIndex,
    StepSpec, Task, TaskId, UndoSupport,
};
use certwright_engine::step::{Context, Kind, Probe, Registry, Step, StepError};
use tokio::sync::mpsc;

use crate::{bare_time, batches, empty_plan, report, start, time};

const ROUNDS: usize = 5;
/// Hosts that work side by side, each through a chain of steps.
const HOSTS: u32 = 1_000;

/// 100,000 tasks and 10,000, and what one of each costs.
pub(crate) fn tasks(folder: &Path) {
    let many = run(folder, 100);
    let few = run(folder, 10);
    let ratio = many.as_secs_f64() / (10.0 * few.as_secs_f64());
    println!("a task among 100,000 costs {ratio:.2} x one among 10,000 (aim 1.1)");
}

fn run(folder: &Path, steps: u32) -> Duration {
    let plan = plan(steps);
    let shape = Arc::new(Shape::from_plan(&plan, 1, HOSTS as usize).unwrap());
    let (mut ours, mut bare, mut bytes, mut syncs) = (Duration::MAX, Duration::MAX, 0, 0);
    for round in 0..ROUNDS {
        let state = StateDir::new(folder.join(format!("tasks-{steps}-{round}")));
        ours = ours.min(drive_once(&state, &plan, &shape));
        let batches = batches(&state);
        bytes = batches.iter().map(Vec::len).sum();
        syncs = batches.len();
        bare = bare.min(bare_time(&folder.join(format!("bare-tasks-{steps}-{round}")), &batches));
        std::fs::remove_dir_all(state.root()).unwrap();
    }
    report(
        &format!("{} no-op tasks (aim 0.35 s for 100,000), {syncs} syncs", plan.tasks.len()),
        bytes,
        ours,
        bare,
    );
    ours
}

fn drive_once(state: &StateDir, plan: &Plan, shape: &Arc<Shape>) -> Duration {
    let (mut journal, first) = start(state, plan.clone());
    let mut machine = Machine::new(Arc::clone(shape));
    machine.apply(&first).unwrap();
    let registry = Registry::new([noop()]);
    let host = |spec: &HostSpec| (spec.clone(), Arc::new(NoHost) as Arc<dyn Host>);
    let hosts = Hosts::new(plan.hosts.iter().map(host));
    let (_sender, stops) = mpsc::unbounded_channel();
    let clock = Clock::real();
    let env = Env { plan, registry: &registry, hosts, clock, reporter: &mut Silent, stops };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut outcome = None;
    let took = time(|| {
        outcome = Some(runtime.block_on(drive(&mut machine, &mut journal, Input::Tick, env)).unwrap());
    });
    assert_eq!(outcome, Some(Outcome::Unchanged));
    took
}

fn plan(steps: u32) -> Plan {
    let host = |h: u32| HostSpec {
        name: format!("h{h}"),
        address: None,
        groups: Vec::new(),
        ssh: SshSettings::default(),
    };
    let step = |s: u32| StepSpec {
        stage: "stage".into(),
        id: format!("s{s}"),
        kind: "noop".into(),
        with: Params::default(),
        retry: Retry::default(),
        timeout_ms: 60_000,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
    };
    let task = |id: u32| Task {
        step: StepIndex(id / HOSTS),
        host: HostIndex(id % HOSTS),
        after: id.checked_sub(HOSTS).map(TaskId).into_iter().collect(),
    };
    Plan {
        hosts: (0..HOSTS).map(host).collect(),
        steps: (0..steps).map(step).collect(),
        tasks: (0..steps * HOSTS).map(task).collect(),
        ..empty_plan()
    }
}

struct Noop;

#[async_trait]
impl Step for Noop {
    async fn probe(&self, _: &Context) -> Result<Probe, StepError> {
        Ok(Probe::satisfied("as wanted"))
    }
}

fn noop() -> Kind {
    let schema = KindSchema {
        name: "noop",
        doc: "a benchmark's",
        fields: &[],
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 60_000,
        check: |_| Ok(()),
    };
    Kind { schema, build: |_| Box::new(Noop) }
}

struct Silent;

impl Reporter for Silent {
    fn record(&mut self, _: &Plan, _: &Record) {}

    fn progress(&mut self, _: TaskId, _: &str) {}
}

struct NoHost;

#[async_trait]
impl Host for NoHost {
    fn name(&self) -> &'static str {
        "h"
    }

    async fn run(&self, _: &Command) -> Result<Output, HostError> {
        unreachable!("nothing is done")
    }

    async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, HostError> {
        unreachable!("nothing is done")
    }

    async fn write(&self, _: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        unreachable!("nothing is done")
    }

    async fn stat(&self, _: &str) -> Result<Option<Stat>, HostError> {
        unreachable!("nothing is done")
    }

    async fn list(&self, _: &str) -> Result<Option<Vec<String>>, HostError> {
        unreachable!("nothing is done")
    }

    async fn settle(&self, _: Duration) -> Result<(), HostError> {
        Ok(())
    }

    async fn close(&self) {}
}
