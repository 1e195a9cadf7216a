//! What really is on the hosts, whatever the machine believes: values, operations in flight, and what the
//! rules need to remember of the past.

use certwright_engine::machine::{Facts, Op, OpResult, StepError, Stop, Verdict};
use certwright_engine::plan::ErrorClass;

use crate::shapes::{Case, MAX};

/// What a host holds of a task; also what a probe's facts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Value {
    /// Nobody has looked yet.
    Unknown,
    /// As it was before the run, which is not as wanted.
    Start,
    /// Half-changed or half-restored.
    Half,
    /// As wanted.
    Want,
}

impl Value {
    /// What a probe that sees this value says.
    pub(crate) fn facts(self) -> Facts {
        Facts::new(self as u8)
    }

    fn from_facts(facts: &Facts) -> Option<Self> {
        [Self::Unknown, Self::Start, Self::Half, Self::Want].into_iter().find(|v| v.facts() == *facts)
    }
}

/// How much of an apply or undo happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    None,
    Half,
    Full,
}

/// How an operation in flight ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As it should: looks tell the truth, acts have their effect.
    Honest,
    /// The first look at a task finds this.
    Found(Value),
    /// A check finds this.
    Checked(Verdict),
    /// Success is reported and nothing was done.
    Idle,
    /// The result is lost (class `unknown`, retried); what acts may still be going on.
    Lost(Effect),
    /// It says no (`denied` for looks, `refused` for acts; neither is retried).
    No(Effect),
}

/// A task on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) value: Value,
    /// What the first probe of this run saw.
    pub(crate) first: Value,
    /// What the probe of this attempt saw; for an undo, what it was told.
    pub(crate) seen: Value,
    /// The operation in flight of this process, with its attempt.
    pub(crate) live: Option<(Op, u32)>,
    /// An act that nobody watches any more and that may still be going on.
    pub(crate) orphan: Option<Op>,
    /// An apply of this run was started.
    pub(crate) entered: bool,
    /// An undo of this run succeeded.
    pub(crate) undone: bool,
    /// The last check was satisfied.
    pub(crate) passed: bool,
}

/// All hosts, and the process beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) places: [Place; MAX],
    /// A process owns the run.
    pub(crate) alive: bool,
    /// What the operator asked this process for.
    pub(crate) stop: Option<Stop>,
    /// A failure that is not to be retried met this process.
    pub(crate) failed: bool,
    /// Faults injected so far.
    pub(crate) faults: u8,
    /// Resumes and undos so far.
    pub(crate) restarts: u8,
}

impl World {
    pub(crate) fn new() -> Self {
        let place = Place {
            value: Value::Unknown,
            first: Value::Unknown,
            seen: Value::Unknown,
            live: None,
            orphan: None,
            entered: false,
            undone: false,
            passed: false,
        };
        Self { places: [place; MAX], alive: true, stop: None, failed: false, faults: 0, restarts: 0 }
    }

    /// Ends the operation in flight of a task.
    pub(crate) fn end(&mut self, task: usize, answer: Answer) -> Result<OpResult, StepError> {
        let place = &mut self.places[task];
        let (op, _) = place.live.take().expect("an operation is in flight");
        let acts = matches!(op, Op::Apply | Op::Undo);
        match answer {
            Answer::Lost(effect) => {
                self.faults += 1;
                place.suffer(op, effect);
                place.orphan = acts.then_some(op);
                Err(StepError::new(ErrorClass::Unknown, "lost"))
            }
            Answer::No(effect) => {
                self.faults += 1;
                self.failed = true;
                place.suffer(op, effect);
                let class = if acts { ErrorClass::Refused } else { ErrorClass::Denied };
                Err(StepError::new(class, "no"))
            }
            Answer::Idle => {
                self.faults += 1;
                Ok(OpResult::Acted { summary: String::new() })
            }
            Answer::Found(value) => {
                place.value = value;
                Ok(place.look(op))
            }
            Answer::Checked(verdict) => {
                place.passed = verdict == Verdict::Satisfied;
                self.faults += u8::from(!place.passed);
                Ok(OpResult::Looked { verdict, facts: Facts::default(), summary: String::new() })
            }
            Answer::Honest if acts => {
                place.suffer(op, Effect::Full);
                place.undone |= op == Op::Undo;
                Ok(OpResult::Acted { summary: String::new() })
            }
            Answer::Honest => Ok(place.look(op)),
        }
    }

    /// The process stops watching an operation, of which this much happens all the same.
    pub(crate) fn abort(&mut self, task: usize, effect: Effect) {
        let place = &mut self.places[task];
        let Some((op, _)) = place.live.take() else { return };
        if matches!(op, Op::Apply | Op::Undo) {
            place.suffer(op, effect);
            place.orphan = Some(op);
        }
    }

    /// Ends this process.
    pub(crate) fn die(&mut self) {
        self.alive = false;
        self.stop = None;
        self.failed = false;
    }

    /// A new process takes over.
    pub(crate) fn restart(&mut self) {
        self.alive = true;
        self.restarts += 1;
    }

    /// The value of each task that matters at the end: those of the case.
    pub(crate) fn of<'a>(&'a self, case: &Case) -> impl Iterator<Item = (usize, &'a Place)> + use<'a> {
        self.places[..case.tasks()].iter().enumerate()
    }
}

impl Place {
    fn look(&mut self, op: Op) -> OpResult {
        if op == Op::Probe {
            self.seen = self.value;
            if self.first == Value::Unknown {
                self.first = self.value;
            }
        }
        let verdict = if self.value == Value::Want { Verdict::Satisfied } else { Verdict::Drifted };
        OpResult::Looked { verdict, facts: self.value.facts(), summary: String::new() }
    }

    /// This much of an act happens.
    fn suffer(&mut self, op: Op, effect: Effect) {
        let target = match op {
            Op::Apply => Value::Want,
            Op::Undo => self.seen,
            Op::Probe | Op::Verify => return,
        };
        self.value = match effect {
            Effect::None => self.value,
            Effect::Half => Value::Half,
            Effect::Full => target,
        };
    }

    /// What the facts of an undo make it restore.
    pub(crate) fn told(&mut self, facts: &Facts) {
        self.seen = Value::from_facts(facts).unwrap_or(Value::Half);
    }
}
