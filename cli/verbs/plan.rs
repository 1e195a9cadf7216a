//! `plan`: what a run would change where, found by looking.

use certwright_engine::clock::Clock;
use certwright_engine::plan::Plan;

use crate::app::App;
use crate::args::{Format, PlanArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::preview::{Preview, preview};
use crate::runtime::{Runtime, Time};
use crate::session::{lab_wall_ms, open_lab};
use crate::source::{self, Text};
use crate::terminal::out;
use crate::{hosts, human, json, runtime, signals};

/// Probes and tells; changes nothing.
pub(crate) fn plan(app: &App, args: &PlanArgs) -> Result<Exit, Failure> {
    let mut stops = signals::listen()?;
    let text = source::plan(&args.plan)?;
    let inventory = args.inventory.as_deref().map(source::file).transpose()?;
    let (plan, preview) = if let Some(folder) = &args.lab {
        let lab = open_lab(app, folder)?;
        let inventory = match inventory {
            Some(text) => text,
            None => Text { name: "the lab's inventory".to_owned(), text: lab.inventory()? },
        };
        let plan = app.resolve_texts(&text, &inventory, &args.choices)?;
        let wall_ms = lab_wall_ms(&lab)?;
        let seen = Runtime::new(Time::Virtual)?.block_on(async {
            let clock = Clock::virtual_from(wall_ms);
            let hosts = hosts::of_lab(&plan, &lab, &clock)?.read_only();
            let look = preview(&plan, "RUN", &app.rehearsed, &hosts, &clock);
            signals::unless_stopped(&mut stops, "while looking", look).await
        })?;
        (plan, seen)
    } else {
        let plan = app.resolve_here(&text, &inventory.expect("clap wants one of the two"), &args.choices)?;
        let seen = real(app, &plan, &mut stops)?;
        (plan, seen)
    };
    match app.format {
        Format::Json => out(&json::document("plan", json::preview(&plan, &preview))),
        Format::Human => out(&human::preview::text(&plan, &preview, app.terminal)),
    }
    Ok(if preview.failures().next().is_some() { Exit::Refused } else { Exit::Done })
}

fn real(app: &App, plan: &Plan, stops: &mut signals::Stops) -> Result<Preview, Failure> {
    runtime::block_on_real(async {
        let hosts = hosts::real(&plan.hosts, app.ssh_config.as_deref(), None);
        let clock = Clock::real();
        let looked_at = hosts.read_only();
        let look = preview(plan, "RUN", &app.registry, &looked_at, &clock);
        let preview = signals::unless_stopped(stops, "while looking", look).await;
        runtime::close(&hosts).await;
        preview
    })?
}
