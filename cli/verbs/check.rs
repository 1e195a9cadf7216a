//! `check`: every mistake of a plan and an inventory, and nothing else.

use certwright_engine::plan;
use serde_json::json;

use crate::app::{App, as_source, choices};
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
        without_plan(args)?;
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
    let choices = choices(&args.choices)?;
    if let Some(host) = choices.limit.first() {
        let message = format!("`--limit {}` names a host, and no inventory is given", human::word(host));
        return Err(Failure::new(Exit::Invalid, "usage", message)
            .hint("the hosts are in the inventory: add --inventory FILE, or leave --limit out"));
    }
    let info = plan::check(as_source(&text), &choices.set, &app.registry)
        .map_err(|mistakes| Failure::mistakes(&mistakes, app.terminal.color()))?;
    match app.format {
        Format::Json => out(&json::document("check", json!({ "info": info }))),
        Format::Human => out(&human::check::info(&text.name, &info, app.terminal)),
    }
    Ok(Exit::Done)
}

/// Refuses what concerns a plan where none is named.
fn without_plan(args: &CheckArgs) -> Result<(), Failure> {
    let shipped = SHIPPED[0].name;
    let (message, hint) = if let Some(inventory) = &args.inventory {
        let inventory = inventory.display().to_string();
        (
            format!("an inventory is checked together with a plan, and none is named: `{inventory}`"),
            format!("certwright check {shipped} --inventory {}", human::word(&inventory)),
        )
    } else if let Some(set) = args.choices.set.first() {
        let set = human::word(set);
        (
            format!("`--set {set}` is for a param of a plan, and none is named"),
            format!("certwright check {shipped} --set {set}"),
        )
    } else if let Some(host) = args.choices.limit.first() {
        let host = human::word(host);
        (
            format!("`--limit {host}` is for a plan and an inventory, and none is named"),
            format!("certwright check {shipped} --inventory FILE --limit {host}"),
        )
    } else {
        return Ok(());
    };
    Err(Failure::new(Exit::Invalid, "usage", message).hint(hint))
}

/// The shipped plans and the kinds that plans are made of.
fn list(app: &App) {
    let kinds = || app.registry.iter().map(|kind| &kind.schema);
    match app.format {
        Format::Json => {
            let plans: Vec<_> = SHIPPED.iter().map(|plan| plan.name).collect();
            let kinds: Vec<_> = kinds()
                .map(|kind| json!({ "name": kind.name, "doc": kind.doc, "on": kind.on.name() }))
                .collect();
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
