//! What shows a run, kept from doing harm to it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::machine::Record;
use crate::plan::{Plan, TaskId};

/// What is told of a run: its durable records, and droppable progress. Its failure never stops a run.
pub trait Reporter {
    /// A record became durable; called in order, once for each that this process writes.
    fn record(&mut self, plan: &Plan, record: &Record);

    /// A line about an operation in flight, escaped; some are dropped when there are too many.
    fn progress(&mut self, task: TaskId, line: &str);
}

/// A reporter whose panics go no further.
pub(super) struct Guarded<'a> {
    plan: &'a Plan,
    reporter: &'a mut dyn Reporter,
}

impl<'a> Guarded<'a> {
    pub(super) fn new(plan: &'a Plan, reporter: &'a mut dyn Reporter) -> Self {
        Self { plan, reporter }
    }

    pub(super) fn record(&mut self, record: &Record) {
        // The panic hook has said it already; the next record is tried again.
        drop(catch_unwind(AssertUnwindSafe(|| self.reporter.record(self.plan, record))));
    }

    pub(super) fn progress(&mut self, task: TaskId, line: &str) {
        drop(catch_unwind(AssertUnwindSafe(|| self.reporter.progress(task, line))));
    }
}
