//! Limits of time and number: timeouts, retries, tasks in flight.

use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::machine::{Event, Input, Outcome};
use certwright_engine::plan::{ErrorClass, StepSpec, UndoSupport};

use crate::kinds::registry;
use crate::life::{LIMIT, Life, virtually};
use crate::plans::{plan, step};
use crate::ran::{go_on, operator, run};
use crate::random::Random;
use crate::timed::{side_by_side, timed, timed_registry};
use crate::world::World;

#[test]
fn the_timeout_bounds_probe_apply_and_verify_together_and_names_task_and_limit() {
    virtually(async {
        let slow = timed(0, "finish", &[("probe-ms", 400), ("apply-ms", 400)]);
        let plan = plan(1, vec![StepSpec { timeout_ms: 1_000, ..slow }]);
        let ran = run(&plan, &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Failed);
        assert_eq!(ran.took, Duration::from_secs(1));
        assert_eq!(ran.failure().class, ErrorClass::DeadlineExceeded);
        assert_eq!(
            ran.failure().message,
            "attempt at `stage/s0@h0` exceeded its timeout of 1s in its verify; it last said: at work\\u{1b}[2J"
        );
    });
}

#[test]
fn an_undo_has_time_of_its_own_and_is_bounded_too() {
    virtually(async {
        let cases = [(30 * 60_000, Outcome::Undone, 30), (u64::from(u32::MAX), Outcome::Stuck, 60)];
        for (takes_ms, outcome, minutes) in cases {
            let mut slow = timed(0, "restores", &[("undo-ms", takes_ms)]);
            (slow.timeout_ms, slow.undo) = (3 * 60_000, UndoSupport::Supported);
            let (plan, registry) = (plan(1, vec![slow]), timed_registry());
            let world = World::new(&plan, 0, Random(1));
            let mut life = Life::new(&plan, &Clock::virtual_from(0));
            let done = go_on(&mut life, &plan, &registry, &world, Input::Tick, &[]).await;
            assert_eq!(done.result.unwrap(), Outcome::Changed);
            let undo = Input::Undo { operator: operator() };
            let ran = go_on(&mut life, &plan, &registry, &world, undo, &[]).await;
            assert_eq!(ran.result.as_ref().unwrap(), &outcome);
            assert_eq!(ran.took, Duration::from_secs(minutes * 60));
            let failed = ran.events().find_map(|event| match event {
                Event::UndoFailed { error, .. } => Some(error.message.clone()),
                _ => None,
            });
            let message = "attempt at `stage/s0@h0` exceeded its timeout of 1h in its undo";
            assert_eq!(failed.as_deref(), (outcome == Outcome::Stuck).then_some(message));
        }
    });
}

#[test]
fn a_host_that_does_not_settle_says_what_runs_there_before_the_attempt_times_out() {
    virtually(async {
        let mut plan = plan(1, vec![StepSpec { timeout_ms: 1_000, ..step(0, "set") }]);
        let retry = &mut plan.steps[0].retry;
        (retry.attempts, retry.on) = (2, vec![ErrorClass::DeadlineExceeded]);
        let world = World::new(&plan, 0, Random(6));
        world.state().values.clear();
        // It hangs for longer than both attempts last.
        world.state().script = vec!["stuck"];
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Failed);
        assert_eq!(ran.failure().message, "h0: no result within 750ms", "the host's own words");
    });
}

#[test]
fn no_more_tasks_than_the_limit_are_in_flight() {
    virtually(async {
        let steps = (0..10).map(|id| timed(id, "abort", &[("probe-ms", 50), ("apply-ms", 900)])).collect();
        let ran = run(&side_by_side(steps), &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        let rounds = 10_u32.div_ceil(u32::try_from(LIMIT).unwrap());
        assert_eq!(ran.took, Duration::from_secs(1) * rounds);
    });
}

#[test]
fn a_retry_that_is_due_waits_for_a_place_without_spinning() {
    virtually(async {
        let mut again = timed(0, "abort", &[("failing-probes", 1)]);
        (again.retry.attempts, again.retry.delay_ms) = (2, 100);
        let slow = |id| timed(id, "abort", &[("apply-ms", 10_000)]);
        // Time stands still while the loop spins, so a spinning driver never gets here.
        let ran = run(&side_by_side(vec![again, slow(1), slow(2), slow(3)]), &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        assert_eq!(ran.took, Duration::from_secs(10));
    });
}

#[test]
fn a_retry_comes_after_its_delay_and_after_its_host_has_settled() {
    virtually(async {
        let mut plan = plan(1, vec![step(0, "check")]);
        let retry = &mut plan.steps[0].retry;
        (retry.attempts, retry.delay_ms, retry.on) = (3, 3_000, vec![ErrorClass::Unsatisfied]);
        // The key comes within 1.5 s.
        let world = World::new(&plan, 0, Random(4));
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Unchanged);
        assert!(ran.took >= Duration::from_secs(3));
        assert_eq!(world.state().calls, ["read h0/s0", "settle h0", "read h0/s0"]);
    });
}

#[test]
fn an_attempt_after_a_reboot_says_so() {
    virtually(async {
        for comes in [true, false] {
            let mut plan = plan(1, vec![step(0, "check")]);
            let retry = &mut plan.steps[0].retry;
            (retry.attempts, retry.delay_ms, retry.on) =
                (2, if comes { 3_000 } else { 1 }, vec![ErrorClass::Unsatisfied]);
            let world = World::new(&plan, 0, Random(4));
            world.state().rebooted.insert("h0".into());
            let mut life = Life::new(&plan, &Clock::virtual_from(0));
            let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
            assert!(world.state().rebooted.is_empty(), "it settled");
            let said = ran.events().find_map(|event| match event {
                Event::Probed { attempt: 2, summary, .. } => Some(summary.clone()),
                Event::StepFailed { error, .. } => Some(error.message.clone()),
                _ => None,
            });
            let said = said.expect("a second look");
            assert!(said.ends_with("; h0 was rebooted meanwhile"), "{said}");
            assert_eq!(ran.result.is_ok_and(|outcome| outcome == Outcome::Unchanged), comes);
        }
    });
}
