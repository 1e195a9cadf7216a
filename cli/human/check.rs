//! What `check` says of a plan without mistakes.

use std::fmt::Write as _;

use certwright_engine::plan::{Plan, PlanInfo};

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
    let rows: Vec<Vec<Cell>> = info
        .params
        .iter()
        .map(|param| {
            let default = param.default.clone().unwrap_or_else(|| "(must be given)".to_owned());
            let doc = param.doc.clone().unwrap_or_default();
            vec![Cell::plain(&param.name), Cell::plain(param.ty), Cell::plain(default), Cell::plain(doc)]
        })
        .collect();
    let heading = ["PARAMETER", "TYPE", "DEFAULT", "WHAT IT IS FOR"];
    let _infallible = write!(out, "\n{}", table(&heading, &rows, 2, terminal.paint));
    let _infallible = writeln!(out, "\n{}", terminal.paint.tone(Tone::Faint, "  (--set NAME=VALUE)"));
    out
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
