//! Which event meets which state: a table of what was taken and of what the machine would accept.

use std::collections::BTreeSet;

use certwright_engine::clock::Mono;
use certwright_engine::machine::{
    Event, Facts, Machine, Op, Outcome, Record, RunState, StepError, Stop, TaskState, Verdict,
};
use certwright_engine::plan::{ErrorClass, TaskId};

use crate::shapes::Case;

const EVENTS: [&str; 25] = [
    "run-started",
    "step-started",
    "probed satisfied",
    "probed drifted",
    "applied",
    "verified",
    "attempt-failed probe",
    "attempt-failed apply",
    "attempt-failed verify",
    "attempt-failed undo",
    "step-failed",
    "interrupted drain",
    "interrupted cancel",
    "resumed",
    "undo-started",
    "step-undo-started",
    "undone",
    "undo-failed",
    "run-finished unchanged",
    "run-finished changed",
    "run-finished failed",
    "run-finished interrupted",
    "run-finished undone",
    "run-finished stuck",
    "run-finished abandoned",
];

const TASKS: [&str; 15] = [
    "",
    "blocked",
    "ready",
    "probing",
    "applying",
    "verifying",
    "waiting",
    "failed",
    "unchanged",
    "changed",
    "undo-pending",
    "undoing",
    "undo-waiting",
    "undo-failed",
    "undone",
];

const RUNS: [&str; 12] = [
    "new",
    "running",
    "undoing",
    "stopping",
    "stopping its undo",
    "finished unchanged",
    "finished changed",
    "finished failed",
    "finished interrupted",
    "finished undone",
    "finished stuck",
    "finished abandoned",
];

/// Pairs of event and state, as a bit table.
#[derive(Clone)]
pub(crate) struct Taken(Vec<bool>);

impl Taken {
    pub(crate) fn new() -> Self {
        Self(vec![false; EVENTS.len() * TASKS.len() * RUNS.len()])
    }

    /// The event is about to be applied to the machine.
    pub(crate) fn note(&mut self, machine: &Machine, event: &Event) {
        let task = event.task().map_or(0, |task| task_kind(machine.task_state(task)));
        let place = (event_kind(event) * TASKS.len() + task) * RUNS.len() + run_kind(machine.run_state());
        self.0[place] = true;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// `event: task state, run state` for each pair.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let name = |place: usize| {
            let (pair, run) = (place / RUNS.len(), RUNS[place % RUNS.len()]);
            let (event, task) = (EVENTS[pair / TASKS.len()], TASKS[pair % TASKS.len()]);
            if task.is_empty() { format!("{event}: {run}") } else { format!("{event}: {task}, {run}") }
        };
        self.0.iter().enumerate().filter(|(_, taken)| **taken).map(|(place, _)| name(place)).collect()
    }

    /// Notes every event that the machine would accept in this state, whoever made it. Events of another
    /// attempt must never be accepted.
    pub(crate) fn note_acceptable(&mut self, machine: &Machine, first: &Record, case: &Case) {
        self.note_if_acceptable(machine, first.body.clone());
        for (_, task) in case.ids() {
            let attempt = machine.attempt(task);
            for event in task_events(task, attempt) {
                self.note_if_acceptable(machine, event);
            }
            for event in task_events(task, attempt + 1).into_iter().chain(task_events(task, attempt + 2)) {
                let starts = matches!(event, Event::StepStarted { .. } | Event::StepUndoStarted { .. });
                if !starts {
                    let refused = machine.clone().apply(&follow(machine, event)).is_err();
                    assert!(refused, "an event of another attempt was accepted: {machine:?}");
                }
            }
            self.note_if_acceptable(machine, Event::StepStarted { task, attempt: attempt + 1 });
            self.note_if_acceptable(machine, Event::StepUndoStarted { task, attempt: attempt + 1 });
        }
        for event in run_events() {
            self.note_if_acceptable(machine, event);
        }
    }

    fn note_if_acceptable(&mut self, machine: &Machine, event: Event) {
        let mut clone = machine.clone();
        let record = follow(machine, event);
        match clone.apply(&record) {
            Ok(()) => self.note(machine, &record.body),
            Err(_) => assert!(clone == *machine, "a refused record left a trace"),
        }
    }
}

/// What a task's state is called here, for abstraction too.
pub(crate) fn task_kind(state: TaskState) -> usize {
    match state {
        TaskState::Blocked { .. } => 1,
        TaskState::Ready => 2,
        TaskState::Probing { .. } => 3,
        TaskState::Applying { .. } => 4,
        TaskState::Verifying { .. } => 5,
        TaskState::Waiting { .. } => 6,
        TaskState::Failed { .. } => 7,
        TaskState::Unchanged => 8,
        TaskState::Changed => 9,
        TaskState::UndoPending => 10,
        TaskState::Undoing { .. } => 11,
        TaskState::UndoWaiting { .. } => 12,
        TaskState::UndoFailed { .. } => 13,
        TaskState::Undone => 14,
    }
}

pub(crate) fn run_kind(state: RunState) -> usize {
    RUNS.iter().position(|name| *name == state.name()).expect("every run state is listed")
}

fn event_kind(event: &Event) -> usize {
    match event {
        Event::RunStarted { .. } => 0,
        Event::StepStarted { .. } => 1,
        Event::Probed { verdict: Verdict::Satisfied, .. } => 2,
        Event::Probed { verdict: Verdict::Drifted, .. } => 3,
        Event::Applied { .. } => 4,
        Event::Verified { .. } => 5,
        Event::AttemptFailed { op, .. } => match op {
            Op::Probe => 6,
            Op::Apply => 7,
            Op::Verify => 8,
            Op::Undo => 9,
        },
        Event::StepFailed { .. } => 10,
        Event::Interrupted { stop: Stop::Drain } => 11,
        Event::Interrupted { stop: Stop::Cancel } => 12,
        Event::Resumed { .. } => 13,
        Event::UndoStarted { .. } => 14,
        Event::StepUndoStarted { .. } => 15,
        Event::Undone { .. } => 16,
        Event::UndoFailed { .. } => 17,
        Event::RunFinished { outcome } => match outcome {
            Outcome::Unchanged => 18,
            Outcome::Changed => 19,
            Outcome::Failed => 20,
            Outcome::Interrupted => 21,
            Outcome::Undone => 22,
            Outcome::Stuck => 23,
            Outcome::Abandoned => 24,
        },
    }
}

fn follow(machine: &Machine, body: Event) -> Record {
    Record { seq: machine.seq() + 1, batch: machine.batch() + 1, wall_ms: 0, mono: Mono(0), body }
}

fn task_events(task: TaskId, attempt: u32) -> Vec<Event> {
    let error = || StepError::new(ErrorClass::Unknown, "");
    let (facts, summary) = (Facts::default, String::new);
    let probed = |verdict| Event::Probed { task, attempt, verdict, facts: facts(), summary: summary() };
    let mut events = vec![
        Event::StepStarted { task, attempt },
        Event::StepUndoStarted { task, attempt },
        probed(Verdict::Satisfied),
        probed(Verdict::Drifted),
        Event::Applied { task, attempt, summary: summary() },
        Event::Verified { task, attempt, facts: facts(), summary: summary() },
        Event::Undone { task, attempt, summary: summary() },
        Event::UndoFailed { task, attempt, error: error() },
    ];
    for op in [Op::Probe, Op::Apply, Op::Verify, Op::Undo] {
        events.push(Event::AttemptFailed { task, attempt, op, error: error(), retry_in_ms: 1 });
        events.push(Event::StepFailed { task, attempt, op, error: error() });
    }
    events
}

fn run_events() -> Vec<Event> {
    let operator = || "model@model".to_owned();
    let finished = [
        Outcome::Unchanged,
        Outcome::Changed,
        Outcome::Failed,
        Outcome::Interrupted,
        Outcome::Undone,
        Outcome::Stuck,
        Outcome::Abandoned,
    ];
    let mut events = vec![
        Event::Interrupted { stop: Stop::Drain },
        Event::Interrupted { stop: Stop::Cancel },
        Event::Resumed { operator: operator() },
        Event::UndoStarted { operator: operator() },
    ];
    events.extend(finished.map(|outcome| Event::RunFinished { outcome }));
    events
}
