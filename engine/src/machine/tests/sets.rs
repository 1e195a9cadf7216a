//! The sets kept beside the tasks never differ from what they are kept for.

use super::*;
use crate::machine::state::Phase;

/// The sets beside the tasks say what the tasks' phases say.
fn assert_sets_follow_from_phases(machine: &Machine) {
    let of = |phases: &[Phase]| -> Vec<TaskId> {
        machine.shape.ids().filter(|task| phases.contains(&machine.slot(*task).phase)).collect()
    };
    assert!(machine.ready.iter().eq(of(&[Phase::Ready])));
    let flying = [Phase::Probing, Phase::Applying, Phase::Verifying, Phase::Undoing];
    assert!(machine.in_flight.iter().eq(of(&flying)));
    assert!(machine.failed.iter().eq(of(&[Phase::Failed])));
    let mut waiting: Vec<TaskId> = machine.waiting.iter().map(|(_, task)| *task).collect();
    waiting.sort_unstable();
    assert_eq!(waiting, of(&[Phase::Waiting, Phase::UndoWaiting]));
    let budgets: Vec<TaskId> = machine.budgets.keys().copied().collect();
    let mut spending = [of(&flying), waiting].concat();
    spending.sort_unstable();
    assert_eq!(budgets, spending, "only what is tried has a budget");
    assert!(machine.facts.keys().all(|task| machine.in_flight.contains(*task)));
    let to_undo = machine.shape.ids().filter(|task| {
        let slot = machine.slot(*task);
        slot.entered_apply && slot.phase != Phase::Undone
    });
    assert!(machine.to_undo.iter().eq(to_undo));
}

#[expect(clippy::print_stdout, reason = "a suite says how much it ran")]
#[test]
fn the_sets_beside_the_tasks_follow_from_their_phases_in_every_turn_of_random_runs() {
    let (mut x, mut turns) = (1_u64, 0);
    let mut draw = move |n: u64| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) % n
    };
    for _ in 0..300 {
        let mut run = Run::start(plan(&[&[], &[], &[0], &[0, 1], &[2, 3]], Nature::Acting, &retry(3)), 2);
        for turn in 0..60 {
            let wants: Vec<Want> = run.machine.wants().collect();
            let input = match draw(24) {
                0 => Input::Interrupt(Stop::Drain),
                1 => Input::Interrupt(Stop::Cancel),
                2 => Input::Resume { operator: operator() },
                3 => Input::Undo { operator: operator() },
                _ if wants.is_empty() => Input::Resume { operator: operator() },
                kind => {
                    let Want { task, attempt, op } =
                        wants[usize::try_from(kind).expect("small") % wants.len()];
                    let looks = matches!(op, Op::Probe | Op::Verify);
                    let result = match draw(8) {
                        0 => Err(StepError::new(ErrorClass::Refused, "no")),
                        1 | 2 => Err(StepError::new(ErrorClass::Unknown, "lost")),
                        4.. if op == Op::Probe => Ok(looked(Verdict::Drifted, 1)),
                        _ if looks => Ok(satisfied()),
                        _ => Ok(acted()),
                    };
                    Input::Ended { task, attempt, op, result }
                }
            };
            run.turn(turn * 5, [input]);
            assert_sets_follow_from_phases(&run.machine);
            turns += 1;
        }
    }
    println!("{turns} turns");
}
