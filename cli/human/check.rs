//! What `check` says of a plan without mistakes: its order, its parameters, or what it comes to on an inventory.

use std::fmt::Write as _;
use std::time::Duration;

use certwright_engine::plan::{ParamInfo, Plan, PlanInfo, Retry, StageInfo};
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
    out.push('\n');
    out.push_str(&stages(&info.stages, terminal));
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

/// The stages in the order written, each with its steps: what waits for something else than what stands above it says so.
fn stages(stages: &[StageInfo], terminal: Terminal) -> String {
    let rows: Vec<Vec<Cell>> = stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .map(|step| {
            let timeout = humantime::format_duration(Duration::from_millis(step.timeout_ms));
            vec![
                Cell::plain(format!("  {}", step.id)),
                Cell::plain(&step.kind),
                Cell::plain(tries(&step.retry)),
                Cell::plain(timeout.to_string()),
            ]
        })
        .collect();
    let laid_out = table(&["STAGE, STEP", "KIND", "TRIES", "TIMEOUT"], &rows, 2, terminal.paint);
    let mut lines = laid_out.split_inclusive('\n');
    let mut out = lines.next().expect("a table has a heading").to_owned();
    let say = |out: &mut String, words: &str, indent: usize| {
        for line in wrap(words, terminal.width.map(|width| width.saturating_sub(indent))) {
            let _infallible = writeln!(out, "{:indent$}{line}", "");
        }
    };
    let mut above = None;
    for stage in stages {
        say(&mut out, &format!("{}: on {}, rolling {}", stage.id, stage.on, stage.rolling), 2);
        if let Some(after) = after(&stage.after, above.replace(&stage.id), "stage") {
            say(&mut out, &after, 6);
        }
        let mut above = None;
        for (step, line) in stage.steps.iter().zip(&mut lines) {
            out.push_str(line);
            if let Some(after) = after(&step.after, above.replace(&step.id), "step") {
                say(&mut out, &after, 6);
            }
        }
    }
    out
}

/// What a stage or a step waits for, where that is not just the one above it.
fn after(awaited: &[String], above: Option<&String>, noun: &str) -> Option<String> {
    match awaited {
        [] => above.map(|_| format!("after no other {noun}")),
        [one] if Some(one) == above => None,
        [one] => Some(format!("after {noun} {one}")),
        several => Some(format!("after {noun}s {}", several.join(", "))),
    }
}

/// How often something is tried, and for how long.
fn tries(retry: &Retry) -> String {
    match retry.within_ms {
        Some(within_ms) => {
            let within = humantime::format_duration(Duration::from_millis(within_ms));
            format!("{} in {within}", retry.attempts)
        }
        None => retry.attempts.to_string(),
    }
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
