//! One drive of a run: its driver, its reporter and its signals side by side.

use certwright_engine::clock::Clock;
use certwright_engine::driver::{Env, Reporter as Tells, drive};
use certwright_engine::host::Hosts;
use certwright_engine::journal::{Journal, RunId, StateDir};
use certwright_engine::machine::{Input, Machine, Outcome, Record};
use certwright_engine::plan::{Plan, TaskId};
use certwright_engine::step::Registry;

use crate::args::Format;
use crate::failure::Failure;
use crate::reporter::Reporter;
use crate::signals::{self, Stops};
use crate::terminal::out;
use crate::view::RunView;
use crate::warning::Warning;
use crate::{bundle, hosts, runtime};

/// Everything a drive needs.
pub(crate) struct Driven<'a> {
    /// The state machine, up to date with the journal.
    pub(crate) machine: Machine,
    /// The journal, owned by this process.
    pub(crate) journal: Journal,
    /// The machines.
    pub(crate) hosts: Hosts,
    /// Time.
    pub(crate) clock: Clock,
    /// Every step kind.
    pub(crate) registry: &'a Registry,
    /// Where the run is kept, and with it the bundle of one that fails.
    pub(crate) state: &'a StateDir,
    /// The common options of this command line, for the next one.
    pub(crate) again: String,
}

impl Driven<'_> {
    /// Drives to the end; what is known of the run then. The reporter has said everything when this returns.
    pub(crate) async fn run(
        mut self,
        view: RunView,
        first: Input,
        format: Format,
        stops: Stops,
    ) -> Result<RunView, Failure> {
        let plan = view.plan().clone();
        let mut tell = Tell(Reporter::start(view, format)?);
        let env = Env {
            plan: &plan,
            registry: self.registry,
            hosts: self.hosts.clone(),
            clock: self.clock.clone(),
            reporter: &mut tell,
            stops,
        };
        let result = drive(&mut self.machine, &mut self.journal, first, env).await;
        let view = tell.0.finish();
        if result.as_ref().is_ok_and(|outcome| is_over(*outcome)) && view.tasks.iter().any(|task| task.acted)
        {
            let run = &view.header.run;
            let kept = hosts::release(&self.hosts, plan.worked_on()).await;
            if let Some(warning) = hosts::not_released(run, &kept, &format!("{} abandon {run}", self.again)) {
                warning.tell(format);
            }
        }
        if result.is_ok() {
            self.keep_bundle(&view, format).await;
        }
        runtime::close(&self.hosts).await;
        result?;
        Ok(view)
    }
}

impl Driven<'_> {
    /// Keeps what the nodes of a run that failed show of themselves; where that fails the run's own end still counts.
    async fn keep_bundle(&self, view: &RunView, format: Format) {
        if bundle::is_due(view) && view.header.lab.is_none() && format == Format::Human {
            out("\nLooking at the nodes for the bundle of this failure; Ctrl-C leaves that out.\n");
        }
        let text = tokio::select! {
            text = bundle::of_run(view, &self.hosts, &self.clock) => text,
            () = signals::next_stop() => None,
        };
        let Some(text) = text else { return };
        let run: Result<RunId, _> = view.header.run.parse();
        let kept = run.and_then(|run| self.state.keep_bundle(&run, &text));
        if let Err(error) = kept {
            let warning = Warning {
                code: "no-bundle",
                message: format!("no bundle of the failure is kept: {}", crate::failure::explain(&error)),
                hint: "`certwright doctor --bundle FILE` makes one at any time".to_owned(),
            };
            warning.tell(format);
        }
    }
}

/// Whether a run that ended so keeps no host: it will not be resumed.
fn is_over(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Abandoned => true,
        Outcome::Failed | Outcome::Interrupted | Outcome::Stuck => false,
    }
}

/// The driver's way to the reporter's thread.
struct Tell(Reporter);

impl Tells for Tell {
    fn record(&mut self, _plan: &Plan, record: &Record) {
        self.0.record(record);
    }

    fn progress(&mut self, task: TaskId, line: &str) {
        self.0.progress(task, line);
    }
}
