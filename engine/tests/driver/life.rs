//! A process of a run: from the journal as it finds it to the journal as it leaves it.

use std::path::Path;
use std::sync::Arc;

use certwright_engine::clock::Clock;
use certwright_engine::driver::{DriverError, Env, Reporter, drive};
use certwright_engine::journal::{Entry, Journal, Position, Scan, Stamp};
use certwright_engine::machine::{Input, Machine, Outcome, Record, Shape, Stop};
use certwright_engine::plan::{Plan, TaskId};
use certwright_engine::step::Registry;
use tokio::sync::mpsc;

use crate::memory::Disk;
use crate::plans;
use crate::world::World;

/// Tasks in flight at most, in every test.
pub(crate) const LIMIT: usize = 3;

/// The machine that a journal tells of, and where its last whole batch ends.
pub(crate) fn replayed(plan: &Plan, bytes: &[u8]) -> (Machine, Position) {
    let shape = Shape::from_plan(plan, plans::header(plan).seed, LIMIT).unwrap();
    let mut machine = Machine::new(Arc::new(shape));
    let mut scan = Scan::new(Path::new("journal"), bytes);
    for entry in &mut scan {
        match entry.unwrap() {
            Entry::Record(record) => machine.apply(&record).unwrap(),
            Entry::Unknown(unknown) => panic!("unknown record {unknown:?}"),
        }
    }
    (machine, scan.position())
}

/// A machine, its journal, and the disk below.
pub(crate) struct Life {
    pub(crate) machine: Machine,
    pub(crate) journal: Journal,
    pub(crate) disk: Disk,
}

impl Life {
    /// A run of which record 1 is durable.
    pub(crate) fn new(plan: &Plan, clock: &Clock) -> Self {
        let disk = Disk::default();
        let header = plans::header(plan);
        let (medium, stamp) = (Box::new(disk.clone()), Stamp::now(clock));
        let (journal, first) = Journal::begin(medium, Path::new("journal"), header, stamp).unwrap();
        let shape = Shape::from_plan(plan, 3, LIMIT).unwrap();
        let mut machine = Machine::new(Arc::new(shape));
        machine.apply(&first).unwrap();
        Self { machine, journal, disk }
    }

    /// The next process of a run that left these bytes.
    pub(crate) fn again(plan: &Plan, bytes: &[u8]) -> Self {
        let (machine, end) = replayed(plan, bytes);
        let disk = Disk::holding(&bytes[..usize::try_from(end.offset()).unwrap()]);
        let run = plans::header(plan).run;
        let journal = Journal::resume(Box::new(disk.clone()), Path::new("journal"), &run, end, 0);
        Self { machine, journal, disk }
    }

    pub(crate) async fn drive(
        &mut self,
        plan: &Plan,
        registry: &Registry,
        world: &World,
        first: Input,
        reporter: &mut dyn Reporter,
        stops: mpsc::UnboundedReceiver<Stop>,
    ) -> Result<Outcome, DriverError> {
        world.state().disk = Some(self.disk.clone());
        let clock = Clock::virtual_from(1_795_560_300_000);
        let env = Env { plan, registry, hosts: world.hosts(), clock, reporter, stops };
        drive(&mut self.machine, &mut self.journal, first, env).await
    }
}

/// Keeps what it is told, and checks that it was durable by then.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) records: Vec<Record>,
    pub(crate) lines: Vec<String>,
    /// Where records have to be before they are told.
    pub(crate) disk: Option<Disk>,
    /// Records that were told too early: a panic here would go unheard, as it has to.
    pub(crate) problems: Vec<String>,
}

impl Reporter for Told {
    fn record(&mut self, plan: &Plan, record: &Record) {
        if let Some(disk) = &self.disk {
            let durable = replayed(plan, &disk.durable()).0.seq();
            if durable < record.seq {
                self.problems.push(format!("record {} was told when {durable} were durable", record.seq));
            }
        }
        self.records.push(record.clone());
    }

    fn progress(&mut self, task: TaskId, line: &str) {
        self.lines.push(format!("{}: {line}", task.0));
    }
}

/// Runs a test's future under virtual time.
pub(crate) fn virtually<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// The text of a panic.
fn said(payload: &(dyn std::any::Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// Leaves panics that a test injects out of its output.
pub(crate) fn quiet_injected_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_injected = said(info.payload()).is_some_and(|text| text.contains("injected"));
            if !is_injected {
                hook(info);
            }
        }));
    });
}
