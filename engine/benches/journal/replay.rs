//! A million records back: read only, and applied to a machine.

use std::path::Path;
use std::sync::Arc;

use certwright_engine::journal::StateDir;
use certwright_engine::machine::{Event, Machine, Record, Shape};
use certwright_engine::plan::{
    CancelPolicy, HostIndex, HostSpec, Nature, Params, Plan, Retry, SshSettings, StepIndex, StepSpec, Task,
    UndoSupport,
};

use crate::measure::{Costs, measure};
use crate::{ROUNDS, empty_plan, run_id, sample, start};

/// Replays a run of four records a task.
pub(crate) fn replay(folder: &Path, records: u64, batch: u64) {
    let state = StateDir::new(folder.join("replay"));
    let (mut journal, _) = start(&state, plan(records / 4));
    for n in 0..records / batch {
        journal.append(&sample(2 + n * batch, 2 + n, batch, batch)).unwrap();
    }
    drop(journal);
    let (mut read, mut applied) = (Costs::default(), Costs::default());
    let read_kib = peak_kib(|| {
        for _ in 0..ROUNDS {
            read.push(measure(|| {
                let last = state.resume(&run_id()).unwrap().map(|record| record.unwrap().seq).last();
                assert_eq!(last, Some(records + 1), "all records came back");
            }));
        }
    });
    let applied_kib = peak_kib(|| {
        for _ in 0..ROUNDS {
            applied.push(measure(|| assert_eq!(machine(&state).seq(), records + 1)));
        }
    });
    println!("replay {records} records, read: {}, {} MB (aim 450 ms, 64 MB)", read.text(), read_kib / 1024);
    println!("replay {records} records, applied: {}, {} MB", applied.text(), applied_kib / 1024);
}

/// The machine of the run, folded from its journal.
fn machine(state: &StateDir) -> Machine {
    let mut records = state.resume(&run_id()).unwrap().map(Result::unwrap);
    let first = records.next().unwrap();
    let Record { body: Event::RunStarted { header }, .. } = &first else { panic!("the start of a run") };
    let mut machine = Machine::new(Arc::new(Shape::from_plan(&header.plan, header.seed, 8).unwrap()));
    machine.apply(&first).unwrap();
    drop(first);
    for record in records {
        machine.apply(&record).unwrap();
    }
    machine
}

/// One acting step without undo on one host, as many times as there are tasks.
fn plan(tasks: u64) -> Plan {
    let host = HostSpec { name: "h".into(), address: None, groups: Vec::new(), ssh: SshSettings::default() };
    let step = StepSpec {
        stage: "stage".into(),
        id: "s".into(),
        kind: "renew".into(),
        with: Params::default(),
        retry: Retry::default(),
        timeout_ms: 60_000,
        nature: Nature::Acting,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
    };
    let task = |_| Task { step: StepIndex(0), host: HostIndex(0), after: Vec::new() };
    Plan { hosts: vec![host], steps: vec![step], tasks: (0..tasks).map(task).collect(), ..empty_plan() }
}

/// Most memory that this process held during `work`, KiB.
fn peak_kib(work: impl FnOnce()) -> u64 {
    // "5" sets VmHWM back to what is held now (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    work();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
