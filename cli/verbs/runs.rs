//! `runs`: the runs of this state folder, the newest first, and the removal of old ones by a stated rule.
//!
//! Invariant: a run that can still be gone on with is never removed, nor one that cannot be read, nor the last one of a
//! cluster that an undo would take.

use std::collections::BTreeMap;

use certwright_engine::journal::{ListedRun, RunState, RunSummary, StateDir};
use certwright_engine::machine::Outcome;
use serde_json::json;

use crate::app::App;
use crate::args::{Format, RunsArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::table::{Cell, table};
use crate::human::words::{outcome_word, tone};
use crate::terminal::{Tone, out};
use crate::{human, json, when};

/// Lists; a run that cannot be read is listed with why. What is removed is told.
pub(crate) fn runs(app: &App, args: &RunsArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let mut list = state.list()?;
    if let Some(keep) = args.keep {
        list = beyond(list, usize::try_from(keep).unwrap_or(usize::MAX));
    }
    list.retain(|run| is_asked_for(run, args));
    list.truncate(args.last.map_or(usize::MAX, |last| usize::try_from(last).unwrap_or(usize::MAX)));
    if args.prune {
        return prune(app, &state, list, args);
    }
    if app.format == Format::Json {
        let runs: Vec<_> = list.iter().map(run_json).collect();
        out(&json::document("runs", json!({ "state_dir": state.root(), "runs": runs })));
        return Ok(Exit::Done);
    }
    if list.is_empty() {
        let is_whole = args.cluster.is_none() && !args.unfinished && args.keep.is_none();
        let such = if is_whole { "" } else { "such " };
        let root = state.root().display();
        if state.root().is_dir() {
            out(&format!("No {such}runs in {root}.\n"));
        } else {
            out(&format!("No {such}runs: there is no folder {root}; the first run there makes it.\n"));
        }
        return Ok(Exit::Done);
    }
    out(&told(app, &list));
    if let Some(keep) = args.keep {
        let cluster = args.cluster.as_ref().map(|cluster| format!(" --cluster {}", human::word(cluster)));
        let command = format!("certwright{} runs{}", app.next().options, cluster.unwrap_or_default());
        out(&format!("\n`{command} --keep {keep} --prune` removes {}.\n", human::count(list.len(), "run")));
    }
    Ok(Exit::Done)
}

/// Whether a run is one of those that are asked for.
fn is_asked_for(run: &ListedRun, args: &RunsArgs) -> bool {
    let Ok(summary) = &run.summary else { return args.cluster.is_none() };
    let is_of = |cluster: &String| summary.header.plan.cluster.name == *cluster;
    args.cluster.as_ref().is_none_or(is_of) && !(args.unfinished && summary.state.is_over())
}

/// Of a list with the newest first, the finished runs that are older than the `keep` newest finished ones of their cluster
/// or lab; the newest one that changed something stays, since an undo takes it.
fn beyond(list: Vec<ListedRun>, keep: usize) -> Vec<ListedRun> {
    let mut seen: BTreeMap<(String, Option<String>), (usize, bool)> = BTreeMap::new();
    let mut is_beyond = |run: &ListedRun| {
        let Ok(RunSummary { header, state, .. }) = &run.summary else { return false };
        if !state.is_over() {
            return false;
        }
        let of = (header.plan.cluster.name.clone(), header.lab.clone());
        let (finished, has_changed) = seen.entry(of).or_default();
        *finished += 1;
        let changed = *state == RunState::Finished(Outcome::Changed);
        let is_last_change = changed && !*has_changed;
        *has_changed |= changed;
        *finished > keep && !is_last_change
    };
    list.into_iter().filter(|run| is_beyond(run)).collect()
}

/// Removes these runs, and tells which: those that were removed before an error, too.
fn prune(app: &App, state: &StateDir, list: Vec<ListedRun>, args: &RunsArgs) -> Result<Exit, Failure> {
    let (mut removed, mut failed) = (Vec::new(), None);
    for run in list {
        match state.remove(&run.id) {
            Ok(()) => removed.push(run),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let keep = args.keep.expect("clap wants it");
    match app.format {
        Format::Json => {
            let runs: Vec<_> = removed.iter().map(run_json).collect();
            let body = json!({ "state_dir": state.root(), "keep": keep, "removed": runs });
            out(&json::document("pruned", body));
        }
        Format::Human => {
            if !removed.is_empty() {
                out(&(told(app, &removed) + "\n"));
            }
            let newest = match keep {
                1 => "the newest finished run".to_owned(),
                n => format!("the {n} newest finished runs"),
            };
            let n = human::count(removed.len(), "run");
            out(&format!(
                "{n} removed. Kept is what is not finished, and of each cluster or lab {newest} and the last one that \
                 changed something.\n"
            ));
        }
    }
    failed.map_or(Ok(Exit::Done), |error| Err(error.into()))
}

/// The table of runs.
fn told(app: &App, list: &[ListedRun]) -> String {
    let one = |ListedRun { id, summary }: &ListedRun| match summary {
        Ok(summary) => row(id.as_str(), summary),
        Err(error) => {
            [id.as_str(), "unreadable", "-", "-", &crate::failure::explain(error)].map(Cell::plain).to_vec()
        }
    };
    let rows: Vec<Vec<Cell>> = list.iter().map(one).collect();
    table(&["RUN", "STATE", "STARTED (UTC)", "CLUSTER", "PLAN"], &rows, 0, app.terminal.paint)
}

fn run_json(ListedRun { id, summary }: &ListedRun) -> serde_json::Value {
    match summary {
        Ok(summary) => json!({
            "run": id.as_str(),
            "plan": summary.header.plan.name,
            "cluster": summary.header.plan.cluster.name,
            "operator": summary.header.operator,
            "lab": summary.header.lab,
            "started_ms": summary.started_ms,
            "latest_ms": summary.last_ms,
            "records": summary.records,
            "state": state_name(summary.state),
        }),
        Err(error) => {
            let failure = crate::failure::explain(error);
            json!({ "run": id.as_str(), "state": "unreadable", "error": failure })
        }
    }
}

fn row(id: &str, summary: &RunSummary) -> Vec<Cell> {
    let plan = &summary.header.plan;
    let rehearsal = summary.header.lab.as_ref().map(|lab| format!(" (rehearsal in {lab})"));
    vec![
        Cell::plain(id),
        Cell { text: state_name(summary.state).to_owned(), tone: state_tone(summary.state) },
        Cell::plain(when::date(summary.started_ms)),
        Cell::plain(&plan.cluster.name),
        Cell::plain(format!("{}{}", plan.name, rehearsal.unwrap_or_default())),
    ]
}

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::CutOff => "cut off",
        RunState::Finished(outcome) => outcome_word(outcome),
    }
}

fn state_tone(state: RunState) -> Tone {
    match state {
        RunState::Running => Tone::Strong,
        RunState::CutOff => Tone::Warn,
        RunState::Finished(outcome) => tone(outcome),
    }
}
