//! What a dry run says of each task.

use certwright_engine::machine::StepError;
use certwright_engine::plan::TaskId;
use certwright_steps::kinds::Warning;

/// What a run would do with one task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// As wanted, and nothing above would change that.
    Unchanged {
        /// What the probe said.
        summary: String,
    },
    /// Not as wanted: the run would change it.
    WillChange {
        /// What the probe said.
        summary: String,
        /// The exact commands, one a line.
        commands: Vec<String>,
    },
    /// Not as wanted, below a change: the run would look again after it, and change it then.
    WillRunAfter {
        /// What the probe said.
        summary: String,
        /// What the kind can tell of the time after the change.
        outlook: Option<String>,
        /// The exact commands, one a line.
        commands: Vec<String>,
    },
    /// As wanted now, but a change above may alter that.
    WillRunIf {
        /// What the probe said.
        summary: String,
        /// What the kind can tell of the time after the change.
        outlook: Option<String>,
        /// The exact commands that it would be then, one a line.
        commands: Vec<String>,
    },
    /// A check that is left for the run.
    WillCheck {
        /// What it says now, where no change stands above it: it fails, and the run would try it again.
        now: Option<String>,
    },
    /// Cannot be seen before the changes above.
    NotYetSeen {
        /// Why.
        why: String,
    },
    /// Its host, or one it asks, does not let us in: told in full at another task.
    NotSeen {
        /// The task at which it is told.
        see: TaskId,
    },
    /// The probe fails, and nothing above would mend it: the run would stop here.
    Fails {
        /// Why.
        error: StepError,
    },
}

impl Finding {
    /// Whether a run may get to act at its task.
    pub(super) fn may_act(&self) -> bool {
        match self {
            Self::WillChange { .. }
            | Self::WillRunAfter { .. }
            | Self::WillRunIf { .. }
            | Self::NotYetSeen { .. } => true,
            Self::Unchanged { .. } | Self::WillCheck { .. } | Self::NotSeen { .. } | Self::Fails { .. } => {
                false
            }
        }
    }

    /// Why the run would stop at its task.
    pub(super) fn failure(&self) -> Option<&StepError> {
        match self {
            Self::Fails { error } => Some(error),
            Self::Unchanged { .. }
            | Self::WillChange { .. }
            | Self::WillRunAfter { .. }
            | Self::WillRunIf { .. }
            | Self::WillCheck { .. }
            | Self::NotYetSeen { .. }
            | Self::NotSeen { .. } => None,
        }
    }
}

/// A task, what a run would do with it, and the changes above it that matter.
#[derive(Debug, Clone)]
pub(crate) struct Foreseen {
    /// The task.
    pub(crate) task: TaskId,
    /// What the run would do.
    pub(crate) finding: Finding,
    /// The nearest tasks above it that would change something.
    pub(crate) after: Vec<TaskId>,
    /// What the operator should know before a run, whatever becomes of the task.
    pub(crate) warnings: Vec<Warning>,
}

/// The whole dry run, in the order of the tasks.
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    /// Every task.
    pub(crate) tasks: Vec<Foreseen>,
}

impl Preview {
    /// The tasks at which a run would stop before it could change anything.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (TaskId, &StepError)> {
        self.tasks.iter().filter_map(|foreseen| Some((foreseen.task, foreseen.finding.failure()?)))
    }

    /// How many tasks would change something for sure.
    pub(crate) fn changes(&self) -> usize {
        self.tasks.iter().filter(|f| matches!(f.finding, Finding::WillChange { .. })).count()
    }

    /// How many tasks are not as wanted, below such a change.
    pub(crate) fn changes_after(&self) -> usize {
        self.tasks.iter().filter(|f| matches!(f.finding, Finding::WillRunAfter { .. })).count()
    }
}
