//! The only mutation: what a record does to a run. The charts are in `state.rs`.
//!
//! A record that does not fit is refused before anything is touched. Whatever `decide.rs` decides fits; a
//! journal may hold anything.

use super::state::Phase;
use super::{
    Direction, Event, Facts, Halt, IllegalTransition, Machine, Op, Outcome, Record, RunState, StepError,
    Stop, Verdict, Want,
};
use crate::clock::Mono;
use crate::plan::{Nature, TaskId};

impl Machine {
    /// Takes a record in.
    ///
    /// # Errors
    /// When the record does not follow from those before it; the machine is then as it was.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalTransition> {
        let in_order = record.seq == self.seq + 1
            && (record.batch == self.batch && self.batch > 0 || record.batch == self.batch + 1);
        if !in_order {
            let state = format!("record {} of batch {} was the last", self.seq, self.batch);
            return Err(Self::illegal(record, state));
        }
        if self.transition(&record.body, record.mono).is_none() {
            let state = match record.body.task() {
                Some(task) => self.describe(task),
                None => format!("the run is {}", self.run.name()),
            };
            return Err(Self::illegal(record, state));
        }
        self.seq = record.seq;
        self.batch = record.batch;
        Ok(())
    }

    fn illegal(record: &Record, state: String) -> IllegalTransition {
        IllegalTransition { seq: record.seq, event: record.body.name(), task: record.body.task(), state }
    }

    fn describe(&self, task: TaskId) -> String {
        match self.tasks.get(task.0 as usize) {
            None => format!("the plan has {} tasks", self.tasks.len()),
            Some(slot) => {
                let (phase, run) = (slot.phase.name(), self.run.name());
                format!("it is {phase}, attempt {}, in a run that is {run}", slot.attempt)
            }
        }
    }

    /// None when the event does not fit; nothing is touched then.
    fn transition(&mut self, event: &Event, at: Mono) -> Option<()> {
        match event {
            Event::RunStarted { header } => self.on_run_started(header.plan.tasks.len()),
            Event::StepStarted { task, attempt } => self.on_step_started(*task, *attempt, at),
            Event::Probed { task, attempt, verdict, facts, .. } => {
                self.on_probed(*task, *attempt, *verdict, facts)
            }
            Event::Applied { task, attempt, .. } => self.on_applied(*task, *attempt),
            Event::Verified { task, attempt, .. } => self.on_verified(*task, *attempt),
            Event::AttemptFailed { task, attempt, op, error, retry_in_ms } => {
                self.on_attempt_failed(*task, *attempt, *op, error, at.plus(*retry_in_ms))
            }
            Event::StepFailed { task, attempt, op, error } => {
                self.on_step_failed(*task, *attempt, *op, error)
            }
            Event::Interrupted { stop } => self.on_interrupted(*stop),
            Event::Resumed { .. } => self.on_resumed(),
            Event::UndoStarted { .. } => self.on_undo_started(),
            Event::StepUndoStarted { task, attempt } => self.on_step_undo_started(*task, *attempt, at),
            Event::Undone { task, attempt, .. } => self.on_undone(*task, *attempt),
            Event::UndoFailed { task, attempt, error } => self.on_undo_failed(*task, *attempt, error),
            Event::RunFinished { outcome } => self.on_run_finished(*outcome),
        }
    }

    fn on_run_started(&mut self, tasks: usize) -> Option<()> {
        fits(self.run == RunState::New && tasks == self.tasks.len())?;
        self.run = RunState::Active { direction: Direction::Forward, halt: Halt::default() };
        Some(())
    }

    fn on_step_started(&mut self, task: TaskId, attempt: u32, at: Mono) -> Option<()> {
        self.starting(Direction::Forward)?;
        let slot = self.tasks.get_mut(task.0 as usize)?;
        fits(matches!(slot.phase, Phase::Ready | Phase::Waiting))?;
        fits(Some(attempt) == slot.attempt.checked_add(1))?;
        slot.attempt = attempt;
        slot.phase = Phase::Probing;
        self.ready.remove(task);
        self.spend(task, at);
        Some(())
    }

    fn on_probed(&mut self, task: TaskId, attempt: u32, verdict: Verdict, facts: &Facts) -> Option<()> {
        let (_, halt) = self.in_flight(task, attempt, Op::Probe)?;
        let entered = self.slot(task).entered_apply;
        match verdict {
            Verdict::Satisfied if !entered => self.finish(task, Phase::Unchanged),
            Verdict::Satisfied => {
                self.keep_facts(task, facts);
                self.tasks[task.0 as usize].phase = Phase::Verifying;
            }
            Verdict::Drifted => {
                fits(self.shape.policy(task).nature == Nature::Acting)?;
                self.keep_facts(task, facts);
                if halt.is_set() {
                    self.reopen(task);
                } else {
                    let slot = &mut self.tasks[task.0 as usize];
                    slot.phase = Phase::Applying;
                    slot.entered_apply = true;
                    if self.is_restorable(task) {
                        self.to_undo.insert(task);
                    }
                }
            }
        }
        self.unsettled.remove(task);
        Some(())
    }

    fn on_applied(&mut self, task: TaskId, attempt: u32) -> Option<()> {
        self.in_flight(task, attempt, Op::Apply)?;
        self.tasks[task.0 as usize].phase = Phase::Verifying;
        Some(())
    }

    fn on_verified(&mut self, task: TaskId, attempt: u32) -> Option<()> {
        self.in_flight(task, attempt, Op::Verify)?;
        self.finish(task, Phase::Changed);
        Some(())
    }

    fn on_attempt_failed(
        &mut self,
        task: TaskId,
        attempt: u32,
        op: Op,
        error: &StepError,
        retry_at: Mono,
    ) -> Option<()> {
        self.in_flight(task, attempt, op)?;
        self.note_end(task, op, error.class);
        let waiting = match op {
            Op::Probe | Op::Apply | Op::Verify => Phase::Waiting,
            Op::Undo => Phase::UndoWaiting,
        };
        let budget = self.budgets.get_mut(&task).expect("a task in flight has a budget");
        budget.retry_at = retry_at;
        self.waiting.insert((retry_at, task));
        self.land(task, waiting);
        Some(())
    }

    fn on_step_failed(&mut self, task: TaskId, attempt: u32, op: Op, error: &StepError) -> Option<()> {
        fits(op != Op::Undo)?;
        let (direction, halt) = self.in_flight(task, attempt, op)?;
        self.note_end(task, op, error.class);
        self.budgets.remove(&task);
        self.land(task, Phase::Failed);
        self.failed.insert(task);
        self.run = RunState::Active { direction, halt: Halt { failed: true, ..halt } };
        Some(())
    }

    fn on_interrupted(&mut self, stop: Stop) -> Option<()> {
        let (direction, halt) = self.active()?;
        fits(halt.stop < Some(stop))?;
        self.run = RunState::Active { direction, halt: Halt { stop: Some(stop), ..halt } };
        match stop {
            Stop::Drain => {}
            Stop::Cancel => {
                let all: Vec<TaskId> = self.in_flight.iter().collect();
                for task in all.into_iter().filter(|task| !self.outlives_cancel(*task)).collect::<Vec<_>>() {
                    self.drop_flight(task);
                }
            }
        }
        Some(())
    }

    fn on_resumed(&mut self) -> Option<()> {
        fits(self.run.can_resume())?;
        let direction = match self.run {
            RunState::New => return None,
            RunState::Active { direction, .. } | RunState::Finished { direction, .. } => direction,
        };
        self.restart(direction);
        Some(())
    }

    fn on_undo_started(&mut self) -> Option<()> {
        fits(self.run.can_undo())?;
        self.restart(Direction::Undo);
        Some(())
    }

    fn on_step_undo_started(&mut self, task: TaskId, attempt: u32, at: Mono) -> Option<()> {
        self.starting(Direction::Undo)?;
        fits(self.in_flight.is_empty() && self.next_undo() == Some(task))?;
        let slot = &mut self.tasks[task.0 as usize];
        fits(slot.phase != Phase::UndoFailed && Some(attempt) == slot.attempt.checked_add(1))?;
        slot.attempt = attempt;
        slot.phase = Phase::Undoing;
        self.ready.remove(task);
        self.failed.remove(task);
        self.spend(task, at);
        Some(())
    }

    fn on_undone(&mut self, task: TaskId, attempt: u32) -> Option<()> {
        self.in_flight(task, attempt, Op::Undo)?;
        self.budgets.remove(&task);
        self.land(task, Phase::Undone);
        self.to_undo.remove(task);
        self.unsettled.remove(task);
        self.first_facts.remove(&task);
        Some(())
    }

    fn on_undo_failed(&mut self, task: TaskId, attempt: u32, error: &StepError) -> Option<()> {
        let (direction, halt) = self.in_flight(task, attempt, Op::Undo)?;
        self.note_end(task, Op::Undo, error.class);
        self.budgets.remove(&task);
        self.land(task, Phase::UndoFailed);
        self.run = RunState::Active { direction, halt: Halt { failed: true, ..halt } };
        Some(())
    }

    fn on_run_finished(&mut self, outcome: Outcome) -> Option<()> {
        match outcome {
            Outcome::Abandoned => fits(self.run.can_abandon())?,
            Outcome::Unchanged
            | Outcome::Changed
            | Outcome::Failed
            | Outcome::Interrupted
            | Outcome::Undone
            | Outcome::Stuck => fits(self.due_outcome() == Some(outcome))?,
        }
        let direction = match self.run {
            RunState::New => return None,
            RunState::Active { direction, .. } | RunState::Finished { direction, .. } => direction,
        };
        self.drop_all_flights();
        self.run = RunState::Finished { direction, outcome };
        Some(())
    }

    /// Fits when the run goes that way and is not stopping.
    fn starting(&self, wanted: Direction) -> Option<()> {
        let (direction, halt) = self.active()?;
        fits(direction == wanted && !halt.is_set())
    }

    /// Fits when exactly that is in flight.
    fn in_flight(&self, task: TaskId, attempt: u32, op: Op) -> Option<(Direction, Halt)> {
        fits(self.is_wanted(&Want { task, attempt, op }))?;
        self.active()
    }
}

fn fits(condition: bool) -> Option<()> {
    condition.then_some(())
}
