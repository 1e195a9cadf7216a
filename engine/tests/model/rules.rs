//! The rules of a run, checked against the world and not against what the machine believes.

use certwright_engine::machine::{
    Direction, IllegalTransition, Machine, Op, Outcome, RunState, Stop, TaskState, Want,
};

use crate::shapes::Case;
use crate::world::{Place, Value, World};

/// A rule that a run broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// An apply, verify or undo is told the facts of the right probe.
    ProbeFacts,
    /// A verify and an undo are told the facts of the first probe.
    FirstFacts,
    /// Apply begins only where a probe of this attempt saw that it is needed.
    ProbeFirst,
    /// What is as wanted is not applied again.
    RepeatedApply,
    /// One operation of a task at a time, on the host too.
    OneAtATime,
    /// At most `limit` operations are in flight.
    Limit,
    /// A task starts when all it comes after are done, and not earlier.
    DependenciesFirst,
    /// After a failure or a drain nothing starts but the verify of what was going on.
    NothingAfterStop,
    /// After a cancel nothing starts but the verify of an apply that was left to finish.
    NothingAfterCancel,
    /// Undo begins when nothing is in flight, also on the hosts, and undoes one task at a time.
    DrainBeforeUndo,
    /// Later tasks are undone before those they come after.
    UndoOrder,
    /// Only what entered apply and can be undone is undone.
    UndoOnlyChanged,
    /// A task is unchanged only if this run never entered apply on it.
    UnchangedOnly,
    /// A run that ends done left everything as wanted and says whether it changed anything.
    EndsDone,
    /// A run that ends undone left everything as it was.
    EndsUndone,
    /// A run ends failed, interrupted or stuck for that reason only, and a failure is never hidden.
    EndsForAReason,
    /// A run that goes on has something in flight or a retry to wait for.
    Deadlock,
    /// The machine refused a record.
    Illegal(IllegalTransition),
}

/// What must hold when an operation is started, before it counts as in flight.
pub(crate) fn check_start(case: &Case, world: &World, machine: &Machine, want: Want) -> Result<(), Rule> {
    let task = want.task.0 as usize;
    let place = &world.places[task];
    ensure(place.live.is_none() && place.orphan.is_none(), Rule::OneAtATime)?;
    if world.stop == Some(Stop::Cancel) {
        ensure(want.op == Op::Verify && case.finishes(task), Rule::NothingAfterCancel)?;
    }
    if world.stop.is_some() || world.failed {
        ensure(want.op == Op::Verify, Rule::NothingAfterStop)?;
    }
    match want.op {
        Op::Probe => {
            let done = |d: usize| {
                let place = &world.places[d];
                if case.is_checking(d) { place.passed } else { place.value == Value::Want }
            };
            ensure(case.dependencies(task).all(done), Rule::DependenciesFirst)
        }
        Op::Apply => {
            ensure(place.seen != Value::Unknown, Rule::ProbeFirst)?;
            ensure(place.value != Value::Want, Rule::RepeatedApply)?;
            ensure(machine.facts_for(&want) == Some(&place.seen.facts()), Rule::ProbeFacts)
        }
        Op::Verify => ensure(machine.facts_for(&want) == Some(&place.first.facts()), Rule::FirstFacts),
        Op::Undo => check_undo(case, world, task),
    }
}

fn check_undo(case: &Case, world: &World, task: usize) -> Result<(), Rule> {
    let is_quiet = |place: &Place| place.live.is_none() && place.orphan.is_none();
    ensure(world.of(case).all(|(_, place)| is_quiet(place)), Rule::DrainBeforeUndo)?;
    ensure(world.places[task].entered && case.is_restorable(task), Rule::UndoOnlyChanged)?;
    let is_open = |(other, place): (usize, &Place)| {
        case.depends(other, task) && case.is_restorable(other) && place.entered && !place.undone
    };
    ensure(!world.of(case).any(is_open), Rule::UndoOrder)
}

/// What must hold between turns.
pub(crate) fn check_state(case: &Case, world: &World, machine: &Machine) -> Result<(), Rule> {
    ensure(machine.wants().count() <= case.limit, Rule::Limit)?;
    for ((task, place), (_, id)) in world.of(case).zip(case.ids()) {
        let done = case.is_checking(task) && place.passed || place.value == Value::Want;
        match machine.task_state(id) {
            TaskState::Unchanged => ensure(!place.entered && done, Rule::UnchangedOnly)?,
            TaskState::Changed => ensure(place.entered, Rule::UnchangedOnly)?,
            TaskState::Blocked { unmet } => ensure(unmet > 0, Rule::DependenciesFirst)?,
            TaskState::Ready
            | TaskState::Probing { .. }
            | TaskState::Applying { .. }
            | TaskState::Verifying { .. }
            | TaskState::Waiting { .. }
            | TaskState::Failed { .. }
            | TaskState::UndoPending
            | TaskState::Undoing { .. }
            | TaskState::UndoWaiting { .. }
            | TaskState::UndoFailed { .. }
            | TaskState::Undone => {}
        }
    }
    match machine.run_state() {
        RunState::Active { .. } if world.alive => {
            let moves = world.of(case).any(|(_, place)| place.live.is_some()) || machine.deadline().is_some();
            ensure(moves, Rule::Deadlock)
        }
        RunState::New | RunState::Active { .. } => Ok(()),
        RunState::Finished { direction, outcome } => check_end(case, world, direction, outcome),
    }
}

fn check_end(case: &Case, world: &World, direction: Direction, outcome: Outcome) -> Result<(), Rule> {
    ensure(world.of(case).all(|(_, place)| place.live.is_none()), Rule::OneAtATime)?;
    let changed = world.of(case).any(|(_, place)| place.entered);
    let is_done = |(task, place): (usize, &Place)| {
        if case.is_checking(task) { place.passed } else { place.value == Value::Want }
    };
    match outcome {
        Outcome::Unchanged => ensure(world.of(case).all(is_done) && !changed, Rule::EndsDone),
        Outcome::Changed => ensure(world.of(case).all(is_done) && changed, Rule::EndsDone),
        Outcome::Undone => {
            let restored = |(task, place): (usize, &Place)| {
                !(case.is_restorable(task) && place.entered)
                    || place.value == place.first && place.orphan.is_none()
            };
            ensure(direction == Direction::Undo && world.of(case).all(restored), Rule::EndsUndone)
        }
        // A process that is gone left no reason behind: these are checked in the turn that ends the run.
        Outcome::Failed => ensure(!world.alive || world.failed, Rule::EndsForAReason),
        Outcome::Stuck => {
            ensure(direction == Direction::Undo && (!world.alive || world.failed), Rule::EndsForAReason)
        }
        Outcome::Interrupted => {
            let is_why = world.stop.is_some() && !world.failed;
            ensure(!world.alive || is_why, Rule::EndsForAReason)
        }
        Outcome::Abandoned => Ok(()),
    }
}

pub(crate) fn ensure(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}
