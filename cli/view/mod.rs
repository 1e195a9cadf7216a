//! What is shown of a run: a pure fold of its records.
//!
//! A run that crashed, one that is finished and one that another process owns look the same, since nothing
//! but records goes in. Deliberately absent: decisions (the machine's), text (the renderers') and clocks.

mod certificates;
mod task;

#[cfg(test)]
mod tests;

pub(crate) use certificates::Change;
pub(crate) use task::{Phase, TaskView, Trouble};

use certificates::Certificates;
use certwright_engine::machine::{Event, Header, Op, Outcome, Record, Stop, Verdict};
use certwright_engine::plan::{CancelPolicy, Plan, TaskId, UndoSupport};

/// A run as its records tell it so far.
#[derive(Debug, Clone)]
pub(crate) struct RunView {
    /// What record 1 said.
    pub(crate) header: Header,
    /// Every task, by its id.
    pub(crate) tasks: Vec<TaskView>,
    /// Wall clock of the first record, ms since 1970.
    pub(crate) started_ms: u64,
    /// Wall clock of the newest record, ms since 1970.
    pub(crate) latest_ms: u64,
    /// Number of the newest record.
    pub(crate) records: u64,
    /// Every certificate that was seen.
    certificates: Certificates,
    /// How the run ended, when it has.
    pub(crate) outcome: Option<Outcome>,
    /// How hard the operator wants to stop.
    pub(crate) stop: Option<Stop>,
    /// Whether a task failed for good since the run was last taken up.
    failed: bool,
    /// Whether the run is restoring what it changed.
    pub(crate) undoing: bool,
    /// How often it was taken up again.
    pub(crate) resumes: u32,
    /// Time in which some process owned it, ms.
    worked_ms: u64,
}

/// How many tasks are in each state, in the order in which people read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub(crate) struct Counts {
    /// Verified after a change.
    pub(crate) changed: usize,
    /// As wanted from the start.
    pub(crate) unchanged: usize,
    /// Failed for good.
    pub(crate) failed: usize,
    /// Restored.
    pub(crate) undone: usize,
    /// Their undo failed.
    pub(crate) stuck: usize,
    /// Begun and without an end.
    pub(crate) unfinished: usize,
    /// Never begun.
    pub(crate) waiting: usize,
}

impl RunView {
    /// The view after record 1; None when it is not a [`Event::RunStarted`].
    pub(crate) fn begin(first: &Record) -> Option<Self> {
        let Event::RunStarted { header } = &first.body else { return None };
        Some(Self {
            tasks: header.plan.tasks.iter().map(|_| TaskView::default()).collect(),
            header: (**header).clone(),
            started_ms: first.wall_ms,
            latest_ms: first.wall_ms,
            records: first.seq,
            certificates: Certificates::default(),
            outcome: None,
            stop: None,
            failed: false,
            undoing: false,
            resumes: 0,
            worked_ms: 0,
        })
    }

    /// The plan of the run.
    pub(crate) fn plan(&self) -> &Plan {
        &self.header.plan
    }

    /// Time in which the run was worked at, ms: without the pauses between a crash and a resume.
    pub(crate) fn worked_ms(&self) -> u64 {
        self.worked_ms
    }

    /// Takes the next record in.
    pub(crate) fn apply(&mut self, record: &Record) {
        let begins = matches!(record.body, Event::Resumed { .. } | Event::UndoStarted { .. });
        if !begins {
            self.worked_ms += record.wall_ms.saturating_sub(self.latest_ms);
        }
        self.latest_ms = record.wall_ms;
        self.records = record.seq;
        match &record.body {
            Event::RunStarted { .. } => {}
            Event::Interrupted { stop } => {
                self.stop = self.stop.max(Some(*stop));
                if *stop == Stop::Cancel {
                    self.cancel();
                }
            }
            Event::Resumed { .. } => {
                self.resumes += 1;
                self.take_up();
            }
            Event::UndoStarted { .. } => {
                self.undoing = true;
                self.take_up();
            }
            Event::RunFinished { outcome } => {
                self.outcome = Some(*outcome);
                for task in &mut self.tasks {
                    task.land();
                }
            }
            Event::StepStarted { .. }
            | Event::Probed { .. }
            | Event::Applied { .. }
            | Event::Verified { .. }
            | Event::AttemptFailed { .. }
            | Event::StepFailed { .. }
            | Event::StepUndoStarted { .. }
            | Event::Undone { .. }
            | Event::UndoFailed { .. } => self.apply_to_task(record),
        }
    }

    /// A new process begins: what was in flight is not any more.
    fn take_up(&mut self) {
        self.outcome = None;
        self.stop = None;
        self.failed = false;
        for task in &mut self.tasks {
            task.reopen();
        }
    }

    /// What is in flight is dropped, but for acts that their kind wants finished.
    fn cancel(&mut self) {
        for (id, task) in self.header.plan.task_ids().zip(&mut self.tasks) {
            let finishes = self.header.plan.step(id).cancel == CancelPolicy::Finish
                && matches!(task.phase, Phase::Running(Op::Apply | Op::Undo));
            if !finishes {
                task.land();
            }
        }
    }

    fn apply_to_task(&mut self, record: &Record) {
        let Some(id) = record.body.task() else { return };
        let Some(host) = self.header.plan.tasks.get(id.0 as usize).map(|task| task.host) else { return };
        // Nothing begins to act in a run that stops: the machine's rule.
        let stops = self.failed || self.stop.is_some();
        let task = &mut self.tasks[id.0 as usize];
        match &record.body {
            Event::StepStarted { attempt, .. } => task.enter(*attempt, Phase::Running(Op::Probe), record),
            Event::Probed { attempt, verdict, facts, summary, .. } => {
                task.first.get_or_insert_with(|| facts.clone());
                self.certificates.saw(host, facts);
                let acts = *verdict == Verdict::Drifted && !stops;
                if acts {
                    self.certificates.begin_change(host, facts);
                }
                task.summary = Some(summary.clone());
                let phase = match (verdict, task.acted) {
                    (Verdict::Drifted, _) if stops => Phase::Unfinished,
                    (Verdict::Drifted, _) => Phase::Running(Op::Apply),
                    (Verdict::Satisfied, false) => Phase::Unchanged,
                    (Verdict::Satisfied, true) => Phase::Running(Op::Verify),
                };
                task.acted |= acts;
                task.enter(*attempt, phase, record);
            }
            Event::Applied { attempt, summary, .. } => {
                task.summary = Some(summary.clone());
                task.enter(*attempt, Phase::Running(Op::Verify), record);
            }
            Event::Verified { attempt, facts, summary, .. } => {
                self.certificates.saw(host, facts);
                task.summary = Some(summary.clone());
                task.enter(*attempt, Phase::Changed, record);
            }
            Event::AttemptFailed { attempt, op, error, retry_in_ms, .. } => {
                task.retries += 1;
                task.trouble = Some(Trouble { attempt: *attempt, op: *op, error: error.clone() });
                task.enter(*attempt, Phase::Retrying { due_ms: record.wall_ms + retry_in_ms }, record);
            }
            Event::StepFailed { attempt, op, error, .. } => {
                task.trouble = Some(Trouble { attempt: *attempt, op: *op, error: error.clone() });
                task.enter(*attempt, Phase::Failed, record);
                self.failed = true;
            }
            Event::StepUndoStarted { attempt, .. } => {
                if let Some(first) = &task.first {
                    self.certificates.begin_change(host, first);
                }
                task.enter(*attempt, Phase::Running(Op::Undo), record);
            }
            Event::Undone { attempt, summary, .. } => {
                if let Some(first) = &task.first {
                    self.certificates.restored(host, first);
                }
                task.summary = Some(summary.clone());
                task.enter(*attempt, Phase::Undone, record);
            }
            Event::UndoFailed { attempt, error, .. } => {
                task.trouble = Some(Trouble { attempt: *attempt, op: Op::Undo, error: error.clone() });
                task.enter(*attempt, Phase::Stuck, record);
            }
            Event::RunStarted { .. }
            | Event::Interrupted { .. }
            | Event::Resumed { .. }
            | Event::UndoStarted { .. }
            | Event::RunFinished { .. } => {}
        }
    }

    /// Every certificate, before and after.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.certificates.changes(self.plan())
    }

    /// How many tasks are in each state.
    pub(crate) fn counts(&self) -> Counts {
        count(self.tasks.iter())
    }

    /// The tasks with their ids.
    pub(crate) fn tasks_with_ids(&self) -> impl Iterator<Item = (TaskId, &TaskView)> {
        self.plan().task_ids().zip(&self.tasks)
    }

    /// The tasks that failed or are stuck, with why.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = (TaskId, &TaskView, &Trouble)> {
        self.tasks_with_ids()
            .filter(|(_, task)| matches!(task.phase, Phase::Failed | Phase::Stuck))
            .filter_map(|(id, task)| Some((id, task, task.trouble.as_ref()?)))
    }

    /// Whether a resume could go on with it.
    pub(crate) fn is_resumable(&self) -> bool {
        match self.outcome {
            None | Some(Outcome::Failed | Outcome::Interrupted) => true,
            Some(
                Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Stuck | Outcome::Abandoned,
            ) => false,
        }
    }

    /// The tasks an undo would restore.
    pub(crate) fn to_undo(&self) -> impl Iterator<Item = TaskId> {
        self.tasks_with_ids()
            .filter(|(id, task)| {
                task.acted
                    && task.phase != Phase::Undone
                    && self.plan().step(*id).undo == UndoSupport::Supported
            })
            .map(|(id, _)| id)
    }
}

/// Counts tasks by state.
pub(crate) fn count<'a>(tasks: impl Iterator<Item = &'a TaskView>) -> Counts {
    let mut counts = Counts::default();
    for task in tasks {
        let field = match task.phase {
            Phase::Changed => &mut counts.changed,
            Phase::Unchanged => &mut counts.unchanged,
            Phase::Failed => &mut counts.failed,
            Phase::Undone => &mut counts.undone,
            Phase::Stuck => &mut counts.stuck,
            Phase::Running(_) | Phase::Retrying { .. } | Phase::Unfinished => &mut counts.unfinished,
            Phase::Waiting => &mut counts.waiting,
        };
        *field += 1;
    }
    counts
}
