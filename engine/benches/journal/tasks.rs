//! Tasks that do nothing, through machine and durable journal.

use std::path::Path;
use std::sync::Arc;

use certwright_engine::journal::StateDir;
use certwright_engine::machine::{Facts, Input, Machine, OpResult, Outcome, Shape, Verdict, fold};
use certwright_engine::plan::{
    CancelPolicy, HostIndex, HostSpec, Nature, Params, Plan, Retry, SshSettings, StepIndex, StepSpec, Task,
    TaskId, UndoSupport,
};

use crate::measure::{Cost, Costs, bare, measure, report};
use crate::{NOW, ROUNDS, batches, empty_plan, start};

/// Hosts that work side by side, each through a chain of steps: 250 records a sync, and 2,000.
pub(crate) const HOSTS: [u32; 2] = [125, 1_000];

/// 100,000 tasks and 10,000, and what one of each costs.
pub(crate) fn tasks(folder: &Path) {
    for hosts in HOSTS {
        growth("no-op tasks", &run(folder, hosts, 100_000), &run(folder, hosts, 10_000));
    }
}

/// What a task costs among ten times as many, and what its bytes cost that are only written and synced.
pub(crate) fn growth(what: &str, (many, many_bare): &(Costs, Costs), (few, few_bare): &(Costs, Costs)) {
    let ratio = |many: &Costs, few: &Costs, of: fn(&Cost) -> f64| many.median(of) / (10.0 * few.median(of));
    let (wall, cpu) = (ratio(many, few, Cost::wall_ms), ratio(many, few, Cost::cpu_ms));
    let bare = ratio(many_bare, few_bare, Cost::wall_ms);
    println!(
        "{what}: one of 100,000 costs {wall:.2} x one of 10,000 (aim 1.1), in CPU {cpu:.2} x; \
         its bytes alone {bare:.2} x"
    );
}

fn run(folder: &Path, hosts: u32, tasks: u32) -> (Costs, Costs) {
    let plan = plan(hosts, tasks);
    let shape = Arc::new(Shape::from_plan(&plan, 1, hosts as usize).unwrap());
    let (mut ours, mut theirs, mut bytes, mut syncs) = (Costs::default(), Costs::default(), 0, 0);
    for round in 0..ROUNDS {
        let state = StateDir::new(folder.join(format!("tasks-{tasks}-{round}")));
        ours.push(run_once(&state, plan.clone(), &shape));
        let batches = batches(&state);
        (bytes, syncs) = (batches.iter().map(Vec::len).sum(), batches.len());
        theirs.push(bare(&folder.join(format!("bare-tasks-{tasks}-{round}")), &batches));
        std::fs::remove_dir_all(state.root()).unwrap();
    }
    report(&format!("{tasks} no-op tasks, {hosts} at a time, {syncs} syncs"), bytes, &ours, &theirs);
    (ours, theirs)
}

/// Every turn answers every probe that is wanted, once the records that made it wanted are durable.
fn run_once(state: &StateDir, plan: Plan, shape: &Arc<Shape>) -> Cost {
    let (mut journal, first) = start(state, plan);
    let mut machine = Machine::new(Arc::clone(shape));
    machine.apply(&first).unwrap();
    let took = measure(|| {
        let mut inputs = Vec::new();
        loop {
            journal.append(&fold(&mut machine, inputs, NOW.mono, NOW.wall_ms)).unwrap();
            if machine.is_finished() {
                break;
            }
            inputs = answers(&machine);
        }
    });
    assert_eq!(machine.outcome(), Some(Outcome::Unchanged));
    took
}

fn answers(machine: &Machine) -> Vec<Input> {
    let answer = || OpResult::Looked {
        verdict: Verdict::Satisfied,
        facts: Facts::default(),
        summary: "as wanted".to_owned(),
    };
    let ended = |want: certwright_engine::machine::Want| Input::Ended {
        task: want.task,
        attempt: want.attempt,
        op: want.op,
        result: Ok(answer()),
    };
    machine.wants().map(ended).collect()
}

/// Hosts side by side, each through a chain of steps.
pub(crate) fn plan(hosts: u32, tasks: u32) -> Plan {
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
        step: StepIndex(id / hosts),
        host: HostIndex(id % hosts),
        after: id.checked_sub(hosts).map(TaskId).into_iter().collect(),
    };
    Plan {
        hosts: (0..hosts).map(host).collect(),
        steps: (0..tasks / hosts).map(step).collect(),
        tasks: (0..tasks).map(task).collect(),
        ..empty_plan()
    }
}
