//! A record that does not fit the state: a damaged or hostile journal, or one of a later format.

use crate::plan::TaskId;

/// A record that cannot follow those before it. The machine is as it was before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} does not follow from those before it: `{event}`{} while {state}", of(*task))]
pub struct IllegalTransition {
    /// Sequence number of the record.
    pub seq: u64,
    /// Name of its event.
    pub event: &'static str,
    /// The task it speaks of.
    pub task: Option<TaskId>,
    /// The state it met: that of the task, of the run or of the numbering.
    pub state: String,
}

fn of(task: Option<TaskId>) -> String {
    task.map_or(String::new(), |task| format!(" of task {}", task.0))
}
