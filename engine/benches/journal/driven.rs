//! Tasks that do nothing, through driver, machine and a durable journal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::clock::Clock;
use certwright_engine::driver::{Env, Reporter, drive};
use certwright_engine::host::{Command, Host, HostError, Hosts, Output, Settled, Stat};
use certwright_engine::journal::StateDir;
use certwright_engine::machine::{Input, Machine, Outcome, Record, Shape};
use certwright_engine::plan::{CancelPolicy, HostSpec, KindSchema, Nature, On, Plan, TaskId, UndoSupport};
use certwright_engine::step::{Context, Kind, Probe, Registry, Step, StepError};
use tokio::sync::mpsc;

use crate::measure::{Cost, Costs, bare, measure, report};
use crate::tasks::{HOSTS, growth, plan};
use crate::{ROUNDS, batches, start};

/// 100,000 tasks and 10,000, and what one of each costs.
pub(crate) fn tasks(folder: &Path) {
    for hosts in HOSTS {
        growth("driven no-op tasks", &run(folder, hosts, 100_000), &run(folder, hosts, 10_000));
    }
}

fn run(folder: &Path, hosts: u32, tasks: u32) -> (Costs, Costs) {
    let plan = plan(hosts, tasks);
    let shape = Arc::new(Shape::from_plan(&plan, 1, hosts as usize).unwrap());
    let (mut ours, mut theirs, mut bytes, mut syncs) = (Costs::default(), Costs::default(), 0, 0);
    for round in 0..ROUNDS {
        let state = StateDir::new(folder.join(format!("driven-{tasks}-{round}")));
        ours.push(drive_once(&state, &plan, &shape));
        let batches = batches(&state);
        (bytes, syncs) = (batches.iter().map(Vec::len).sum(), batches.len());
        theirs.push(bare(&folder.join(format!("bare-driven-{tasks}-{round}")), &batches));
        std::fs::remove_dir_all(state.root()).unwrap();
    }
    report(&format!("{tasks} driven no-op tasks, {hosts} at a time, {syncs} syncs"), bytes, &ours, &theirs);
    (ours, theirs)
}

fn drive_once(state: &StateDir, plan: &Plan, shape: &Arc<Shape>) -> Cost {
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
    let took = measure(|| {
        outcome = Some(runtime.block_on(drive(&mut machine, &mut journal, Input::Tick, env)).unwrap());
    });
    assert_eq!(outcome, Some(Outcome::Unchanged));
    took
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
        on: On::Anywhere,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 60_000,
        check: |_| Ok(()),
    };
    Kind::new(schema, |_| Box::new(Noop))
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

    async fn settle(&self, _: Duration) -> Result<Settled, HostError> {
        Ok(Settled::Quiet)
    }

    async fn close(&self) {}
}
