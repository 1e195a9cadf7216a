//! The laws every step kind obeys, run against the lab under virtual time.
//!
//! A kind of the registry without a scenario fails here: none can opt out. Every suite prints how many cases it ran.

#![expect(clippy::print_stdout, reason = "every suite prints how many cases it ran")]

#[path = "laws/bench.rs"]
mod bench;

#[path = "laws/checks.rs"]
mod checks;

#[path = "laws/configured.rs"]
mod configured;

#[path = "laws/crashing.rs"]
mod crashing;

#[path = "laws/doctored.rs"]
mod doctored;

#[path = "laws/faults.rs"]
mod faults;

#[path = "laws/kubeconfigs.rs"]
mod kubeconfigs;

#[path = "laws/leases.rs"]
mod leases;

#[path = "laws/make.rs"]
mod make;

#[path = "laws/order.rs"]
mod order;

#[path = "laws/preflight.rs"]
mod preflight;

#[path = "laws/restarts.rs"]
mod restarts;

#[path = "laws/scenarios.rs"]
mod scenarios;

#[path = "laws/secrets.rs"]
mod secrets;

#[path = "laws/serving.rs"]
mod serving;

#[path = "laws/silence.rs"]
mod silence;

#[path = "laws/trap.rs"]
mod trap;

#[path = "laws/warned.rs"]
mod warned;

#[path = "laws/witness.rs"]
mod witness;

use std::collections::BTreeSet;

use bench::Stage;
use certwright_engine::plan::{Nature, UndoSupport};
use certwright_engine::step::{StepError, Verdict};
use crashing::Crash;
use scenarios::{Scenario, scenarios};

#[test]
fn every_registered_kind_has_a_scenario() {
    let covered: BTreeSet<&str> = scenarios().iter().map(|scenario| scenario.kind).collect();
    let registry = certwright_steps::registry();
    for kind in registry.iter() {
        assert!(covered.contains(kind.schema.name), "kind `{}` has no scenario", kind.schema.name);
    }
    println!("{} scenarios for {} kinds", scenarios().len(), covered.len());
}

/// Runs one law on every scenario it speaks of, and prints how many cases those made.
async fn each<F>(law: &str, speaks_of: impl Fn(&Scenario) -> bool, check: F)
where
    F: AsyncFn(&Stage<'_>, &Scenario) -> usize,
{
    let (mut scenarios_run, mut cases) = (0, 0);
    for scenario in scenarios().iter().filter(|scenario| speaks_of(scenario)) {
        cases += check(&Stage::new(scenario).await, scenario).await;
        scenarios_run += 1;
    }
    assert!(cases > 0, "no case of `{law}` ran");
    println!("{law}: {cases} cases in {scenarios_run} scenarios");
}

fn acts(scenario: &Scenario) -> bool {
    scenario.schema().nature == Nature::Acting && scenario.expect == Verdict::Drifted
}

/// Undo knows nothing of `force`: one renewal is cut off everywhere, the other only undone.
fn undoes_its_own_way(scenario: &Scenario) -> bool {
    undoes(scenario) && scenario.name != "forced"
}

fn undoes(scenario: &Scenario) -> bool {
    scenario.schema().undo == UndoSupport::Supported
}

/// The value of an operation that must succeed here.
#[track_caller]
fn good<T>(place: impl std::fmt::Display, result: Result<T, StepError>) -> T {
    result.unwrap_or_else(|error| panic!("{place}: {}", make::tell(&error)))
}

#[tokio::test(start_paused = true)]
async fn a_probe_changes_nothing() {
    each(
        "a probe changes nothing",
        |_| true,
        async |stage, scenario| {
            let bench = stage.bench();
            let before = bench.witness().exact();
            let probe = good(scenario, bench.probe().await);
            assert_eq!(probe.verdict, scenario.expect, "{scenario}: {}", probe.summary);
            bench.assert_same(&before, &bench.witness().exact(), "probe");
            1
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_an_apply_a_probe_is_satisfied_and_a_second_apply_changes_nothing() {
    each("apply, probe, apply again", acts, async |stage, scenario| {
        let bench = stage.bench();
        let probe = good(scenario, bench.probe().await);
        assert_eq!(probe.verdict, Verdict::Drifted, "{scenario}: {}", probe.summary);
        assert!(!bench.step().commands(&probe.facts).is_empty(), "{scenario}: a dry run shows no command");
        good(scenario, bench.apply(&probe.facts).await);
        good(scenario, bench.verify(&probe.facts).await);
        let again = good(scenario, bench.probe().await);
        assert_eq!(again.verdict, Verdict::Satisfied, "{scenario}: {}", again.summary);
        let once = bench.witness().exact();
        // A program of the plan's own is only ever run when its probe asks for it.
        if scenario.kind != "command" {
            good(scenario, bench.apply(&again.facts).await);
            bench.assert_same(&once, &bench.witness().exact(), "a second apply");
        }
        1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_undo_restores_what_the_first_probe_saw_and_may_be_repeated() {
    each("undo", undoes, async |stage, scenario| {
        let bench = stage.bench();
        let before = bench.witness();
        let first = good(scenario, bench.probe().await);
        good(scenario, bench.attempt().await);
        assert_ne!(before.files(), bench.witness().files(), "{scenario}: nothing was changed");
        good(scenario, bench.undo(&first.facts).await);
        bench.assert_same(&before.files(), &bench.witness().files(), "an undo");
        let undone = bench.witness().exact();
        good(scenario, bench.undo(&first.facts).await);
        bench.assert_same(&undone, &bench.witness().exact(), "a second undo");
        1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_host_call_and_a_resume_reach_the_state_of_an_undisturbed_run() {
    each(
        "crash and resume",
        |_| true,
        async |stage, scenario| {
            let (calm, calls) = (stage.bench(), Crash::never());
            good(scenario, calm.with(&calls).attempt().await);
            let expected = calm.witness().shape();
            for (k, when) in calls.cuts() {
                let (bench, crash) = (stage.bench(), Crash::at(k, when));
                let cut = bench.with(&crash).attempt().await;
                assert!(crash.fired() && cut.is_err(), "{scenario}: no call {k} this time");
                let place = format!("{scenario}, cut off {when:?} call {k} ({})", crash.what());
                good(&place, bench.attempt().await);
                bench.assert_same(&expected, &bench.witness().shape(), &place);
            }
            calls.cuts().len()
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_host_call_of_an_undo_is_taken_up_by_the_next_undo() {
    each("crash in undo", undoes_its_own_way, async |stage, scenario| {
        let calm = stage.bench();
        let before = calm.witness().files();
        let first = good(scenario, calm.probe().await);
        good(scenario, calm.attempt().await);
        let done = calm.stage();
        let calls = Crash::never();
        let calm = done.bench();
        good(scenario, calm.with(&calls).undo(&first.facts).await);
        let expected = calm.witness().shape();
        for (k, when) in calls.cuts() {
            let (bench, crash) = (done.bench(), Crash::at(k, when));
            let cut = bench.with(&crash).undo(&first.facts).await;
            assert!(crash.fired() && cut.is_err(), "{scenario}: no call {k} this time");
            let place = format!("{scenario}, undo cut off {when:?} call {k} ({})", crash.what());
            good(&place, bench.undo(&first.facts).await);
            bench.assert_same(&before, &bench.witness().files(), &place);
            bench.assert_same(&expected, &bench.witness().shape(), &place);
        }
        calls.cuts().len()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_off_anywhere_can_be_undone() {
    each("crash in apply, then undo", undoes_its_own_way, async |stage, scenario| {
        let (calm, calls) = (stage.bench(), Crash::never());
        let before = calm.witness().files();
        let first = good(scenario, calm.probe().await);
        good(scenario, calm.with(&calls).apply(&first.facts).await);
        for (k, when) in calls.cuts() {
            let (bench, crash) = (stage.bench(), Crash::at(k, when));
            let cut = bench.with(&crash).apply(&first.facts).await;
            assert!(crash.fired() && cut.is_err(), "{scenario}: no call {k} this time");
            let place = format!("{scenario}, apply cut off {when:?} call {k} ({})", crash.what());
            good(&place, bench.undo(&first.facts).await);
            bench.assert_same(&before, &bench.witness().files(), &place);
        }
        calls.cuts().len()
    })
    .await;
}
