//! Where a run stands after each of its batches, and what taking it up there would do.

use std::fmt::Write as _;
use std::sync::Arc;

use certwright_engine::clock::Mono;
use certwright_engine::machine::{Event, Input, Machine, Op, Record, Shape, TaskState, fold};
use certwright_engine::plan::{Plan, TaskId};

/// Tasks in flight at most; the program's own limit.
const IN_FLIGHT: usize = 256;

/// A paragraph a batch.
pub(super) fn states(records: &[Record]) -> String {
    let Event::RunStarted { header } = &records[0].body else {
        panic!("a journal begins with the start of its run")
    };
    let shape = Arc::new(Shape::from_plan(&header.plan, header.seed, IN_FLIGHT).expect("a shape"));
    let mut out = String::new();
    let mut machine = Machine::new(Arc::clone(&shape));
    for (at, record) in records.iter().enumerate() {
        machine.apply(record).expect("a record that fits");
        if records.get(at + 1).is_none_or(|next| next.batch != record.batch) {
            let mut taken_up = Machine::new(Arc::clone(&shape));
            for record in &records[..=at] {
                taken_up.apply(record).expect("a record that fits");
            }
            state(&mut out, &header.plan, &machine, taken_up);
        }
    }
    out
}

fn state(out: &mut String, plan: &Plan, machine: &Machine, mut taken_up: Machine) {
    let mut line = |text: String| writeln!(out, "{text}").expect("a String takes any text");
    line(format!("batch {} to record {}: {}", machine.batch(), machine.seq(), machine.run_state().name()));
    let names = |tasks: Vec<TaskId>| {
        tasks.into_iter().map(|task| plan.task_name(task)).collect::<Vec<_>>().join(", ")
    };
    for task in plan.task_ids() {
        let state = task_state(machine.task_state(task));
        if let Some(state) = state {
            line(format!("    {}: {state}", plan.task_name(task)));
        }
    }
    let list =
        |name: &str, tasks: Vec<TaskId>| (!tasks.is_empty()).then(|| format!("  {name}: {}", names(tasks)));
    let lines = [
        list("in flight", machine.wants().map(|want| want.task).collect()),
        list("unsettled", machine.unsettled().collect()),
        list("an undo would restore", machine.to_undo().collect()),
    ];
    lines.into_iter().flatten().for_each(&mut line);
    let resumed = fold(&mut taken_up, [Input::Resume { operator: "ops@desk".into() }], Mono(0), 0);
    if !resumed.is_empty() {
        let wants = taken_up.wants().map(|want| {
            format!("{} of {}, attempt {}", op(want.op), plan.task_name(want.task), want.attempt)
        });
        let wants: Vec<String> = wants.collect();
        line(format!("  a resume begins with: {}", wants.join("; ")));
    }
}

/// None for what waits for others.
fn task_state(state: TaskState) -> Option<String> {
    let text = |text: &str, attempt: u32| Some(format!("{text} {attempt}"));
    match state {
        TaskState::Blocked { .. } => None,
        TaskState::Ready => Some("ready".to_owned()),
        TaskState::Probing { attempt } => text("in the probe of attempt", attempt),
        TaskState::Applying { attempt } => text("in the apply of attempt", attempt),
        TaskState::Verifying { attempt } => text("in the verify of attempt", attempt),
        TaskState::Waiting { attempt, retry_at } => {
            Some(format!("failed in attempt {attempt}, the next one at {}", retry_at.0))
        }
        TaskState::Failed { attempt } => text("failed in attempt", attempt),
        TaskState::Unchanged => Some("unchanged".to_owned()),
        TaskState::Changed => Some("changed".to_owned()),
        TaskState::UndoPending => Some("undo pending".to_owned()),
        TaskState::Undoing { attempt } => text("in the undo of attempt", attempt),
        TaskState::UndoWaiting { attempt, retry_at } => {
            Some(format!("undo failed in attempt {attempt}, the next one at {}", retry_at.0))
        }
        TaskState::UndoFailed { attempt } => text("undo failed in attempt", attempt),
        TaskState::Undone => Some("undone".to_owned()),
    }
}

fn op(op: Op) -> &'static str {
    match op {
        Op::Probe => "probe",
        Op::Apply => "apply",
        Op::Verify => "verify",
        Op::Undo => "undo",
    }
}
