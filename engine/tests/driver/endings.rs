//! What ends a run early: an interrupt, a lost result, a dead process, a journal that cannot be written.

use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::machine::{Event, Input, Op, Outcome, Stop};
use certwright_engine::plan::TaskId;
use tokio::sync::mpsc;

use crate::kinds::{WANTED, registry};
use crate::life::{Life, Told, virtually};
use crate::memory::Fault;
use crate::plans::{plan, step};
use crate::ran::{go_on, operator, run};
use crate::random::Random;
use crate::timed::{side_by_side, timed, timed_registry};
use crate::world::World;

#[test]
fn a_first_interrupt_starts_nothing_more_and_lets_what_is_in_flight_end() {
    virtually(async {
        let steps = vec![timed(0, "abort", &[("apply-ms", 800)]), timed(1, "abort", &[])];
        let ran = run(&plan(1, steps), &timed_registry(), &[(100, Stop::Drain)]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Interrupted);
        assert_eq!(ran.took, Duration::from_millis(800));
        assert!(ran.events().any(|e| matches!(e, Event::Verified { task: TaskId(0), .. })));
        assert!(!ran.events().any(|e| matches!(e, Event::StepStarted { task: TaskId(1), .. })));
    });
}

#[test]
fn a_second_interrupt_drops_what_its_kind_lets_go_and_waits_for_the_rest() {
    virtually(async {
        let steps =
            vec![timed(0, "abort", &[("apply-ms", 9_000)]), timed(1, "finish", &[("apply-ms", 1_000)])];
        let plan = side_by_side(steps);
        let interrupts = [(100, Stop::Drain), (200, Stop::Cancel)];
        let ran = run(&plan, &timed_registry(), &interrupts).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Interrupted);
        assert_eq!(ran.took, Duration::from_secs(1), "the apply that is finished, and no longer");
        assert!(ran.events().any(|e| matches!(e, Event::Applied { task: TaskId(1), .. })));
        assert!(!ran.events().any(|e| matches!(e, Event::Applied { task: TaskId(0), .. })));
    });
}

#[test]
fn an_undo_waits_for_every_command_whose_end_nobody_saw() {
    virtually(async {
        // One task on each of two hosts, the second a `poke`, and the process dies while both are applied.
        let mut plan = plan(2, vec![step(0, "set"), step(1, "poke")]);
        plan.tasks.remove(2);
        plan.tasks.remove(1);
        plan.tasks[1].after.clear();
        let world = World::new(&plan, 0, Random(6));
        world.state().values.clear();
        world.state().script = vec!["hang", "hang"];
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let registry = registry();
        {
            let (_sender, stops) = mpsc::unbounded_channel();
            let mut told = Told::default();
            let drive = life.drive(&plan, &registry, &world, Input::Tick, &mut told, stops);
            let died = tokio::time::timeout(Duration::from_millis(25), drive).await;
            assert!(died.is_err(), "it died in the middle");
        }
        let ran_before = world.state().calls.iter().filter(|c| c.starts_with("run")).count();
        assert_eq!(ran_before, 2, "both were under way");
        world.state().calls.clear();
        let bytes = life.disk.durable();
        let mut life = Life::again(&plan, &bytes);
        let ran = go_on(&mut life, &plan, &registry, &world, Input::Undo { operator: operator() }, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Undone);
        assert_eq!(world.state().calls, ["settle h0", "settle h1", "run h0/s0=", "read h0/s0"]);
    });
}

#[test]
fn an_error_of_the_journal_ends_the_run_before_anything_follows_from_the_batch() {
    virtually(async {
        let plan = plan(1, vec![step(0, "poke")]);
        let world = World::new(&plan, 0, Random(5));
        world.state().values.clear();
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        // Sync 1 was record 1, sync 2 the start of the attempt, sync 3 is what the probe saw.
        life.disk.fail(Fault::Sync(3));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(life.disk.fired(), 1);
        assert_eq!(
            ran.result.err().unwrap().to_string(),
            "write journal `journal`: state unknown after record 2; run `certwright resume 20261124-224500-x7k2`"
        );
        assert_eq!(ran.told.records.len(), 1, "the batch was not told");
        assert_eq!(world.state().calls, ["read h0/s0"], "and not acted upon");
        assert!(!world.settled().values().any(|v| v == WANTED));
    });
}

#[test]
fn on_a_full_disk_what_is_in_flight_ends_and_nothing_more_starts() {
    virtually(async {
        let bulky = |id| timed(id, "abort", &[("probe-ms", 10), ("summary", 15_000)]);
        let plan = plan(1, (0..12).map(bulky).collect());
        let world = World::new(&plan, 0, Random(5));
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        life.disk.fail(Fault::Full);
        let ran = go_on(&mut life, &plan, &timed_registry(), &world, Input::Tick, &[]).await;
        assert_eq!(life.disk.fired(), 1, "it is asked for more space once");
        assert_eq!(
            ran.result.as_ref().err().unwrap().to_string(),
            "no space left for journal `journal`: what was in flight ended and is recorded, nothing more was started; \
             free some space and run `certwright resume 20261124-224500-x7k2`"
        );
        let finished = Event::RunFinished { outcome: Outcome::Interrupted };
        assert_eq!(ran.events().last().unwrap(), &finished);
        let started = ran.events().filter(|e| matches!(e, Event::StepStarted { .. })).count();
        assert!((5..12).contains(&started), "{started} tasks were started");
    });
}

#[test]
fn an_attempt_that_lost_its_result_is_probed_and_not_applied_again() {
    virtually(async {
        let mut plan = plan(1, vec![step(0, "set")]);
        plan.steps[0].retry.attempts = 2;
        let world = World::new(&plan, 0, Random(1));
        world.state().values.clear();
        world.state().script = vec!["lost-after"];
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        assert_eq!(world.state().fired["lost-after"], 1);
        assert!(ran.events().any(|e| matches!(e, Event::AttemptFailed { op: Op::Apply, .. })));
        let runs = world.state().calls.iter().filter(|c| c.starts_with("run")).count();
        assert_eq!(runs, 1);
        assert!(world.state().problems.is_empty());
    });
}
