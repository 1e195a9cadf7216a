//! `run`: a plan on real hosts, shown and confirmed before the first change.

use certwright_engine::clock::Clock;
use certwright_engine::machine::Input;

use super::App;
use crate::args::{Format, RunArgs};
use crate::confirm::{confirm, refuse_other};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::preview::{Preview, preview};
use crate::session::{Begin, Ground, Session};
use crate::terminal::out;
use crate::{beside, hosts, human, json, runtime, signals};

/// Looks, shows, asks, runs.
pub(crate) fn run(app: &App, args: &RunArgs) -> Result<Exit, Failure> {
    let plan = app.resolve(&args.target)?;
    refuse_other(&plan.cluster.name, args.yes.as_deref())?;
    let state = app.state()?;
    let mut stops = signals::listen()?;
    let begin = Begin::new(&state, plan, Ground::Real { ssh_config: app.ssh_config.as_deref() })?;
    let plan = begin.plan();
    beside::refuse_unfinished(app, &state, &plan.cluster.name)?;
    let seen: Preview = runtime::block_on_real(async {
        let hosts = hosts::real(&plan.hosts, app.ssh_config.as_deref(), None);
        let clock = Clock::real();
        let look = preview(plan, begin.run(), &app.registry, &hosts, &clock);
        let seen = signals::unless_stopped(&mut stops, "while looking", look).await;
        runtime::close(&hosts).await;
        seen
    })??;
    match app.format {
        Format::Json => out(&json::document("plan", json::preview(plan, &seen))),
        Format::Human => out(&human::preview::text(plan, &seen, app.terminal)),
    }
    let mut failures = seen.failures().map(|(id, error)| (plan.task_name(id), error));
    if let Some(first) = failures.next() {
        return Err(Failure::would_stop(first, &failures.collect::<Vec<_>>()));
    }
    confirm(&plan.cluster.name, args.yes.as_deref(), "This changes real hosts.", &mut stops)?;
    if app.format == Format::Human {
        out("\n");
    }
    Session::begin(app, begin, Clock::system_wall_ms())?.drive(app, Input::Tick, stops)
}
