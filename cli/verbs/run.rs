//! `run`: a plan on real hosts, shown and confirmed before the first change.

use certwright_engine::clock::Clock;
use certwright_engine::machine::Input;

use crate::app::App;
use crate::args::{Format, RunArgs};
use crate::confirm::{confirm, refuse_other};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::preview::{Preview, preview};
use crate::reached::Reached;
use crate::session::{Begin, Ground, Session, finish};
use crate::signals::{self, Stops};
use crate::terminal::out;
use crate::{beside, human, json};

/// Looks, shows, asks, runs.
pub(crate) fn run(app: &App, args: &RunArgs) -> Result<Exit, Failure> {
    let plan = app.resolve(&args.target)?;
    refuse_other(&plan.cluster.name, args.yes.as_deref())?;
    let state = app.state()?;
    let mut stops = signals::listen()?;
    let begin = Begin::new(&state, plan, Ground::Real { ssh_config: app.ssh_config.as_deref() })?;
    let plan = begin.plan();
    beside::refuse_unfinished(app, &state, &plan.cluster.name)?;
    let reached = Reached::new(plan, begin.run(), app.ssh_config.as_deref())?;
    let agreed = agree(app, args, &begin, &reached, &mut stops);
    if agreed.is_err() || args.yes.is_none() {
        // Somebody thought about it meanwhile, for minutes perhaps: a line may not have lasted.
        reached.close();
    }
    agreed?;
    let view =
        Session::begin(app, begin, Clock::system_wall_ms())?.drive_on(app, Input::Tick, stops, &reached)?;
    finish(app, &view, &app.next())
}

/// Looks, shows and asks.
fn agree(
    app: &App,
    args: &RunArgs,
    begin: &Begin,
    reached: &Reached,
    stops: &mut Stops,
) -> Result<(), Failure> {
    let plan = begin.plan();
    let seen: Preview = reached.runtime.block_on(async {
        let (hosts, clock) = (reached.hosts.read_only(), Clock::real());
        let look = preview(plan, begin.run(), &app.registry, &hosts, &clock);
        signals::unless_stopped(stops, "while looking", look).await
    })?;
    match app.format {
        Format::Json => out(&json::document("plan", json::preview(plan, &seen))),
        Format::Human => out(&human::preview::text(plan, &seen, app.terminal)),
    }
    let mut failures = seen.failures().map(|(id, error)| (plan.task_name(id), error));
    if let Some(first) = failures.next() {
        return Err(Failure::would_stop(first, &failures.collect::<Vec<_>>()));
    }
    confirm(&plan.cluster.name, args.yes.as_deref(), "This changes real hosts.", stops)?;
    if app.format == Format::Human {
        out("\n");
    }
    Ok(())
}
