//! `check`: every mistake of a plan and an inventory, and nothing else.

use certwright_engine::plan;
use serde_json::json;

use crate::app::{App, as_source};
use crate::args::{CheckArgs, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::table::{Cell, table};
use crate::source::{self, SHIPPED};
use crate::terminal::out;
use crate::{human, json};

/// Reads, reports, touches no host.
pub(crate) fn check(app: &App, args: &CheckArgs) -> Result<Exit, Failure> {
    let Some(name) = &args.plan else {
        if let Some(inventory) = &args.inventory {
            let inventory = inventory.display().to_string();
            let message =
                format!("an inventory is checked together with a plan, and none is named: `{inventory}`");
            return Err(Failure::new(Exit::Invalid, "usage", message).hint(format!(
                "certwright check {} --inventory {}",
                SHIPPED[0].name,
                human::word(&inventory)
            )));
        }
        list(app);
        return Ok(Exit::Done);
    };
    let text = source::plan(name)?;
    if let Some(inventory) = &args.inventory {
        let plan = app.resolve_here(&text, &source::file(inventory)?, &args.choices)?;
        match app.format {
            Format::Json => out(&json::document("check", json!({ "plan": plan }))),
            Format::Human => out(&human::check::resolved(&text.name, &plan)),
        }
        return Ok(Exit::Done);
    }
    let info = plan::check(as_source(&text), &app.registry)
        .map_err(|mistakes| Failure::mistakes(&mistakes, app.color()))?;
    match app.format {
        Format::Json => out(&json::document("check", json!({ "info": info }))),
        Format::Human => out(&human::check::info(&text.name, &info, app.terminal)),
    }
    Ok(Exit::Done)
}

/// The shipped plans and the kinds that plans are made of.
fn list(app: &App) {
    let kinds = || app.registry.iter().map(|kind| &kind.schema);
    match app.format {
        Format::Json => {
            let plans: Vec<_> = SHIPPED.iter().map(|plan| plan.name).collect();
            let kinds: Vec<_> = kinds().map(|kind| json!({ "name": kind.name, "doc": kind.doc })).collect();
            out(&json::document("plans", json!({ "plans": plans, "kinds": kinds })));
        }
        Format::Human => {
            let plans: Vec<_> = SHIPPED.iter().map(|plan| vec![Cell::plain(plan.name)]).collect();
            let kinds: Vec<_> =
                kinds().map(|kind| vec![Cell::plain(kind.name), Cell::plain(kind.doc)]).collect();
            out(&table(&["SHIPPED PLAN"], &plans, 0, app.terminal.paint));
            out("\n");
            out(&table(&["STEP KIND", "WHAT IT IS FOR"], &kinds, 0, app.terminal.paint));
        }
    }
}
