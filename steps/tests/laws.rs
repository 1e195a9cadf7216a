//! The laws every step kind obeys, run against the lab under virtual time.
//!
//! A kind of the registry without a scenario fails here: none can opt out. Every suite prints how many cases it ran.

#[path = "laws/bench.rs"]
mod bench;

#[path = "laws/crashing.rs"]
mod crashing;

#[path = "laws/scenarios.rs"]
mod scenarios;

use std::collections::BTreeSet;

use bench::Bench;
use certwright_engine::plan::{Nature, UndoSupport};
use certwright_engine::step::Verdict;
use crashing::{Crash, When};
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

/// Runs one law on every scenario it speaks of, and prints how many those are.
async fn each<F>(law: &str, speaks_of: impl Fn(&Scenario) -> bool, check: F)
where
    F: AsyncFn(&Scenario) -> usize,
{
    let (mut scenarios_run, mut cases) = (0, 0);
    for scenario in scenarios().iter().filter(|scenario| speaks_of(scenario)) {
        cases += check(scenario).await;
        scenarios_run += 1;
    }
    assert!(cases > 0, "no case of `{law}` ran");
    println!("{law}: {cases} cases in {scenarios_run} scenarios");
}

fn acts(scenario: &Scenario) -> bool {
    scenario.schema().nature == Nature::Acting
}

#[tokio::test(start_paused = true)]
async fn a_probe_changes_nothing() {
    each("a probe changes nothing", |_| true, async |scenario| {
        let bench = Bench::new(scenario).await;
        let before = bench.witness().exact();
        let probe = bench.probe().await.unwrap_or_else(|e| panic!("{scenario}: {e}"));
        assert_eq!(probe.verdict, scenario.expect, "{scenario}: {}", probe.summary);
        bench.assert_same(&before, &bench.witness().exact(), "probe");
        1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_an_apply_a_probe_is_satisfied_and_a_second_apply_changes_nothing() {
    each("apply once, probe, apply again", acts, async |scenario| {
        let bench = Bench::new(scenario).await;
        let probe = bench.probe().await.unwrap_or_else(|e| panic!("{scenario}: {e}"));
        assert_eq!(probe.verdict, Verdict::Drifted, "{scenario}: {}", probe.summary);
        assert!(!bench.step().commands(&probe.facts).is_empty(), "{scenario}: a dry run shows no command");
        bench.apply(&probe.facts).await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
        bench.verify(&probe.facts).await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
        let again = bench.probe().await.unwrap_or_else(|e| panic!("{scenario}: {e}"));
        assert_eq!(again.verdict, Verdict::Satisfied, "{scenario}: {}", again.summary);
        let once = bench.witness().exact();
        if scenario.kind != "command" {
            bench.apply(&again.facts).await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
            bench.assert_same(&once, &bench.witness().exact(), "a second apply");
        }
        1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_undo_restores_what_the_first_probe_saw_and_may_be_repeated() {
    let undoes = |scenario: &Scenario| scenario.schema().undo == UndoSupport::Supported;
    each("undo", undoes, async |scenario| {
        let bench = Bench::new(scenario).await;
        let before = bench.witness();
        let first = bench.probe().await.unwrap_or_else(|e| panic!("{scenario}: {e}"));
        bench.attempt().await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
        assert_ne!(before.files(), bench.witness().files(), "{scenario}: nothing was changed");
        for round in ["an undo", "a second undo"] {
            bench.undo(&first.facts).await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
            bench.assert_same(&before.files(), &bench.witness().files(), round);
        }
        let stops = bench.witness().shape();
        bench.undo(&first.facts).await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
        bench.assert_same(&stops, &bench.witness().shape(), "a third undo");
        1
    })
    .await;
}

/// An attempt that is cut off at the k-th call for every k, then taken up again as a resume does.
async fn cut_off_everywhere(scenario: &Scenario) -> usize {
    let calm = Bench::new(scenario).await;
    calm.attempt().await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
    let expected = calm.witness().shape();
    let mut cases = 0;
    for when in [When::Before, When::After] {
        for k in 0.. {
            let bench = Bench::new(scenario).await;
            let crash = Crash::at(k, when);
            let cut = bench.with(&crash).attempt().await;
            if !crash.fired() {
                cut.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
                break;
            }
            let place = format!("{scenario}, cut off {when:?} call {k} ({})", crash.what());
            bench.attempt().await.unwrap_or_else(|e| panic!("{place}: {}", bench::tell(&e)));
            bench.assert_same(&expected, &bench.witness().shape(), &place);
            cases += 1;
        }
    }
    cases
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_host_call_and_a_resume_reach_the_state_of_an_undisturbed_run() {
    each("crash and resume", |_| true, async |scenario| cut_off_everywhere(scenario).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_host_call_of_an_undo_is_taken_up_by_the_next_undo() {
    let undoes = |scenario: &Scenario| scenario.schema().undo == UndoSupport::Supported;
    each("crash in undo", undoes, async |scenario| {
        let mut cases = 0;
        for when in [When::Before, When::After] {
            for k in 0.. {
                let bench = Bench::new(scenario).await;
                let before = bench.witness().files();
                let first = bench.probe().await.unwrap_or_else(|e| panic!("{scenario}: {e}"));
                bench.attempt().await.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
                let crash = Crash::at(k, when);
                let cut = bench.with(&crash).undo(&first.facts).await;
                if !crash.fired() {
                    cut.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
                    break;
                }
                let place = format!("{scenario}, undo cut off {when:?} call {k} ({})", crash.what());
                bench.undo(&first.facts).await.unwrap_or_else(|e| panic!("{place}: {}", bench::tell(&e)));
                bench.assert_same(&before, &bench.witness().files(), &place);
                cases += 1;
            }
        }
        cases
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_off_anywhere_can_be_undone() {
    let undoes = |scenario: &Scenario| scenario.schema().undo == UndoSupport::Supported;
    each("crash in apply, then undo", undoes, async |scenario| {
        let mut cases = 0;
        for k in 0.. {
            let bench = Bench::new(scenario).await;
            let before = bench.witness().files();
            let first = bench.probe().await.unwrap_or_else(|e| panic!("{scenario}: {e}"));
            let crash = Crash::at(k, When::After);
            let cut = bench.with(&crash).apply(&first.facts).await;
            if !crash.fired() {
                cut.unwrap_or_else(|e| panic!("{scenario}: {}", bench::tell(&e)));
                break;
            }
            let place = format!("{scenario}, apply cut off after call {k} ({})", crash.what());
            bench.undo(&first.facts).await.unwrap_or_else(|e| panic!("{place}: {}", bench::tell(&e)));
            bench.assert_same(&before, &bench.witness().files(), &place);
            cases += 1;
        }
        cases
    })
    .await;
}
