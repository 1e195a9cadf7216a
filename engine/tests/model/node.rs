//! A state of the exploration (machine and world together), and what follows from an action.

use certwright_engine::clock::Mono;
use certwright_engine::machine::{Event, Input, Machine, Op, Outcome, Record, Want};

use crate::actions::Action;
use crate::mutants::Mutant;
use crate::rules::{Rule, check_start, check_state, ensure};
use crate::shapes::{Case, MAX, task_id};
use crate::transitions::Taken;
use crate::world::{Answer, Effect, Value, World};

/// A state.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) machine: Machine,
    pub(crate) world: World,
    /// All records so far, where somebody needs them.
    pub(crate) history: Option<Vec<Record>>,
}

/// What stays the same during an exploration.
pub(crate) struct Rig {
    pub(crate) case: Case,
    pub(crate) mutant: Option<Mutant>,
    /// Whether each state carries all records that led to it.
    pub(crate) keeps_history: bool,
}

impl Rig {
    /// The run has just been recorded.
    pub(crate) fn start(&self, taken: &mut Taken) -> Result<Node, Rule> {
        let (mut machine, record) = self.case.machine(self.mutant.and_then(Mutant::without_edge));
        taken.note(&machine, &record.body);
        machine.apply(&record).map_err(Rule::Illegal)?;
        let keeps = self.mutant.is_some_and(Mutant::needs_history) || self.keeps_history;
        let history = keeps.then(|| vec![record]);
        let mut node = Node { machine, world: World::new(), history };
        self.turn(&mut node, None, Mono(0), taken)?;
        Ok(node)
    }

    /// The state after an action, or the rule it breaks.
    pub(crate) fn step(&self, node: &Node, action: Action, taken: &mut Taken) -> Result<Node, Rule> {
        let mut next = node.clone();
        let machine_deadline = next.machine.deadline().unwrap_or_default();
        match action {
            Action::Ends(task, answer) => {
                let input = end(&mut next, task, answer);
                self.turn(&mut next, Some(input), Mono(0), taken)?;
            }
            Action::Clock => self.turn(&mut next, None, machine_deadline, taken)?,
            Action::LongTime => self.turn(&mut next, None, Mono(u64::MAX), taken)?,
            Action::Interrupt(stop, effects) => {
                next.world.stop = next.world.stop.max(Some(stop));
                self.turn_with(&mut next, Some(Input::Interrupt(stop)), Mono(0), effects, taken)?;
            }
            Action::Crash(effects) => {
                for (task, effect) in effects.into_iter().enumerate().take(self.case.tasks()) {
                    self.loosen(&mut next.world, task, effect);
                    next.world.abort(task, effect);
                }
                next.world.die();
                if let Some(mutant) = self.mutant {
                    mutant.on_crash(&self.case, &mut next);
                }
                return Ok(next);
            }
            Action::Resume => {
                next.world.restart();
                let operator = "model@model".to_owned();
                self.turn(&mut next, Some(Input::Resume { operator }), Mono(0), taken)?;
            }
            Action::Undo => {
                next.world.restart();
                let operator = "model@model".to_owned();
                self.turn(&mut next, Some(Input::Undo { operator }), Mono(0), taken)?;
            }
            Action::Abandon => {
                let operator = "model@model".to_owned();
                self.turn(&mut next, Some(Input::Abandon { operator }), Mono(0), taken)?;
            }
        }
        Ok(next)
    }

    /// A mutant's apply was under way before the probe that asked for it was durable.
    fn loosen(&self, world: &mut World, task: usize, effect: Effect) {
        let is_loose = self.mutant.is_some_and(|m| {
            m.applies_before_durable(&world.places[task], &self.case, task) && effect != Effect::None
        });
        if is_loose {
            let place = &mut world.places[task];
            place.entered = true;
            place.first = Value::Start;
            place.live = place.live.map(|(_, attempt)| (Op::Apply, attempt));
        }
    }

    fn turn(&self, node: &mut Node, input: Option<Input>, now: Mono, taken: &mut Taken) -> Result<(), Rule> {
        self.turn_with(node, input, now, [Effect::None; MAX], taken)
    }

    /// One turn of the driver: decide, make durable, reconcile.
    fn turn_with(
        &self,
        node: &mut Node,
        input: Option<Input>,
        now: Mono,
        effects: [Effect; MAX],
        taken: &mut Taken,
    ) -> Result<(), Rule> {
        let batch = node.machine.batch() + 1;
        if let Some(input) = input {
            self.decide(node, &input, now, batch, taken)?;
        }
        while self.decide(node, &Input::Tick, now, batch, taken)? > 0 {}
        self.reconcile(node, effects)?;
        check_state(&self.case, &node.world, &node.machine)?;
        if node.machine.is_finished() {
            node.world.die();
        }
        Ok(())
    }

    fn decide(
        &self,
        node: &mut Node,
        input: &Input,
        now: Mono,
        batch: u64,
        taken: &mut Taken,
    ) -> Result<usize, Rule> {
        let decided = node.machine.decide(input, now);
        let events = match self.mutant {
            None => decided,
            Some(mutant) => decided.into_iter().flat_map(|event| mutant.alter(node, event)).collect(),
        };
        let count = events.len();
        for body in events {
            self.note(node, &body)?;
            let record = Record { seq: node.machine.seq() + 1, batch, wall_ms: 0, mono: now, body };
            taken.note(&node.machine, &record.body);
            node.machine.apply(&record).map_err(Rule::Illegal)?;
            if let Some(history) = &mut node.history {
                history.push(record);
            }
        }
        Ok(count)
    }

    /// What the world learns from a record.
    fn note(&self, node: &mut Node, event: &Event) -> Result<(), Rule> {
        match event {
            Event::StepFailed { .. } | Event::UndoFailed { .. } => node.world.failed = true,
            Event::UndoStarted { .. } => {
                let quiet = node.world.of(&self.case).all(|(_, place)| place.live.is_none());
                ensure(quiet, Rule::DrainBeforeUndo)?;
            }
            Event::RunFinished { outcome: Outcome::Abandoned }
            | Event::RunStarted { .. }
            | Event::StepStarted { .. }
            | Event::Probed { .. }
            | Event::Applied { .. }
            | Event::Verified { .. }
            | Event::AttemptFailed { .. }
            | Event::Interrupted { .. }
            | Event::Resumed { .. }
            | Event::StepUndoStarted { .. }
            | Event::Undone { .. }
            | Event::RunFinished { .. } => {}
        }
        Ok(())
    }

    /// Starts what is missing and drops what is no longer wanted, as the driver does.
    fn reconcile(&self, node: &mut Node, effects: [Effect; MAX]) -> Result<(), Rule> {
        let Node { machine, world, .. } = node;
        let wants: Vec<Want> = machine.wants().collect();
        for (task, effect) in effects.into_iter().enumerate().take(self.case.tasks()) {
            let live = world.places[task].live;
            let is_wanted =
                wants.iter().any(|w| w.task.0 as usize == task && live == Some((w.op, w.attempt)));
            if !is_wanted {
                world.abort(task, effect);
                if !wants.iter().any(|w| w.task.0 as usize == task) {
                    world.places[task].seen = Value::Unknown;
                }
            }
        }
        let settles = self.mutant.is_none_or(Mutant::settles);
        for want in wants {
            let task = want.task.0 as usize;
            if world.places[task].live.is_some() {
                continue;
            }
            if settles && (want.op == Op::Undo || want.op == Op::Probe && want.attempt > 1) {
                world.places[task].orphan = None;
            }
            if settles && want.op == Op::Undo {
                machine.unsettled().for_each(|task| world.places[task.0 as usize].orphan = None);
            }
            check_start(&self.case, world, machine, want)?;
            self.take_off(machine, world, want)?;
        }
        Ok(())
    }

    fn take_off(&self, machine: &Machine, world: &mut World, want: Want) -> Result<(), Rule> {
        let place = &mut world.places[want.task.0 as usize];
        match want.op {
            Op::Probe => place.seen = Value::Unknown,
            Op::Apply => place.entered = true,
            Op::Verify => {}
            Op::Undo => {
                let facts = machine.facts_for(&want).expect("an undo is told facts").clone();
                let facts = self.mutant.map_or(facts.clone(), |m| m.undo_facts(place, facts));
                ensure(facts == place.first.facts(), Rule::FirstFacts)?;
                place.told(&facts);
            }
        }
        place.live = Some((want.op, want.attempt));
        Ok(())
    }
}

/// The operation in flight of a task ends.
fn end(node: &mut Node, task: usize, answer: Answer) -> Input {
    let (op, attempt) = node.world.places[task].live.expect("what ends is in flight");
    let result = node.world.end(task, answer);
    Input::Ended { task: task_id(task), attempt, op, result }
}
