//! What `check` says of a plan without mistakes.

use std::fmt::Write as _;

use certwright_engine::plan::{ParamInfo, Plan, PlanInfo};
use certwright_engine::text::escape;

use super::count;
use super::table::{Cell, table};
use crate::terminal::{Terminal, Tone, wrap};

/// A plan by itself: its stages, steps and parameters.
pub(crate) fn info(name: &str, info: &PlanInfo, terminal: Terminal) -> String {
    let mut out = format!("{name}: no mistakes\n");
    for line in info.doc.iter().flat_map(|doc| wrap(doc, terminal.width.map(|width| width - 2))) {
        let _infallible = writeln!(out, "  {line}");
    }
    let rows: Vec<Vec<Cell>> = info
        .stages
        .iter()
        .flat_map(|stage| {
            stage.steps.iter().map(move |step| {
                vec![
                    Cell::plain(format!("{}/{}", stage.id, step.id)),
                    Cell::plain(&step.kind),
                    Cell::plain(format!("{}, rolling {}", stage.on, stage.rolling)),
                ]
            })
        })
        .collect();
    let _infallible = write!(out, "\n{}", table(&["STEP", "KIND", "ON"], &rows, 2, terminal.paint));
    if info.params.is_empty() {
        return out;
    }
    let any_set = info.params.iter().any(|param| param.set.is_some());
    let rows: Vec<Vec<Cell>> = info
        .params
        .iter()
        .map(|param| {
            let default = param.default.clone().unwrap_or_else(|| "(must be given)".to_owned());
            let doc = param.doc.clone().unwrap_or_default();
            let mut row = vec![Cell::plain(&param.name), Cell::plain(param.ty), Cell::plain(default)];
            row.extend(any_set.then(|| Cell::plain(set_to(param))));
            row.push(Cell::plain(doc));
            row
        })
        .collect();
    let mut heading = vec!["PARAMETER", "TYPE", "DEFAULT", "WHAT IT IS FOR"];
    if any_set {
        heading.insert(3, "SET TO");
    }
    let _infallible = write!(out, "\n{}", table(&heading, &rows, 2, terminal.paint));
    let _infallible = writeln!(out, "\n{}", terminal.paint.tone(Tone::Faint, "  (--set NAME=VALUE)"));
    out
}

/// What `--set` gives a param.
fn set_to(param: &ParamInfo) -> String {
    match param.set.as_deref() {
        None => String::new(),
        Some("") => "(empty)".to_owned(),
        Some(value) => escape(value),
    }
}

/// A plan with an inventory.
pub(crate) fn resolved(name: &str, plan: &Plan) -> String {
    let hosts: Vec<&str> = plan.hosts.iter().map(|host| host.name.as_str()).collect();
    format!(
        "{name}: no mistakes\n  cluster  {}\n  hosts    {}\n  work     {}, {}\n  digest   {}\n",
        plan.cluster.name,
        hosts.join(", "),
        count(plan.steps.len(), "step"),
        count(plan.tasks.len(), "task"),
        plan.digest,
    )
}
