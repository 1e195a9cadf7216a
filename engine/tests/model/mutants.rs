//! Broken machines, made by altering what was decided before it is applied (or what the driver makes of it):
//! one or more for each rule, and the check must catch each by that rule.

use certwright_engine::machine::{
    Direction, Event, Facts, Machine, Op, Outcome, Record, RunState, Stop, TaskState, Verdict,
};
use certwright_engine::plan::TaskId;

use crate::explore::explore;
use crate::node::{Node, Rig};
use crate::rules::Rule;
use crate::shapes::{CASES, Case};
use crate::world::{Place, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// An undo is told what the world looks like now instead of what the first probe saw.
    LatestFacts,
    /// The facts of a probe are not in the journal.
    LostFacts,
    /// Apply begins before the record of its probe is durable.
    ApplyBeforeDurable,
    /// The journal forgets of unfinished tasks that apply was entered.
    ForgottenApply,
    /// Tasks that failed are passed by when the run is undone.
    FailedNotUndone,
    /// A later task is passed by, and what it came after is undone.
    LaterNotUndone,
    /// Undo begins while something is in flight.
    UndoInFlight,
    /// A retry does not wait for what the last attempt left on the host.
    NoFence,
    /// A cancel is not heard.
    DeafToCancel,
    /// A drain is not heard.
    DeafToDrain,
    /// A failure that is not to be retried is retried.
    RetriedFailure,
    /// A probe that is satisfied counts as drifted.
    LyingProbe,
    /// An attempt begins with apply.
    NoProbe,
    /// An apply that reports success counts as verified.
    NoVerify,
    /// An edge of the plan is lost.
    LostEdge,
    /// One task more than the limit is started.
    OverLimit,
    /// A drain replaces a cancel.
    WeakerStop,
    /// Two tasks are undone at once.
    TwoUndos,
    /// The first task is undone first.
    FirstUndoneFirst,
    /// The run ends while something is in flight.
    EarlyEnd,
    /// A run that changed something says it did not.
    HiddenChange,
    /// A run that failed says it was interrupted.
    HiddenFailure,
}

/// What catches it: a rule, or the machine that refuses the record.
#[derive(Debug, PartialEq, Eq)]
enum Catch {
    By(Rule),
    Refused,
}

const MUTANTS: [(Mutant, &str, Catch); 22] = [
    (Mutant::LatestFacts, "single", Catch::By(Rule::FirstFacts)),
    (Mutant::LostFacts, "single", Catch::By(Rule::ProbeFacts)),
    (Mutant::ApplyBeforeDurable, "single, nothing to restore", Catch::By(Rule::UnchangedOnly)),
    (Mutant::ForgottenApply, "single, nothing to restore", Catch::By(Rule::UnchangedOnly)),
    (Mutant::FailedNotUndone, "single", Catch::By(Rule::EndsUndone)),
    (Mutant::LaterNotUndone, "chain of two", Catch::By(Rule::UndoOrder)),
    (Mutant::UndoInFlight, "side by side", Catch::By(Rule::DrainBeforeUndo)),
    (Mutant::NoFence, "single, abortable", Catch::By(Rule::OneAtATime)),
    (Mutant::DeafToCancel, "chain of two", Catch::By(Rule::NothingAfterCancel)),
    (Mutant::DeafToDrain, "chain of two", Catch::By(Rule::NothingAfterStop)),
    (Mutant::RetriedFailure, "single", Catch::By(Rule::NothingAfterStop)),
    (Mutant::LyingProbe, "single", Catch::By(Rule::RepeatedApply)),
    (Mutant::NoProbe, "single", Catch::By(Rule::ProbeFirst)),
    (Mutant::NoVerify, "single", Catch::By(Rule::EndsDone)),
    (Mutant::LostEdge, "diamond", Catch::By(Rule::DependenciesFirst)),
    (Mutant::OverLimit, "three, two at a time", Catch::By(Rule::Limit)),
    (Mutant::WeakerStop, "single", Catch::Refused),
    (Mutant::TwoUndos, "side by side", Catch::Refused),
    (Mutant::FirstUndoneFirst, "chain of two", Catch::Refused),
    (Mutant::EarlyEnd, "single", Catch::Refused),
    (Mutant::HiddenChange, "single", Catch::Refused),
    (Mutant::HiddenFailure, "single", Catch::Refused),
];

#[test]
fn a_mutant_of_every_rule_is_caught_by_that_rule() {
    for (mutant, name, catch) in &MUTANTS {
        let case = *CASES.iter().find(|case| case.name == *name).expect("the case is there");
        let Err(broken) = explore(&Rig { case, mutant: Some(*mutant), keeps_history: false }) else {
            panic!("the check lets {mutant:?} through")
        };
        let caught = match broken.rule {
            Rule::Illegal(_) => Catch::Refused,
            rule => Catch::By(rule),
        };
        assert_eq!(caught, *catch, "{mutant:?} after {:?}", broken.trace);
    }
    let refused = MUTANTS.iter().filter(|(_, _, catch)| *catch == Catch::Refused).count();
    println!("{} mutants caught, {refused} of them refused by the machine itself", MUTANTS.len());
}

impl Mutant {
    pub(crate) fn without_edge(self) -> Option<usize> {
        (self == Self::LostEdge).then_some(3)
    }

    pub(crate) fn needs_history(self) -> bool {
        self == Self::ForgottenApply
    }

    pub(crate) fn settles(self) -> bool {
        self != Self::NoFence
    }

    pub(crate) fn undo_facts(self, place: &Place, facts: Facts) -> Facts {
        if self == Self::LatestFacts { place.value.facts() } else { facts }
    }

    /// Whether this mutant's driver already applies what a probe in flight is about to ask for.
    pub(crate) fn applies_before_durable(self, place: &Place, case: &Case, task: usize) -> bool {
        self == Self::ApplyBeforeDurable
            && matches!(place.live, Some((Op::Probe, _)))
            && place.value == Value::Start
            && !case.is_checking(task)
    }

    pub(crate) fn on_crash(self, case: &Case, node: &mut Node) {
        if self == Self::ForgottenApply {
            forget_unfinished(case, node);
        }
    }

    /// What becomes of an event between decide and apply.
    pub(crate) fn alter(self, node: &Node, event: Event) -> Vec<Event> {
        match (self, event) {
            (Self::LostFacts, Event::Probed { task, attempt, verdict, summary, .. }) => {
                vec![Event::Probed { task, attempt, verdict, facts: Facts::default(), summary }]
            }
            (Self::FailedNotUndone, event @ Event::StepUndoStarted { task, .. }) => {
                let failed = matches!(node.machine.task_state(task), TaskState::Failed { .. });
                skip_undo(event, failed)
            }
            (Self::LaterNotUndone, event @ Event::StepUndoStarted { task, .. }) => {
                skip_undo(event, task.0 > 0 && node.machine.to_undo().count() > 1)
            }
            (Self::UndoInFlight, Event::Interrupted { stop: Stop::Drain }) => {
                vec![Event::UndoStarted { operator: String::new() }]
            }
            (Self::DeafToCancel, Event::Interrupted { stop: Stop::Cancel })
            | (Self::DeafToDrain, Event::Interrupted { stop: Stop::Drain }) => Vec::new(),
            (Self::RetriedFailure, Event::StepFailed { task, attempt, op, error }) => {
                vec![Event::AttemptFailed { task, attempt, op, error, retry_in_ms: 0 }]
            }
            (Self::LyingProbe, Event::Probed { task, attempt, facts, summary, .. }) => {
                vec![Event::Probed { task, attempt, verdict: Verdict::Drifted, facts, summary }]
            }
            (Self::NoProbe, event @ Event::StepStarted { task, attempt }) => {
                let (verdict, facts) = (Verdict::Drifted, Facts::default());
                vec![event, Event::Probed { task, attempt, verdict, facts, summary: String::new() }]
            }
            (Self::NoVerify, event @ Event::Applied { task, attempt, .. }) => {
                let verified =
                    Event::Verified { task, attempt, facts: Facts::default(), summary: String::new() };
                vec![event, verified]
            }
            (Self::OverLimit, event @ Event::StepStarted { task: TaskId(1), attempt: 1 }) => {
                vec![event, Event::StepStarted { task: TaskId(2), attempt: 1 }]
            }
            (Self::WeakerStop, event @ Event::Interrupted { stop: Stop::Cancel }) => {
                vec![event, Event::Interrupted { stop: Stop::Drain }]
            }
            (Self::TwoUndos, event @ Event::StepUndoStarted { task: TaskId(1), .. }) => {
                let attempt = node.machine.attempt(TaskId(0)) + 1;
                vec![event, Event::StepUndoStarted { task: TaskId(0), attempt }]
            }
            (Self::FirstUndoneFirst, Event::StepUndoStarted { task: TaskId(1), .. }) => {
                let attempt = node.machine.attempt(TaskId(0)) + 1;
                vec![Event::StepUndoStarted { task: TaskId(0), attempt }]
            }
            (Self::EarlyEnd, event @ Event::Interrupted { stop: Stop::Drain }) => {
                vec![event, Event::RunFinished { outcome: Outcome::Interrupted }]
            }
            (Self::HiddenChange, Event::RunFinished { outcome: Outcome::Changed }) => {
                vec![Event::RunFinished { outcome: Outcome::Unchanged }]
            }
            (Self::HiddenFailure, Event::RunFinished { outcome: Outcome::Failed }) => {
                vec![Event::RunFinished { outcome: Outcome::Interrupted }]
            }
            (_, event) => vec![event],
        }
    }
}

fn skip_undo(event: Event, skip: bool) -> Vec<Event> {
    match event {
        Event::StepUndoStarted { task, attempt } if skip => {
            vec![event, Event::Undone { task, attempt, summary: String::new() }]
        }
        event => vec![event],
    }
}

/// Replays the run without the records of tasks that are not done.
fn forget_unfinished(case: &Case, node: &mut Node) {
    let is_done =
        |task: TaskId| matches!(node.machine.task_state(task), TaskState::Unchanged | TaskState::Changed);
    let forwards = matches!(node.machine.run_state(), RunState::Active { direction: Direction::Forward, .. });
    let keeps = |record: &Record| match &record.body {
        Event::RunStarted { .. } => true,
        event => event.task().is_some_and(is_done),
    };
    let history = node.history.iter().flatten().filter(|record| keeps(record)).cloned();
    let history: Vec<Record> = (1..).zip(history).map(|(seq, r)| Record { seq, batch: 1, ..r }).collect();
    if !forwards {
        return;
    }
    if let Some(machine) = replay(case, &history) {
        node.machine = machine;
        node.history = Some(history);
        node.world.places.iter_mut().for_each(|place| place.orphan = None);
    }
}

/// None where a kept record needs one that was forgotten.
fn replay(case: &Case, history: &[Record]) -> Option<Machine> {
    let (mut machine, _) = case.machine(None);
    history.iter().try_for_each(|record| machine.apply(record)).ok()?;
    Some(machine)
}
