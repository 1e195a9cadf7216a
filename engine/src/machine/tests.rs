//! What the model check leaves out: times and budgets, order, messages, and what a hostile journal may hold.

mod hostile;

mod sets;

use std::sync::Arc;

use super::*;
use crate::clock::Mono;
use crate::plan::{
    Backoff, CancelPolicy, Cluster, ErrorClass, HostIndex, HostSpec, Nature, Params, Plan, Retry,
    SshSettings, StepIndex, StepSpec, Task, TaskId, UndoSupport,
};

const A: TaskId = TaskId(0);
const B: TaskId = TaskId(1);
const C: TaskId = TaskId(2);

/// A plan of one step a task; `after[i]` is what task i comes after.
fn plan(after: &[&[u32]], nature: Nature, retry: &Retry) -> Plan {
    let step = |i: usize| StepSpec {
        stage: "stage".into(),
        id: format!("step-{i}"),
        kind: "kind".into(),
        with: Params::default(),
        retry: retry.clone(),
        timeout_ms: 1_000,
        nature,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Supported,
    };
    let task = |(i, after): (usize, &&[u32])| Task {
        step: StepIndex(u32::try_from(i).expect("small")),
        host: HostIndex(0),
        after: after.iter().copied().map(TaskId).collect(),
    };
    Plan {
        name: "plan".into(),
        digest: String::new(),
        cluster: Cluster {
            name: "c".into(),
            namespace: "n".into(),
            kubeconfig: "k".into(),
            admin_kubeconfig: None,
            virtual_ip: None,
        },
        ssh: SshSettings::default(),
        hosts: vec![HostSpec {
            name: "h".into(),
            address: None,
            groups: Vec::new(),
            ssh: SshSettings::default(),
        }],
        steps: (0..after.len()).map(step).collect(),
        tasks: after.iter().enumerate().map(task).collect(),
    }
}

fn retry(attempts: u32) -> Retry {
    let on = vec![ErrorClass::Unavailable, ErrorClass::Unknown, ErrorClass::Denied];
    Retry { attempts, on, delay_ms: 10, backoff: Backoff::Constant, jitter: false, ..Retry::default() }
}

/// A started run and everything it recorded.
struct Run {
    machine: Machine,
    records: Vec<Record>,
}

impl Run {
    fn start(plan: Plan, limit: usize) -> Self {
        let shape = Shape::from_plan(&plan, 1, limit).expect("a shape");
        let mut machine = Machine::new(Arc::new(shape));
        let first = started(plan);
        machine.apply(&first).expect("a run starts");
        let mut run = Self { machine, records: vec![first] };
        run.turn(0, []);
        run
    }

    /// Names of the events of one turn.
    fn turn(&mut self, now: u64, inputs: impl IntoIterator<Item = Input>) -> Vec<&'static str> {
        let records = fold(&mut self.machine, inputs, Mono(now), 0);
        let names = records.iter().map(|record| record.body.name()).collect();
        self.records.extend(records);
        names
    }

    fn end(&mut self, now: u64, task: TaskId, result: OpResult) -> Vec<&'static str> {
        self.answer(now, task, Ok(result))
    }

    fn answer(&mut self, now: u64, task: TaskId, result: Result<OpResult, StepError>) -> Vec<&'static str> {
        let want = self.machine.wants().find(|want| want.task == task).expect("it is in flight");
        let Want { task, attempt, op } = want;
        self.turn(now, [Input::Ended { task, attempt, op, result }])
    }

    fn fail(&mut self, now: u64, task: TaskId, class: ErrorClass) -> Vec<&'static str> {
        self.answer(now, task, Err(StepError::new(class, "no")))
    }

    fn in_flight(&self) -> Vec<u32> {
        self.machine.wants().map(|want| want.task.0).collect()
    }
}

fn started(plan: Plan) -> Record {
    let header = Header {
        format: 1,
        tool: "0.0.0".into(),
        run: "run".into(),
        seed: 1,
        operator: "me@here".into(),
        lab: None,
        ssh_config: None,
        plan,
    };
    let body = Event::RunStarted { header: Box::new(header) };
    Record { seq: 1, batch: 1, wall_ms: 0, mono: Mono(0), body }
}

fn looked(verdict: Verdict, fact: u32) -> OpResult {
    OpResult::Looked { verdict, facts: Facts::new(fact), summary: "what it saw".into() }
}

fn satisfied() -> OpResult {
    looked(Verdict::Satisfied, 0)
}

fn acted() -> OpResult {
    OpResult::Acted { summary: String::new() }
}

fn operator() -> String {
    "me@here".into()
}

#[test]
fn a_resumed_task_has_all_its_attempts_again_and_goes_on_counting() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(2)), 1);
    assert_eq!(run.fail(0, A, ErrorClass::Unavailable), ["attempt-failed"]);
    assert_eq!(run.machine.deadline(), Some(Mono(10)));
    assert!(run.turn(9, []).is_empty(), "the retry is not due yet");
    assert_eq!(run.turn(10, []), ["step-started"]);
    assert_eq!(run.fail(10, A, ErrorClass::Unavailable), ["step-failed", "run-finished"]);
    assert_eq!(run.turn(20, [Input::Resume { operator: operator() }]), ["resumed", "step-started"]);
    assert_eq!(run.machine.task_state(A), TaskState::Probing { attempt: 3 });
    assert_eq!(run.fail(20, A, ErrorClass::Unavailable), ["attempt-failed"]);
}

#[test]
fn a_retry_that_would_start_too_late_and_a_denial_are_not_tried_again() {
    let policy = Retry { within_ms: Some(25), ..retry(9) };
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &policy), 1);
    assert_eq!(run.fail(15, A, ErrorClass::Unknown), ["attempt-failed"]);
    run.turn(25, []);
    assert_eq!(run.fail(25, A, ErrorClass::Unknown), ["step-failed", "run-finished"]);
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &policy), 1);
    assert_eq!(run.fail(0, A, ErrorClass::Denied), ["step-failed", "run-finished"]);
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &policy), 1);
    assert_eq!(run.fail(0, A, ErrorClass::Invalid), ["step-failed", "run-finished"], "a class not in `on`");
}

#[test]
fn a_check_that_finds_drift_fails_with_what_it_saw() {
    let mut run = Run::start(plan(&[&[]], Nature::Checking, &retry(1)), 1);
    run.end(0, A, looked(Verdict::Drifted, 1));
    let Event::StepFailed { op, error, .. } = &run.records[2].body else { panic!("{:?}", run.records[2]) };
    assert_eq!(
        (*op, error.class, error.message.as_str()),
        (Op::Probe, ErrorClass::Unsatisfied, "what it saw")
    );
    assert_eq!(run.machine.outcome(), Some(Outcome::Failed));
}

#[test]
fn tasks_start_in_the_order_of_the_plan_with_due_retries_first_and_never_over_the_limit() {
    let mut run = Run::start(plan(&[&[], &[], &[], &[], &[0]], Nature::Acting, &retry(3)), 2);
    assert_eq!(run.in_flight(), [0, 1]);
    run.fail(0, B, ErrorClass::Unknown);
    assert_eq!(run.in_flight(), [0, 2], "what waits leaves its place to others");
    run.end(10, C, satisfied());
    assert_eq!(run.in_flight(), [0, 1], "a retry that is due goes before task 3");
    run.end(10, A, satisfied());
    assert_eq!(run.in_flight(), [1, 3]);
}

#[test]
fn undo_is_told_what_the_first_probe_saw_and_apply_what_the_last_one_saw() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(2)), 1);
    let facts = |run: &Run| {
        let want = run.machine.wants().next().expect("in flight");
        run.machine.facts_for(&want).cloned()
    };
    assert_eq!(facts(&run), None);
    run.end(0, A, looked(Verdict::Drifted, 1));
    assert_eq!(facts(&run), Some(Facts::new(1)));
    run.fail(0, A, ErrorClass::Unknown);
    run.turn(10, []);
    run.end(10, A, looked(Verdict::Drifted, 2));
    assert_eq!(facts(&run), Some(Facts::new(2)));
    run.fail(10, A, ErrorClass::Invalid);
    assert_eq!(run.turn(20, [Input::Undo { operator: operator() }]), ["undo-started", "step-undo-started"]);
    assert_eq!(facts(&run), Some(Facts::new(1)));
    assert_eq!(run.end(20, A, acted()), ["undone", "run-finished"]);
    assert_eq!(run.machine.outcome(), Some(Outcome::Undone));
}

#[test]
fn a_verify_after_a_resume_is_told_what_the_first_probe_saw_and_not_the_effect_it_is_to_prove() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(1)), 1);
    run.end(0, A, looked(Verdict::Drifted, 1));
    run.turn(10, [Input::Resume { operator: operator() }]);
    run.end(10, A, looked(Verdict::Satisfied, 2));
    let want = run.machine.wants().next().expect("in flight");
    assert_eq!(want.op, Op::Verify);
    assert_eq!(run.machine.facts_for(&want), Some(&Facts::new(1)));
}

#[test]
fn an_undo_is_retried_by_its_policy_and_then_needs_a_human() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(2)), 1);
    run.end(0, A, looked(Verdict::Drifted, 1));
    run.end(0, A, acted());
    run.end(0, A, satisfied());
    assert_eq!(run.machine.outcome(), Some(Outcome::Changed));
    run.turn(0, [Input::Undo { operator: operator() }]);
    assert_eq!(run.fail(0, A, ErrorClass::Unavailable), ["attempt-failed"]);
    assert_eq!(run.machine.deadline(), Some(Mono(10)));
    assert_eq!(run.turn(10, []), ["step-undo-started"]);
    assert_eq!(run.fail(10, A, ErrorClass::Unavailable), ["undo-failed", "run-finished"]);
    assert_eq!(run.machine.outcome(), Some(Outcome::Stuck));
    assert!(run.turn(20, [Input::Resume { operator: operator() }]).is_empty(), "only undo goes on from here");
    assert_eq!(run.turn(20, [Input::Undo { operator: operator() }]), ["undo-started", "step-undo-started"]);
    assert_eq!(run.machine.task_state(A), TaskState::Undoing { attempt: 4 });
}

#[test]
fn a_failure_names_the_outcome_even_where_the_operator_interrupted_as_well() {
    let mut run = Run::start(plan(&[&[], &[]], Nature::Acting, &retry(1)), 2);
    run.turn(0, [Input::Interrupt(Stop::Drain)]);
    run.fail(0, A, ErrorClass::Refused);
    assert_eq!(run.end(0, B, looked(Verdict::Drifted, 1)), ["probed", "run-finished"]);
    assert_eq!(run.machine.outcome(), Some(Outcome::Failed));
    assert!(!run.machine.entered_apply(B), "a task that was probing does not enter apply");
}

#[test]
fn a_passing_failure_while_draining_is_left_to_whoever_resumes() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(2)), 1);
    run.turn(0, [Input::Interrupt(Stop::Drain)]);
    assert_eq!(run.fail(0, A, ErrorClass::Unknown), ["attempt-failed", "run-finished"]);
    assert_eq!(run.machine.outcome(), Some(Outcome::Interrupted));
    assert_eq!(run.machine.deadline(), None);
}

#[test]
fn an_act_whose_end_nobody_saw_stays_unsettled_until_the_next_look() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(3)), 1);
    run.end(0, A, looked(Verdict::Drifted, 1));
    run.fail(0, A, ErrorClass::Unknown);
    assert!(run.machine.unsettled().eq([A]));
    run.turn(10, []);
    assert!(run.machine.unsettled().eq([A]), "the probe has not answered yet");
    run.end(10, A, looked(Verdict::Drifted, 1));
    assert_eq!(run.machine.unsettled().count(), 0);
}

#[test]
fn a_plan_without_tasks_is_unchanged_at_once() {
    let run = Run::start(plan(&[], Nature::Acting, &retry(1)), 0);
    assert_eq!(run.machine.outcome(), Some(Outcome::Unchanged));
}
