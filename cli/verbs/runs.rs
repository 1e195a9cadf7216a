//! `runs`: every run of this state folder, the newest first.

use certwright_engine::journal::{ListedRun, RunState, RunSummary};
use serde_json::json;

use super::App;
use crate::args::{Format, RunsArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::table::{Cell, table};
use crate::human::words::{outcome_word, tone};
use crate::terminal::{Tone, out};
use crate::{json, when};

/// Lists; a run that cannot be read is listed with why.
pub(crate) fn runs(app: &App, _args: &RunsArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let list = state.list()?;
    if app.format == Format::Json {
        let runs: Vec<_> = list
            .iter()
            .map(|ListedRun { id, summary }| match summary {
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
            })
            .collect();
        out(&json::document("runs", json!({ "state_dir": state.root(), "runs": runs })));
        return Ok(Exit::Done);
    }
    if list.is_empty() {
        out(&format!("No runs in {}.\n", state.root().display()));
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|ListedRun { id, summary }| match summary {
            Ok(summary) => row(id.as_str(), summary),
            Err(error) => [id.as_str(), "unreadable", "-", "-", &crate::failure::explain(error)]
                .map(Cell::plain)
                .to_vec(),
        })
        .collect();
    out(&table(&["RUN", "STATE", "STARTED (UTC)", "CLUSTER", "PLAN"], &rows, 0, app.terminal.paint));
    Ok(Exit::Done)
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
