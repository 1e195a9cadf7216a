//! What can happen in a state of the exploration.

use certwright_engine::machine::{Op, Stop, Verdict};

use crate::node::{Node, Rig};
use crate::shapes::MAX;
use crate::world::{Answer, Effect, Value};

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The operation in flight of a task ends.
    Ends(usize, Answer),
    /// Time passes until the earliest retry is due.
    Clock,
    /// Time passes until every retry is due.
    LongTime,
    /// The operator interrupts; of what is dropped this much happens.
    Interrupt(Stop, [Effect; MAX]),
    /// The process dies: all it knew since its last write is lost, and of what was in flight this much happens
    /// (all of it: the acknowledgement was lost).
    Crash([Effect; MAX]),
    /// A new process goes on.
    Resume,
    /// A new process undoes.
    Undo,
    /// The operator gives up.
    Abandon,
}

impl Rig {
    /// All that can happen in a state.
    pub(crate) fn actions(&self, node: &Node) -> Vec<Action> {
        let (world, mut actions) = (&node.world, Vec::new());
        let run = node.machine.run_state();
        let may_restart = world.restarts < self.case.restarts;
        if !world.alive {
            if may_restart && run.can_resume() {
                actions.push(Action::Resume);
            }
            if may_restart && run.can_undo() {
                actions.push(Action::Undo);
            }
            if run.can_abandon() {
                actions.push(Action::Abandon);
            }
            return actions;
        }
        for (task, place) in world.of(&self.case) {
            if let Some((op, _)) = place.live {
                let answers = self.answers(node, task, op);
                actions.extend(answers.into_iter().map(|answer| Action::Ends(task, answer)));
            }
        }
        if node.machine.deadline().is_some() {
            actions.extend([Action::Clock, Action::LongTime]);
        }
        if world.stop.is_none() {
            actions.push(Action::Interrupt(Stop::Drain, [Effect::None; MAX]));
        }
        if world.stop != Some(Stop::Cancel) {
            let dropped = |task: usize| !self.case.finishes(task);
            let fates = self.fates(node, dropped);
            actions.extend(fates.into_iter().map(|effects| Action::Interrupt(Stop::Cancel, effects)));
        }
        if may_restart {
            actions.extend(self.fates(node, |_| true).into_iter().map(Action::Crash));
        }
        actions
    }

    fn answers(&self, node: &Node, task: usize, op: Op) -> Vec<Answer> {
        let place = &node.world.places[task];
        let faulty = node.world.faults < self.case.faults;
        let is_check = self.case.is_checking(task);
        let mut answers = match op {
            Op::Probe if is_check => vec![Answer::Checked(Verdict::Satisfied)],
            Op::Probe if place.value == Value::Unknown => {
                vec![Answer::Found(Value::Start), Answer::Found(Value::Want)]
            }
            Op::Probe | Op::Apply | Op::Verify | Op::Undo => vec![Answer::Honest],
        };
        if faulty {
            match op {
                Op::Probe if is_check => answers.push(Answer::Checked(Verdict::Drifted)),
                Op::Probe | Op::Verify => {}
                Op::Apply => answers.extend([Answer::Idle, Answer::No(Effect::Half)]),
                Op::Undo => answers.push(Answer::No(Effect::Half)),
            }
            answers.extend([Answer::Lost(Effect::None), Answer::No(Effect::None)]);
            if matches!(op, Op::Apply | Op::Undo) {
                answers.extend([Answer::Lost(Effect::Half), Answer::Lost(Effect::Full)]);
            }
        }
        answers
    }

    /// Every way in which the acts in flight of these tasks may go on when nobody watches them.
    fn fates(&self, node: &Node, which: impl Fn(usize) -> bool) -> Vec<[Effect; MAX]> {
        let mut fates = vec![[Effect::None; MAX]];
        for (task, place) in node.world.of(&self.case).filter(|(task, _)| which(*task)) {
            let acts = matches!(place.live, Some((Op::Apply | Op::Undo, _)));
            let is_loose = self.mutant.is_some_and(|m| m.applies_before_durable(place, &self.case, task));
            if acts || is_loose {
                let base = fates.clone();
                for effect in [Effect::Half, Effect::Full] {
                    fates.extend(base.iter().map(|fate| {
                        let mut fate = *fate;
                        fate[task] = effect;
                        fate
                    }));
                }
            }
        }
        fates
    }
}
