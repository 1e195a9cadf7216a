//! `plan`: what a run would change where, found by looking.

use certwright_engine::clock::Clock;

use super::App;
use crate::args::{Format, PlanArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::preview::preview;
use crate::terminal::out;
use crate::{hosts, human, json, runtime, signals};

/// Probes and tells; changes nothing.
pub(crate) fn plan(app: &App, args: &PlanArgs) -> Result<Exit, Failure> {
    let plan = app.resolve(&args.target)?;
    let mut stops = signals::listen()?;
    let preview = runtime::block_on_real(async {
        let hosts = hosts::real(&plan.hosts, app.ssh_config.as_deref(), None);
        let clock = Clock::real();
        let looked_at = hosts.read_only();
        let look = preview(&plan, "RUN", &app.registry, &looked_at, &clock);
        let preview = signals::unless_stopped(&mut stops, "while looking", look).await;
        runtime::close(&hosts).await;
        preview
    })??;
    match app.format {
        Format::Json => out(&json::document("plan", json::preview(&plan, &preview))),
        Format::Human => out(&human::preview::text(&plan, &preview, app.terminal)),
    }
    Ok(if preview.failures().next().is_some() { Exit::Refused } else { Exit::Done })
}
