//! What does not follow: stale results, records that a journal should not hold, plans that are none.

use super::*;

impl Run {
    fn next(&self, body: Event) -> Record {
        let seq = self.machine.seq() + 1;
        Record { seq, batch: self.machine.batch(), wall_ms: 0, mono: Mono(0), body }
    }

    fn refusal(&mut self, body: Event) -> String {
        let record = self.next(body);
        self.machine.apply(&record).expect_err("it does not fit").to_string()
    }
}

#[test]
fn a_result_that_nobody_waits_for_decides_nothing() {
    let mut run = Run::start(plan(&[&[]], Nature::Acting, &retry(2)), 1);
    let ended = |task, attempt, op| Input::Ended { task, attempt, op, result: Ok(satisfied()) };
    for stale in
        [ended(A, 0, Op::Probe), ended(A, 2, Op::Probe), ended(A, 1, Op::Verify), ended(B, 1, Op::Probe)]
    {
        assert!(run.turn(0, [stale.clone()]).is_empty(), "{stale:?}");
    }
}

#[test]
fn a_hostile_record_is_refused_with_its_number_and_leaves_no_trace() {
    let mut run = Run::start(plan(&[&[], &[0]], Nature::Acting, &retry(2)), 1);
    let before = run.machine.clone();
    let undone = |task| Event::Undone { task, attempt: 1, summary: String::new() };
    assert_eq!(
        run.refusal(undone(A)),
        "record 3 does not follow from those before it: `undone` of task 0 while it is probing, attempt 1, in a \
         run that is running"
    );
    assert_eq!(
        run.refusal(undone(TaskId(u32::MAX))),
        "record 3 does not follow from those before it: `undone` of task 4294967295 while the plan has 2 tasks"
    );
    assert_eq!(
        run.refusal(Event::RunFinished { outcome: Outcome::Changed }),
        "record 3 does not follow from those before it: `run-finished` while the run is running"
    );
    let gap = Record { seq: 9, ..run.next(Event::Interrupted { stop: Stop::Drain }) };
    assert_eq!(
        run.machine.apply(&gap).expect_err("a gap").to_string(),
        "record 9 does not follow from those before it: `interrupted` while record 2 of batch 2 was the last"
    );
    let jump = Record { batch: 9, ..run.next(Event::Interrupted { stop: Stop::Drain }) };
    run.machine.apply(&jump).expect_err("a batch is missing");
    run.refusal(Event::StepStarted { task: B, attempt: 1 });
    run.refusal(started(plan(&[], Nature::Acting, &retry(1))).body);
    assert!(run.machine == before && run.machine.seq() == 2);
}

#[test]
fn a_hostile_plan_has_no_shape() {
    let good = plan(&[&[], &[0]], Nature::Acting, &retry(1));
    let broken = |change: fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        Shape::from_plan(&plan, 0, 1).expect_err("it is refused")
    };
    let itself = ShapeError::Order { task: B, after: B };
    assert_eq!(broken(|plan| plan.tasks[1].after = vec![B]), itself);
    assert_eq!(itself.to_string(), "task 1 of the plan comes after task 1, which is not before it");
    let later = ShapeError::Order { task: A, after: TaskId(7) };
    assert_eq!(broken(|plan| plan.tasks[0].after = vec![TaskId(7)]), later);
    assert_eq!(broken(|plan| plan.tasks[1].step = StepIndex(2)), ShapeError::Step { task: B, step: 2 });
    assert_eq!(broken(|plan| plan.tasks[1].host = HostIndex(1)), ShapeError::Host { task: B, host: 1 });
    assert_eq!(broken(|plan| plan.steps[1].retry.attempts = 0), ShapeError::NoAttempt { step: 1 });
}
