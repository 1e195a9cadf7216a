//! What follows from what happened, given the state: pure, and the only place where the rules of a run are
//! chosen. `apply.rs` refuses what these rules would never decide.

use super::state::Phase;
use super::{Direction, Event, Input, Machine, Op, OpResult, Outcome, StepError, Verdict, Want};
use crate::clock::Mono;
use crate::plan::{ErrorClass, Nature, TaskId};

impl Machine {
    /// What is decided. The events are to be applied in order before anything else is decided.
    ///
    /// An input that means nothing in this state (the result of another attempt or of an operation that is no
    /// longer wanted, a weaker interrupt, a resume of what is over) decides nothing.
    ///
    /// # Panics
    /// When a probe or verify answers as if it had acted, or the reverse: a bug of the driver.
    pub fn decide(&self, input: &Input, now: Mono) -> Vec<Event> {
        match input {
            Input::Ended { task, attempt, op, result } => {
                let want = Want { task: *task, attempt: *attempt, op: *op };
                if self.active().is_none() || !self.is_wanted(&want) {
                    return Vec::new();
                }
                match result {
                    Ok(result) => self.succeeded(want, result, now),
                    Err(error) => vec![self.failed(want, error.clone(), now)],
                }
            }
            Input::Tick => self.tick(now),
            Input::Interrupt(stop) => {
                let stronger = self.active().is_some_and(|(_, halt)| halt.stop < Some(*stop));
                event_if(stronger, || Event::Interrupted { stop: *stop })
            }
            Input::Resume { operator } => {
                event_if(self.run.can_resume(), || Event::Resumed { operator: operator.clone() })
            }
            Input::Undo { operator } => {
                event_if(self.run.can_undo(), || Event::UndoStarted { operator: operator.clone() })
            }
            Input::Abandon { .. } => {
                event_if(self.run.can_abandon(), || Event::RunFinished { outcome: Outcome::Abandoned })
            }
        }
    }

    fn succeeded(&self, want: Want, result: &OpResult, now: Mono) -> Vec<Event> {
        let Want { task, attempt, op } = want;
        let event = match (op, result) {
            (Op::Probe, OpResult::Looked { verdict, facts, summary }) => {
                if *verdict == Verdict::Drifted && self.shape.policy(task).nature == Nature::Checking {
                    return vec![self.failed(want, unsatisfied(summary), now)];
                }
                let (verdict, facts, summary) = (*verdict, facts.clone(), summary.clone());
                Event::Probed { task, attempt, verdict, facts, summary }
            }
            (Op::Verify, OpResult::Looked { verdict: Verdict::Satisfied, facts, summary }) => {
                Event::Verified { task, attempt, facts: facts.clone(), summary: summary.clone() }
            }
            (Op::Verify, OpResult::Looked { verdict: Verdict::Drifted, summary, .. }) => {
                self.failed(want, unsatisfied(summary), now)
            }
            (Op::Apply, OpResult::Acted { summary }) => {
                Event::Applied { task, attempt, summary: summary.clone() }
            }
            (Op::Undo, OpResult::Acted { summary }) => {
                Event::Undone { task, attempt, summary: summary.clone() }
            }
            (Op::Probe | Op::Verify, OpResult::Acted { .. }) => panic!("a look answers with what it saw"),
            (Op::Apply | Op::Undo, OpResult::Looked { .. }) => panic!("an act answers with what it did"),
        };
        vec![event]
    }

    /// In a run that is stopping the decision is the same: the retry then belongs to whoever resumes, and an
    /// interrupt does not turn a passing failure into a failed run.
    fn failed(&self, want: Want, error: StepError, now: Mono) -> Event {
        let Want { task, attempt, op } = want;
        let budget = self.budgets.get(&task).expect("a task in flight has a budget");
        let elapsed_ms = now.since(budget.since);
        match self.shape.retry_in_ms(task, attempt, budget.used, elapsed_ms, error.class) {
            Some(retry_in_ms) => Event::AttemptFailed { task, attempt, op, error, retry_in_ms },
            None => match op {
                Op::Probe | Op::Apply | Op::Verify => Event::StepFailed { task, attempt, op, error },
                Op::Undo => Event::UndoFailed { task, attempt, error },
            },
        }
    }

    fn tick(&self, now: Mono) -> Vec<Event> {
        if let Some(outcome) = self.due_outcome() {
            return vec![Event::RunFinished { outcome }];
        }
        match self.active() {
            Some((direction, halt)) if !halt.is_set() => match direction {
                Direction::Forward => self.start_steps(now),
                Direction::Undo => self.start_undo(now),
            },
            Some(_) | None => Vec::new(),
        }
    }

    /// Retries that are due come first, then what is ready, in the order of the plan.
    fn start_steps(&self, now: Mono) -> Vec<Event> {
        let free = self.shape.limit().saturating_sub(self.in_flight.len());
        let due = self.waiting.iter().take_while(|(at, _)| *at <= now).map(|(_, task)| *task);
        due.chain(self.ready.iter())
            .take(free)
            .map(|task| Event::StepStarted { task, attempt: self.next_attempt(task) })
            .collect()
    }

    /// One task at a time, the last one first.
    fn start_undo(&self, now: Mono) -> Vec<Event> {
        let Some(task) = self.next_undo().filter(|_| self.in_flight.is_empty()) else { return Vec::new() };
        let waits = self.slot(task).phase == Phase::UndoWaiting && self.budgets[&task].retry_at > now;
        event_if(!waits, || Event::StepUndoStarted { task, attempt: self.next_attempt(task) })
    }

    fn next_attempt(&self, task: TaskId) -> u32 {
        self.slot(task).attempt.checked_add(1).expect("a run has less than 2^32 attempts at a task")
    }
}

fn unsatisfied(summary: &str) -> StepError {
    StepError::new(ErrorClass::Unsatisfied, summary)
}

fn event_if(condition: bool, event: impl FnOnce() -> Event) -> Vec<Event> {
    condition.then(event).into_iter().collect()
}
