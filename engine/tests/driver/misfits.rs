//! What does not fit the driver: panics of steps and reporters, hostile words, plans and inputs that cannot be.

use certwright_engine::clock::Clock;
use certwright_engine::driver::Reporter;
use certwright_engine::machine::{Event, Input, Outcome, Record};
use certwright_engine::plan::{ErrorClass, Plan, TaskId};
use certwright_engine::step::Registry;
use tokio::sync::mpsc;

use crate::kinds::registry;
use crate::life::{Life, quiet_injected_panics, virtually};
use crate::plans::{plan, step};
use crate::ran::{go_on, operator, run};
use crate::random::Random;
use crate::timed::{side_by_side, timed, timed_registry};
use crate::world::World;

#[test]
fn a_panic_in_a_step_is_a_failure_that_names_the_bug_and_others_go_on() {
    quiet_injected_panics();
    virtually(async {
        let steps = vec![
            timed(0, "abort", &[("panics", 1)]),
            timed(1, "finish", &[("probe-ms", 5), ("apply-ms", 9)]),
        ];
        let ran = run(&side_by_side(steps), &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Failed);
        assert_eq!(ran.failure().class, ErrorClass::Invalid);
        assert_eq!(
            ran.failure().message,
            "bug in the probe of kind `abort` at `stage/s0@h0`: it panicked: injected panic with x"
        );
        // What was in flight then has ended, and its end is in the journal.
        assert!(ran.events().any(|e| matches!(e, Event::Probed { task: TaskId(1), .. })));
    });
}

/// Panics over everything it is told.
#[derive(Default)]
struct Broken {
    calls: usize,
}

impl Reporter for Broken {
    fn record(&mut self, _: &Plan, _: &Record) {
        self.calls += 1;
        panic!("injected: no terminal");
    }

    fn progress(&mut self, _: TaskId, _: &str) {
        panic!("injected: no terminal");
    }
}

#[test]
fn a_reporter_that_panics_does_not_stop_a_run() {
    quiet_injected_panics();
    virtually(async {
        let plan = plan(2, vec![timed(0, "finish", &[("apply-ms", 5)])]);
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let world = World::new(&plan, 0, Random(1));
        let (_sender, stops) = mpsc::unbounded_channel();
        let mut broken = Broken::default();
        let result = life.drive(&plan, &timed_registry(), &world, Input::Tick, &mut broken, stops).await;
        assert_eq!(result.unwrap(), Outcome::Changed);
        assert_eq!(broken.calls as u64, life.journal.seq() - 1, "it was told every record");
    });
}

#[test]
fn progress_is_told_escaped() {
    virtually(async {
        let plan = plan(1, vec![timed(0, "abort", &[("probe-ms", 5)])]);
        let ran = run(&plan, &timed_registry(), &[]).await;
        assert_eq!(ran.told.lines, ["0: at work\\u{1b}[2J", "0: at work\\u{1b}[2J"]);
    });
}

#[test]
fn a_plan_that_this_version_cannot_run_is_refused_before_anything_starts() {
    quiet_injected_panics();
    virtually(async {
        let refused = async |plan: Plan, registry: Registry, hosts: usize| {
            let mut life = Life::new(&plan, &Clock::virtual_from(0));
            let mut fewer = plan.clone();
            fewer.hosts.truncate(hosts);
            fewer.tasks.clear();
            let world = World::new(&fewer, 0, Random(1));
            let ran = go_on(&mut life, &plan, &registry, &world, Input::Tick, &[]).await;
            assert!(ran.told.records.is_empty());
            ran.result.err().unwrap().to_string()
        };
        assert_eq!(
            refused(plan(1, vec![step(0, "set")]), timed_registry(), 1).await,
            "step `stage/s0` is of kind `set`, which this certwright does not have: use the one that began the run"
        );
        let message = refused(plan(1, vec![timed(0, "strict", &[])]), timed_registry(), 1).await;
        assert!(message.starts_with("step `stage/s0` cannot be made by this certwright ("), "{message}");
        assert_eq!(
            refused(plan(2, vec![step(0, "set")]), registry(), 1).await,
            "task `stage/s0@h1` runs on a host that is not there"
        );
    });
}

#[test]
fn a_first_input_that_does_not_fit_gives_the_outcome_back_and_writes_nothing() {
    virtually(async {
        let plan = plan(1, vec![timed(0, "abort", &[])]);
        let world = World::new(&plan, 0, Random(1));
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let registry = timed_registry();
        let ran = go_on(&mut life, &plan, &registry, &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.unwrap(), Outcome::Changed);
        let before = life.disk.syncs();
        let again = Input::Resume { operator: operator() };
        let ran = go_on(&mut life, &plan, &registry, &world, again, &[]).await;
        assert_eq!(ran.result.unwrap(), Outcome::Changed);
        assert_eq!(life.disk.syncs(), before);
    });
}
