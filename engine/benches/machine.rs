//! The machine alone: plans whose every task is already as wanted, from start to finish.
//!
//! The cost of a task must not grow with the plan; divan's items are tasks.

use std::sync::Arc;

use certwright_engine::clock::Mono;
use certwright_engine::machine::{
    Event, Facts, Header, Input, Machine, OpResult, Outcome, Record, Shape, Verdict, fold,
};
use certwright_engine::plan::{
    CancelPolicy, Cluster, HostIndex, HostSpec, Nature, Params, Plan, Retry, SshSettings, StepIndex,
    StepSpec, Task, TaskId, UndoSupport,
};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Tasks in flight at most.
const LIMIT: usize = 256;
/// Steps of the plan; its hosts are as many as the tasks need.
const STEPS: u32 = 10;

fn main() {
    divan::main();
}

/// A run of no-op tasks: ten steps on each host, one after the other, all hosts side by side.
#[divan::bench(args = [10_000, 100_000])]
fn no_op_tasks(bencher: Bencher, tasks: u32) {
    let plan = plan(tasks);
    let shape = Arc::new(Shape::from_plan(&plan, 1, LIMIT).expect("a shape"));
    let first = first_record(plan);
    bencher.counter(ItemsCount::new(tasks)).bench(|| run(&shape, &first, drop));
}

/// The same run read back from its records.
#[divan::bench(args = [10_000, 100_000])]
fn replay(bencher: Bencher, tasks: u32) {
    let plan = plan(tasks);
    let shape = Arc::new(Shape::from_plan(&plan, 1, LIMIT).expect("a shape"));
    let mut records = vec![first_record(plan)];
    run(&shape, &records[0].clone(), |batch| records.extend(batch));
    bencher.counter(ItemsCount::new(records.len())).bench(|| {
        let mut machine = Machine::new(Arc::clone(&shape));
        for record in &records {
            machine.apply(record).expect("a record fits");
        }
        assert_eq!(machine.outcome(), Some(Outcome::Unchanged));
    });
}

/// Every turn answers every probe in flight, as a fast driver would see them.
fn run(shape: &Arc<Shape>, first: &Record, mut keep: impl FnMut(Vec<Record>)) {
    let mut machine = Machine::new(Arc::clone(shape));
    machine.apply(first).expect("a run starts");
    keep(fold(&mut machine, [], Mono(0), 0));
    while !machine.is_finished() {
        let answers: Vec<Input> = machine
            .wants()
            .map(|want| Input::Ended {
                task: want.task,
                attempt: want.attempt,
                op: want.op,
                result: Ok(OpResult::Looked {
                    verdict: Verdict::Satisfied,
                    facts: Facts::default(),
                    summary: "as wanted".to_owned(),
                }),
            })
            .collect();
        keep(fold(&mut machine, answers, Mono(0), 0));
    }
    assert_eq!(machine.outcome(), Some(Outcome::Unchanged));
}

fn first_record(plan: Plan) -> Record {
    let header = Header {
        format: 1,
        tool: "0.0.0".to_owned(),
        run: "bench".to_owned(),
        seed: 1,
        operator: "bench@bench".to_owned(),
        lab: None,
        ssh_config: None,
        plan,
    };
    let body = Event::RunStarted { header: Box::new(header) };
    Record { seq: 1, batch: 1, wall_ms: 0, mono: Mono(0), body }
}

fn plan(tasks: u32) -> Plan {
    let hosts = tasks / STEPS;
    let host = |i: u32| HostSpec {
        name: format!("host-{i}"),
        address: None,
        groups: Vec::new(),
        ssh: SshSettings::default(),
    };
    let step = |i: u32| StepSpec {
        stage: "stage".to_owned(),
        id: format!("step-{i}"),
        kind: "no-op".to_owned(),
        with: Params::default(),
        retry: Retry::default(),
        timeout_ms: 1_000,
        nature: Nature::Acting,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Supported,
    };
    let task = |i: u32| Task {
        step: StepIndex(i / hosts),
        host: HostIndex(i % hosts),
        after: i.checked_sub(hosts).map(TaskId).into_iter().collect(),
    };
    Plan {
        name: "no-op".to_owned(),
        digest: String::new(),
        cluster: Cluster {
            name: "bench".to_owned(),
            namespace: "bench".to_owned(),
            kubeconfig: "kubeconfig".to_owned(),
            admin_kubeconfig: None,
            virtual_ip: None,
        },
        ssh: SshSettings::default(),
        hosts: (0..hosts).map(host).collect(),
        steps: (0..STEPS).map(step).collect(),
        tasks: (0..tasks).map(task).collect(),
    }
}
