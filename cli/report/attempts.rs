//! What ran where and when: every attempt at every task, folded from the records.

use std::collections::BTreeMap;

use certwright_engine::machine::{Event, Op, Record, StepError, Verdict};
use certwright_engine::plan::{Plan, TaskId};
use serde::Serialize;

use crate::human::words::op_name;

/// One attempt at a task.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Attempt {
    /// `stage/step@host`.
    pub(crate) task: String,
    /// The step's stage.
    pub(crate) stage: String,
    /// The step.
    pub(crate) step: String,
    /// Where.
    pub(crate) host: String,
    /// 1 for the first, counting on over resumes.
    #[serde(rename = "attempt")]
    pub(crate) number: u32,
    /// When it began, ms since 1970.
    pub(crate) began_ms: u64,
    /// When it ended; None where the run was cut off in it.
    pub(crate) ended_ms: Option<u64>,
    /// How.
    pub(crate) result: Result,
    /// What it said last.
    pub(crate) summary: Option<String>,
    /// What went wrong.
    pub(crate) failure: Option<Failure>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Result {
    /// It was as wanted.
    Unchanged,
    /// Changed and verified.
    Changed,
    /// It failed, and another attempt followed.
    Retried,
    /// It failed for good.
    Failed,
    /// What the task had changed was restored.
    Undone,
    /// That failed.
    Stuck,
    /// The run was cut off in it.
    CutOff,
}

impl Result {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Stuck => "stuck",
            Self::CutOff => "cut off",
        }
    }
}

/// What went wrong in an attempt.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// In which operation.
    pub(crate) operation: &'static str,
    /// What, and its evidence.
    pub(crate) error: StepError,
    /// How long was waited before the next attempt, ms; None where none followed.
    pub(crate) retry_in_ms: Option<u64>,
}

/// Every attempt of these records.
pub(super) fn of(plan: &Plan, records: &[Record]) -> Vec<Attempt> {
    let mut all: Vec<Attempt> = Vec::new();
    let mut open: BTreeMap<TaskId, usize> = BTreeMap::new();
    for record in records {
        let Some(id) = record.body.task().filter(|id| (id.0 as usize) < plan.tasks.len()) else { continue };
        if let Event::StepStarted { attempt, .. } | Event::StepUndoStarted { attempt, .. } = record.body {
            open.insert(id, all.len());
            all.push(begun(plan, id, attempt, record.wall_ms));
            continue;
        }
        let Some(attempt) = open.get(&id).and_then(|at| all.get_mut(*at)) else { continue };
        if attempt.take(&record.body, record.wall_ms) == Open::No {
            open.remove(&id);
        }
    }
    all
}

fn begun(plan: &Plan, id: TaskId, attempt: u32, at_ms: u64) -> Attempt {
    let step = plan.step(id);
    Attempt {
        task: plan.task_name(id),
        stage: step.stage.clone(),
        step: step.id.clone(),
        host: plan.host(id).name.clone(),
        number: attempt,
        began_ms: at_ms,
        ended_ms: None,
        result: Result::CutOff,
        summary: None,
        failure: None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Still,
    No,
}

impl Attempt {
    fn take(&mut self, event: &Event, at_ms: u64) -> Open {
        match event {
            Event::Probed { verdict, summary, .. } => {
                self.summary = Some(summary.clone());
                if *verdict == Verdict::Drifted {
                    return Open::Still;
                }
                self.end(Result::Unchanged, at_ms)
            }
            Event::Applied { summary, .. } => {
                self.summary = Some(summary.clone());
                Open::Still
            }
            Event::Verified { summary, .. } => {
                self.summary = Some(summary.clone());
                self.end(Result::Changed, at_ms)
            }
            Event::AttemptFailed { op, error, retry_in_ms, .. } => {
                self.fail(*op, error, Some(*retry_in_ms));
                self.end(Result::Retried, at_ms)
            }
            Event::StepFailed { op, error, .. } => {
                self.fail(*op, error, None);
                self.end(Result::Failed, at_ms)
            }
            Event::Undone { summary, .. } => {
                self.summary = Some(summary.clone());
                self.end(Result::Undone, at_ms)
            }
            Event::UndoFailed { error, .. } => {
                self.fail(Op::Undo, error, None);
                self.end(Result::Stuck, at_ms)
            }
            Event::RunStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepUndoStarted { .. }
            | Event::Interrupted { .. }
            | Event::Resumed { .. }
            | Event::UndoStarted { .. }
            | Event::RunFinished { .. } => Open::Still,
        }
    }

    fn fail(&mut self, op: Op, error: &StepError, retry_in_ms: Option<u64>) {
        self.failure = Some(Failure { operation: op_name(op), error: error.clone(), retry_in_ms });
    }

    fn end(&mut self, result: Result, at_ms: u64) -> Open {
        self.result = result;
        self.ended_ms = Some(at_ms);
        Open::No
    }
}
