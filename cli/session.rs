//! A run that this process owns: begun, or taken up again from its journal, and driven to its end.
//!
//! Invariant: the cluster's lock is held from before the first look until the end, and the view shown is the
//! fold of the very records that are durable.

mod begin;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use begin::lock_name;
pub(crate) use begin::{Begin, Ground};
use certwright_engine::clock::Clock;
use certwright_engine::host::Hosts;
use certwright_engine::journal::{ClusterLock, Cut, Journal, RunId, Stamp, StateDir};
use certwright_engine::machine::{Input, Machine, Outcome, RunState, Shape, fold};
use certwright_engine::plan::FilledIn;
use certwright_engine::text::escape;
use certwright_steps::lab::{Found, Lab};

use crate::app::App;
use crate::args::Format;
use crate::driven::Driven;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::report;
use crate::reached::Reached;
use crate::runtime::{Runtime, Time};
use crate::signals::Stops;
use crate::terminal::out;
use crate::view::RunView;
use crate::warning::Warning;
use crate::{hosts, json, source, when};

/// Tasks in flight at most.
const IN_FLIGHT: usize = 256;

/// A run that this process owns.
pub(crate) struct Session {
    machine: Machine,
    journal: Journal,
    view: RunView,
    cut: Option<Cut>,
    state: StateDir,
    _cluster: ClusterLock,
}

impl Session {
    /// Writes record 1, at this wall time: from here on the run exists.
    pub(crate) fn begin(app: &App, begin: Begin, wall_ms: u64) -> Result<Self, Failure> {
        let Begin { state, header, run, lock } = begin;
        let shape = Shape::from_plan(&header.plan, header.seed, IN_FLIGHT)?;
        let (journal, first) = state.create(header, Stamp { wall_ms, mono: Clock::real().mono() })?;
        let mut machine = Machine::new(Arc::new(shape));
        machine.apply(&first)?;
        let view = RunView::begin(&first).ok_or_else(|| Failure::empty_journal(&run))?;
        if app.format == Format::Json {
            out(&json::record_line(&first));
        }
        Ok(Self { machine, journal, view, cut: None, state, _cluster: lock })
    }

    /// Takes a run up from its journal.
    pub(crate) fn take_up(state: &StateDir, run: &RunId) -> Result<Self, Failure> {
        let mut replay = state.resume(run)?;
        let first = replay.next().ok_or_else(|| Failure::empty_journal(run))??;
        let mut view = RunView::begin(&first).ok_or_else(|| Failure::empty_journal(run))?;
        let shape = Shape::from_plan(view.plan(), view.header.seed, IN_FLIGHT)?;
        let mut machine = Machine::new(Arc::new(shape));
        machine.apply(&first)?;
        for record in &mut replay {
            let record = record?;
            machine.apply(&record)?;
            view.apply(&record);
        }
        let (journal, cut) = replay.into_journal(Clock::system_wall_ms())?;
        let cluster = state.lock_cluster(&lock_name(view.plan(), view.header.lab.as_deref()), run)?;
        Ok(Self { machine, journal, view, cut, state: state.clone(), _cluster: cluster })
    }

    /// Fits the plan to the kinds of this certwright, and says which parameters are younger than the run: called before
    /// anything is asked or started.
    pub(crate) fn fit(&mut self, app: &App) -> Result<(), Failure> {
        let header = &mut self.view.header;
        let filled = match header.plan.fit(&app.registry) {
            Ok(filled) => filled,
            Err(unfit) => return Err(Failure::other_version(&unfit, header, &app.next().options)),
        };
        if !filled.is_empty() {
            younger(&filled, &header.tool).tell(app.format);
        }
        Ok(())
    }

    /// Where the run stands.
    pub(crate) fn state(&self) -> RunState {
        self.machine.run_state()
    }

    /// What is known of the run.
    pub(crate) fn view(&self) -> &RunView {
        &self.view
    }

    /// Records what the operator decided, without touching any host.
    pub(crate) fn record(&mut self, input: Input) -> Result<(), Failure> {
        let Stamp { wall_ms, mono } = Stamp::now(&Clock::real());
        // What was waited for in a rehearsal has passed there: its time is ahead of ours, and never goes back.
        let wall_ms = match self.view.header.lab {
            Some(_) => wall_ms.max(self.view.latest_ms),
            None => wall_ms,
        };
        let records = fold(&mut self.machine, [input], mono, wall_ms);
        self.journal.append(&records)?;
        for record in &records {
            self.view.apply(record);
        }
        Ok(())
    }

    /// Opens the lab of a rehearsal; None for real hosts.
    pub(crate) fn lab(&self, app: &App) -> Result<Option<Lab>, Failure> {
        let Some(folder) = self.view.header.lab.as_deref().map(Path::new) else { return Ok(None) };
        if Lab::look(folder)? == Found::Lab {
            return Ok(Some(Lab::open(folder)?));
        }
        let run = &self.view.header.run;
        let message = format!("the lab of run `{run}` is gone: there is none in `{}`", folder.display());
        Err(Failure::new(Exit::Refused, "lab", message)
            .hint(format!("`certwright{} abandon {run}` gives the run up", app.next().options)))
    }

    /// The ssh_config of this process: the one named now, else the one the run began with, which must still be fit.
    pub(crate) fn ssh_config(&self, app: &App) -> Result<Option<PathBuf>, Failure> {
        let Some(stored) = self.view.header.ssh_config.as_ref().filter(|_| app.ssh_config.is_none()) else {
            return Ok(app.ssh_config.clone());
        };
        match source::of_others(Path::new(stored)) {
            Ok(_) => Ok(Some(stored.into())),
            Err(error) => {
                let failure = Failure { exit: Exit::Refused, ..error.into() };
                Err(failure.hint(format!(
                    "run `{}` began with this ssh_config; --ssh-config FILE names another one",
                    self.view.header.run
                )))
            }
        }
    }

    /// Drives the run on its own hosts to its end, and reports.
    pub(crate) fn drive(self, app: &App, first: Input, stops: Stops) -> Result<Exit, Failure> {
        let next = app.next();
        let view = if let Some(lab) = self.lab(app)? {
            self.drive_lab(app, first, stops, &lab)?
        } else {
            let ssh_config = self.ssh_config(app)?;
            let reached = Reached::new(self.view.plan(), &self.view.header.run, ssh_config.as_deref())?;
            self.drive_on(app, first, stops, &reached)?
        };
        finish(app, &view, &next)
    }

    /// Drives the run in a lab to its end; what is known of it then.
    pub(crate) fn drive_lab(
        self,
        app: &App,
        first: Input,
        stops: Stops,
        lab: &Lab,
    ) -> Result<RunView, Failure> {
        Runtime::new(Time::Virtual)?.block_on(async {
            // The lab has not seen what the run waited for since the lab's last command.
            let clock = Clock::virtual_from(lab_wall_ms(lab)?.max(self.view.latest_ms));
            let hosts = hosts::of_lab(self.view.plan(), lab, &clock)?;
            let view = self.driven(app, hosts, clock.clone(), first, stops).await?;
            // What the run waited for at its end has passed for whoever looks next.
            lab.pass_until(clock.wall_ms())?;
            Ok(view)
        })
    }

    /// Drives the run on these real hosts to its end; what is known of it then.
    pub(crate) fn drive_on(
        self,
        app: &App,
        first: Input,
        stops: Stops,
        reached: &Reached,
    ) -> Result<RunView, Failure> {
        reached.runtime.block_on(self.driven(app, reached.hosts.clone(), Clock::real(), first, stops))
    }

    async fn driven(
        self,
        app: &App,
        hosts: Hosts,
        clock: Clock,
        first: Input,
        stops: Stops,
    ) -> Result<RunView, Failure> {
        let Self { machine, journal, view, cut, state, _cluster } = self;
        if app.format == Format::Human {
            out(&opening(&view, cut.as_ref()));
        }
        let again = app.next().options;
        let registry = if view.header.lab.is_some() { &app.rehearsed } else { &app.registry };
        let driven = Driven { machine, journal, hosts, clock, registry, state: &state, again };
        driven.run(view, first, app.format, stops).await
    }
}

/// Opens the lab of a folder that the operator names, to look at it.
pub(crate) fn open_lab(app: &App, folder: &Path) -> Result<Lab, Failure> {
    match Lab::look(folder)? {
        Found::Lab => Ok(Lab::open(folder)?),
        found @ (Found::Nothing | Found::Other | Found::Making | Found::HalfMade) => {
            Err(no_lab(app, folder, found))
        }
    }
}

/// That a folder holds no lab, and what helps.
pub(crate) fn no_lab(app: &App, folder: &Path, found: Found) -> Failure {
    let shown = folder.display();
    let (options, word) = (app.next().options, crate::human::word(&shown.to_string()));
    let make = format!("`certwright{options} rehearse --make-only --lab {word}` makes");
    let (message, hint) = match found {
        Found::Nothing => (format!("there is no lab in `{shown}`"), format!("{make} one")),
        Found::Other | Found::Lab => (
            format!("`{shown}` is not a lab"),
            "give --lab a folder that is not there yet, or an earlier lab".to_owned(),
        ),
        Found::Making => (
            format!("the lab in `{shown}` is still being made by another process"),
            "wait for its end".to_owned(),
        ),
        Found::HalfMade => (
            format!("the lab in `{shown}` is only half made: whoever made it was cut off"),
            format!("{make} it anew"),
        ),
    };
    Failure::new(Exit::Refused, "lab", message).hint(hint)
}

/// The wall time at which a lab goes on. It never goes back: what an earlier run waited for has passed there.
pub(crate) fn lab_wall_ms(lab: &Lab) -> Result<u64, Failure> {
    Ok(Clock::system_wall_ms().max(lab.now_ms()?))
}

/// Where the bundle of a run is; None where there is none.
pub(crate) fn bundle_of(state: &StateDir, run: &str) -> Option<PathBuf> {
    let path = state.bundle(&run.parse().ok()?);
    path.is_file().then_some(path)
}

/// What a finished drive says, and how the program ends.
pub(crate) fn finish(app: &App, view: &RunView, next: &report::Next) -> Result<Exit, Failure> {
    let outcome = view.outcome.ok_or_else(|| Failure::system("finish the run", &"it has no outcome"))?;
    let bundle = bundle_of(&app.state()?, &view.header.run)
        .filter(|_| matches!(outcome, Outcome::Failed | Outcome::Stuck));
    match app.format {
        Format::Json => {
            let mut summary = serde_json::to_value(json::run(view)).expect("our own types serialize");
            summary["bundle"] = serde_json::json!(bundle);
            out(&json::document("summary", summary));
        }
        Format::Human => {
            let mut next = next.clone();
            next.notes.splice(0..0, bundle.map(|path| format!("bundle {}", path.display())));
            out(&format!("\n{}", report::report(view, &next, app.terminal)));
        }
    }
    Ok(Exit::from(outcome))
}

/// Says of parameters that are younger than a run which values they take.
fn younger(filled: &[FilledIn], tool: &str) -> Warning {
    let each =
        filled.iter().map(|FilledIn { step, field, default }| format!("{field} = {default} in {step}"));
    let takes = if filled.len() == 1 { "takes its default" } else { "take their defaults" };
    Warning {
        code: "younger-parameters",
        message: format!(
            "{} younger than this run and {takes}: {}",
            if filled.len() == 1 {
                "1 parameter is".to_owned()
            } else {
                format!("{} parameters are", filled.len())
            },
            each.collect::<Vec<_>>().join(", ")
        ),
        hint: format!("certwright {} began the run; docs/step-kinds.md says what they do", escape(tool)),
    }
}

/// What is said before the first line of a drive: which run this is, and where it stands.
fn opening(view: &RunView, cut: Option<&Cut>) -> String {
    let plan = view.plan();
    let mut text = format!("Run {}: {} on cluster {}", view.header.run, plan.name, plan.cluster.name);
    if view.records > 1 {
        let stands = report::counts_words(view.counts());
        text = format!("{text}, begun {} UTC; so far {stands}", when::date(view.started_ms));
    }
    text.push('\n');
    if let Some(cut) = cut {
        text = format!(
            "{text}Its journal ended in an interrupted write ({}): {} bytes were cut off, kept as {}\n",
            cut.why, cut.bytes, cut.kept_as
        );
    }
    text + "\n"
}
