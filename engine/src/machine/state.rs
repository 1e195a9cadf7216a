//! The states of a run and of a task.
//!
//! A task, forwards (`!` = only when the run is not stopping; otherwise the task goes back to Ready):
//!
//! ```text
//!   Blocked --dependencies done--> Ready --StepStarted!--> Probing
//!   Waiting --StepStarted!--> Probing        (StepStarted of the next attempt, once it is due)
//!
//!   Probing   --Probed{Satisfied}, this run never entered apply on it--> Unchanged
//!             --Probed{Satisfied}, it did--> Verifying
//!             --Probed{Drifted}!--> Applying
//!   Applying  --Applied--> Verifying
//!   Verifying --Verified--> Changed
//!   Probing, Applying, Verifying --AttemptFailed--> Waiting
//!                                --StepFailed-----> Failed
//!                                --Resumed, UndoStarted (their process died); Interrupted{Cancel} (but an apply
//!                                  that its kind wants finished)--> Ready
//!   Waiting, Failed --Resumed--> Ready
//! ```
//!
//! and backwards, for the tasks that entered apply and whose kind can undo, the latest first:
//!
//! ```text
//!   any of the above, UndoPending, UndoWaiting --StepUndoStarted--> Undoing
//!   Undoing --Undone--> Undone
//!           --AttemptFailed--> UndoWaiting
//!           --UndoFailed-----> UndoFailed
//!   Undoing, UndoWaiting, UndoFailed --Resumed, UndoStarted--> UndoPending
//! ```
//!
//! The run:
//!
//! ```text
//!   New --RunStarted--> Active{Forward} --UndoStarted--> Active{Undo}
//!   Active --StepFailed, UndoFailed, Interrupted--> Active, stopping: what is in flight drains
//!   Active --RunFinished--> Finished          once nothing is in flight
//!   Active (its process died), Finished{Failed, Interrupted} --Resumed--> Active, not stopping
//!   Active (its process died), Finished{Changed, Failed, Interrupted, Stuck} --UndoStarted--> Active{Undo}
//!   Active, Finished{Failed, Interrupted, Stuck} --RunFinished{Abandoned}--> Finished
//! ```

use super::{Op, Outcome, Stop};
use crate::clock::Mono;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Nothing is recorded yet.
    New,
    /// It goes on, or its process died.
    Active {
        /// Which way.
        direction: Direction,
        /// Whether it is stopping, and why.
        halt: Halt,
    },
    /// Nothing is in flight and nothing more will start.
    Finished {
        /// Which way it went at the end.
        direction: Direction,
        /// How it ended.
        outcome: Outcome,
    },
}

impl RunState {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Active { halt: Halt { failed: false, stop: None }, direction } => match direction {
                Direction::Forward => "running",
                Direction::Undo => "undoing",
            },
            Self::Active { direction: Direction::Forward, .. } => "stopping",
            Self::Active { direction: Direction::Undo, .. } => "stopping its undo",
            Self::Finished { outcome, .. } => match outcome {
                Outcome::Unchanged => "finished unchanged",
                Outcome::Changed => "finished changed",
                Outcome::Failed => "finished failed",
                Outcome::Interrupted => "finished interrupted",
                Outcome::Undone => "finished undone",
                Outcome::Stuck => "finished stuck",
                Outcome::Abandoned => "finished abandoned",
            },
        }
    }
}

/// What may be asked of a run. One that has not finished counts as one whose process died: whoever asks owns the
/// run, so nothing of it is in flight.
impl RunState {
    /// Whether [`Input::Resume`](super::Input::Resume) is accepted.
    pub fn can_resume(self) -> bool {
        self.accepts(|outcome| match outcome {
            Outcome::Failed | Outcome::Interrupted => true,
            Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Stuck | Outcome::Abandoned => {
                false
            }
        })
    }

    /// Whether [`Input::Undo`](super::Input::Undo) is accepted.
    pub fn can_undo(self) -> bool {
        self.accepts(|outcome| match outcome {
            Outcome::Changed | Outcome::Failed | Outcome::Interrupted | Outcome::Stuck => true,
            Outcome::Unchanged | Outcome::Undone | Outcome::Abandoned => false,
        })
    }

    /// Whether [`Input::Abandon`](super::Input::Abandon) is accepted.
    pub fn can_abandon(self) -> bool {
        self.accepts(|outcome| match outcome {
            Outcome::Failed | Outcome::Interrupted | Outcome::Stuck => true,
            Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Abandoned => false,
        })
    }

    fn accepts(self, finished: impl FnOnce(Outcome) -> bool) -> bool {
        match self {
            Self::New => false,
            Self::Active { .. } => true,
            Self::Finished { outcome, .. } => finished(outcome),
        }
    }
}

/// Which way a run goes; once it undoes, it never goes forwards again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It makes the plan true.
    Forward,
    /// It restores what it changed.
    Undo,
}

/// Why nothing new starts. With both reasons, the failure names the outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Halt {
    /// A task failed for good.
    pub failed: bool,
    /// The operator interrupted, this hard.
    pub stop: Option<Stop>,
}

impl Halt {
    /// True when there is a reason.
    pub fn is_set(self) -> bool {
        self.failed || self.stop.is_some()
    }
}

/// Where a task stands, for those who show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It waits for other tasks.
    Blocked {
        /// How many of them are not done.
        unmet: u32,
    },
    /// It may start (again).
    Ready,
    /// Its probe is in flight.
    Probing {
        /// The attempt, counting from 1 over the whole run.
        attempt: u32,
    },
    /// Its apply is in flight.
    Applying {
        /// The attempt.
        attempt: u32,
    },
    /// Its verify is in flight.
    Verifying {
        /// The attempt.
        attempt: u32,
    },
    /// An attempt failed and the next one is due at a time.
    Waiting {
        /// The attempt that failed.
        attempt: u32,
        /// When the next one is due; means something only in the process that decided it.
        retry_at: Mono,
    },
    /// It failed for good, until the run is resumed.
    Failed {
        /// The attempt that failed.
        attempt: u32,
    },
    /// Done: it was already as wanted and this run never entered apply on it.
    Unchanged,
    /// Done: this run entered apply on it, and it was verified.
    Changed,
    /// Its undo was begun and will be tried again.
    UndoPending,
    /// Its undo is in flight.
    Undoing {
        /// The attempt.
        attempt: u32,
    },
    /// Its undo failed and is tried again at a time.
    UndoWaiting {
        /// The attempt that failed.
        attempt: u32,
        /// When the next one is due; means something only in the process that decided it.
        retry_at: Mono,
    },
    /// Its undo failed for good: a human is needed.
    UndoFailed {
        /// The attempt that failed.
        attempt: u32,
    },
    /// What it changed is restored.
    Undone,
}

/// The same in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Phase {
    Blocked,
    Ready,
    Probing,
    Applying,
    Verifying,
    Waiting,
    Failed,
    Unchanged,
    Changed,
    UndoPending,
    Undoing,
    UndoWaiting,
    UndoFailed,
    Undone,
}

impl Phase {
    /// The operation in flight.
    pub(super) fn op(self) -> Option<Op> {
        match self {
            Self::Probing => Some(Op::Probe),
            Self::Applying => Some(Op::Apply),
            Self::Verifying => Some(Op::Verify),
            Self::Undoing => Some(Op::Undo),
            Self::Blocked
            | Self::Ready
            | Self::Waiting
            | Self::Failed
            | Self::Unchanged
            | Self::Changed
            | Self::UndoPending
            | Self::UndoWaiting
            | Self::UndoFailed
            | Self::Undone => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Probing => "probing",
            Self::Applying => "applying",
            Self::Verifying => "verifying",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::UndoPending => "undo pending",
            Self::Undoing => "undoing",
            Self::UndoWaiting => "undo waiting",
            Self::UndoFailed => "undo failed",
            Self::Undone => "undone",
        }
    }
}
