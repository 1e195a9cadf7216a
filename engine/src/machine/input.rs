//! What comes from outside and what is wanted there: operations, their results, inputs.

use serde::{Deserialize, Serialize};

use super::{Facts, StepError};
use crate::plan::TaskId;

/// The four things a step can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Look, change nothing.
    Probe,
    /// Change.
    Apply,
    /// Look again.
    Verify,
    /// Restore what the first probe saw.
    Undo,
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The world is as the step wants it.
    Satisfied,
    /// It is not.
    Drifted,
}

/// How a run, or a task, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was already as wanted.
    Unchanged,
    /// Something was changed and verified.
    Changed,
    /// Stopped by a failure; resumable.
    Failed,
    /// Stopped by the operator; resumable.
    Interrupted,
    /// What was changed has been restored.
    Undone,
    /// An undo failed: a human is needed.
    Stuck,
    /// Given up by the operator for good.
    Abandoned,
}

/// How hard the operator wants to stop; a weaker reason never replaces a stronger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Start nothing more, let what is in flight finish.
    Drain,
    /// Abort what is in flight, by each kind's policy.
    Cancel,
}

/// What an operation that succeeded says.
#[derive(Debug, Clone, PartialEq)]
pub enum OpResult {
    /// A probe's or a verify's answer (a verify that is not satisfied is an error instead).
    Looked {
        /// What it found.
        verdict: Verdict,
        /// What it saw.
        facts: Facts,
        /// One line for people.
        summary: String,
    },
    /// An apply or an undo is done.
    Acted {
        /// One line for people.
        summary: String,
    },
}

/// What happened outside the machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An operation ended.
    Ended {
        /// The task.
        task: TaskId,
        /// Its attempt; a result of another attempt is ignored.
        attempt: u32,
        /// The operation.
        op: Op,
        /// Its result.
        result: Result<OpResult, StepError>,
    },
    /// Nothing but time: start what is ready, retry what is due, finish what is over. The driver gives it at
    /// the end of every turn until nothing more is decided.
    Tick,
    /// The operator interrupted.
    Interrupt(Stop),
    /// The run was taken up again.
    Resume {
        /// Who did.
        operator: String,
    },
    /// The operator wants everything that was changed restored.
    Undo {
        /// Who does.
        operator: String,
    },
    /// The operator gives the run up for good.
    Abandon {
        /// Who does.
        operator: String,
    },
}

/// An operation that should be in flight now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Want {
    /// The task.
    pub task: TaskId,
    /// Its attempt.
    pub attempt: u32,
    /// The operation.
    pub op: Op,
}
