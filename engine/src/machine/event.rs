//! What becomes durable: events, and the records that hold them.

use serde::{Deserialize, Serialize};

use super::{Facts, Op, Outcome, StepError, Stop, Verdict};
use crate::clock::Mono;
use crate::plan::{Plan, TaskId};

/// What is decided, and becomes durable before anything follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// Record 1: what is to be done.
    RunStarted {
        /// Everything resume needs.
        header: Box<Header>,
    },
    /// An attempt at a task begins; its probe may start.
    StepStarted {
        /// The task.
        task: TaskId,
        /// 1 for the first attempt, counting on over resumes.
        attempt: u32,
    },
    /// A probe answered.
    Probed {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// What it found; Drifted: apply may start.
        verdict: Verdict,
        /// What it saw.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
        /// One line for people.
        summary: String,
    },
    /// An apply is done; verify may start.
    Applied {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// One line for people.
        summary: String,
    },
    /// A verify was satisfied: the task is changed.
    Verified {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// What it saw.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
        /// One line for people.
        summary: String,
    },
    /// An attempt failed and another one follows.
    AttemptFailed {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The operation that failed.
        op: Op,
        /// Why.
        error: StepError,
        /// Delay before the next one, ms.
        retry_in_ms: u64,
    },
    /// An attempt failed and no other one follows: the run stops.
    StepFailed {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The operation that failed.
        op: Op,
        /// Why.
        error: StepError,
    },
    /// The operator interrupted.
    Interrupted {
        /// How hard.
        stop: Stop,
    },
    /// The run goes on in a new process.
    Resumed {
        /// Who took it up.
        operator: String,
    },
    /// From here on the run restores what it changed.
    UndoStarted {
        /// Who asked for it.
        operator: String,
    },
    /// The undo of a task begins.
    StepUndoStarted {
        /// The task.
        task: TaskId,
        /// The attempt, counting on.
        attempt: u32,
    },
    /// A task's change is restored.
    Undone {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// One line for people.
        summary: String,
    },
    /// A task's change could not be restored: a human is needed.
    UndoFailed {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// Why.
        error: StepError,
    },
    /// Nothing is in flight and nothing more will start.
    RunFinished {
        /// How it ended.
        outcome: Outcome,
    },
}

impl Event {
    /// Its name, as the journal has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run-started",
            Self::StepStarted { .. } => "step-started",
            Self::Probed { .. } => "probed",
            Self::Applied { .. } => "applied",
            Self::Verified { .. } => "verified",
            Self::AttemptFailed { .. } => "attempt-failed",
            Self::StepFailed { .. } => "step-failed",
            Self::Interrupted { .. } => "interrupted",
            Self::Resumed { .. } => "resumed",
            Self::UndoStarted { .. } => "undo-started",
            Self::StepUndoStarted { .. } => "step-undo-started",
            Self::Undone { .. } => "undone",
            Self::UndoFailed { .. } => "undo-failed",
            Self::RunFinished { .. } => "run-finished",
        }
    }

    /// The task it speaks of; None for events of the whole run.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::StepStarted { task, .. }
            | Self::Probed { task, .. }
            | Self::Applied { task, .. }
            | Self::Verified { task, .. }
            | Self::AttemptFailed { task, .. }
            | Self::StepFailed { task, .. }
            | Self::StepUndoStarted { task, .. }
            | Self::Undone { task, .. }
            | Self::UndoFailed { task, .. } => Some(*task),
            Self::RunStarted { .. }
            | Self::Interrupted { .. }
            | Self::Resumed { .. }
            | Self::UndoStarted { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}

/// What record 1 holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Major version of the journal's format.
    pub format: u32,
    /// Version of certwright that wrote it.
    pub tool: String,
    /// Id of the run.
    pub run: String,
    /// Seed of the jitter.
    pub seed: u64,
    /// Who started it: `user@workstation`.
    pub operator: String,
    /// Where its hosts are: None for real hosts, the folder of the lab for a rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
    /// Absolute path of the ssh_config that was named for it, to be read before the operator's own; None when none
    /// was. Another one may be named for a later process of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_config: Option<String>,
    /// The resolved plan.
    pub plan: Plan,
}

/// One durable line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// 1, 2, 3, ...: the order of a run.
    pub seq: u64,
    /// The write it was part of, counting from 1.
    pub batch: u64,
    /// Wall clock, ms since 1970: for display only.
    pub wall_ms: u64,
    /// Boot-time clock, ms: comparable within one process only.
    pub mono: Mono,
    /// What was decided.
    pub body: Event,
}
