//! `show`: a run as its journal tells it, owned by whomever.

use std::path::Path;

use certwright_engine::journal::{Entry, RunId, RunState, StateDir, UnknownRecord};
use certwright_engine::machine::Record;
use serde_json::json;

use crate::app::App;
use crate::args::{Format, ShowArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::lines::{self, Columns};
use crate::human::report;
use crate::pick::{Default, pick};
use crate::session::bundle_of;
use crate::terminal::{Tone, out};
use crate::view::RunView;
use crate::{human, json, when};

/// A journal read to its end.
pub(super) struct Read {
    pub(super) view: RunView,
    pub(super) records: Vec<Record>,
    unknown: Vec<UnknownRecord>,
    lines: Vec<lines::Line>,
}

/// Reads, tells, changes nothing.
pub(crate) fn show(app: &App, args: &ShowArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let run = pick(&state, args.run.as_deref(), Default::Last)?;
    let read = read(&state, &run)?;
    let running = state.summary(&run)?.state == RunState::Running;
    if app.format == Format::Json {
        let unknown: Vec<_> =
            read.unknown.iter().map(|u| json!({ "seq": u.seq, "event": u.event })).collect();
        let bundle = bundle_of(&state, run.as_str());
        let mut body =
            json!({ "running": running, "bundle": bundle, "run": json::run(&read.view), "unknown": unknown });
        if args.events {
            body["records"] = json!(read.records);
        }
        out(&json::document("show", body));
        return Ok(Exit::Done);
    }
    if args.events {
        let columns = Columns::of(read.view.plan());
        for line in &read.lines {
            out(&(columns.lay(line, read.view.plan(), app.terminal).join("\n") + "\n"));
        }
        out("\n");
    }
    out(&heading(app, &read, running, bundle_of(&state, run.as_str()).as_deref()));
    out(&report::report(&read.view, &app.next(), app.terminal));
    Ok(Exit::Done)
}

pub(super) fn read(state: &StateDir, run: &RunId) -> Result<Read, Failure> {
    let mut scan = state.read(run)?;
    let first = match scan.next() {
        Some(entry) => entry?,
        None => return Err(Failure::empty_journal(run)),
    };
    let (Entry::Record(first), mut unknown) = (first, Vec::new()) else {
        return Err(Failure::empty_journal(run));
    };
    let mut view = RunView::begin(&first).ok_or_else(|| Failure::empty_journal(run))?;
    let mut records = vec![first];
    let mut said = Vec::new();
    for entry in scan {
        match entry? {
            Entry::Record(record) => {
                view.apply(&record);
                said.extend(lines::line(&view, &record));
                records.push(record);
            }
            Entry::Unknown(record) => unknown.push(record),
        }
    }
    Ok(Read { view, records, unknown, lines: said })
}

fn heading(app: &App, read: &Read, running: bool, bundle: Option<&Path>) -> String {
    let header = &read.view.header;
    let mut lines = vec![
        format!("run       {}", header.run),
        format!("plan      {} on cluster {}", header.plan.name, header.plan.cluster.name),
        format!("digest    {}", header.plan.digest),
        format!("operator  {}", header.operator),
        format!(
            "time      {} to {} UTC{}",
            when::seconds(read.view.started_ms),
            when::seconds(read.view.latest_ms),
            match read.view.resumes {
                0 => String::new(),
                1 => ", resumed once".to_owned(),
                n => format!(", resumed {n} times"),
            }
        ),
    ];
    if let Some(lab) = &header.lab {
        lines.push(format!("lab       {lab} (a rehearsal: no real host, virtual time)"));
    }
    if let Some(config) = &header.ssh_config {
        lines.push(format!("ssh       {} is read before your own ssh_config", human::word(config)));
    }
    if let Some(bundle) = bundle {
        lines.push(format!("bundle    {} (versions, certificates, logs; redacted)", bundle.display()));
    }
    if running {
        lines.push("state     a process is at work on it now".to_owned());
    }
    for unknown in &read.unknown {
        let text = format!("record {} is of a later certwright: event `{}`", unknown.seq, unknown.event);
        lines.push(app.terminal.paint.tone(Tone::Warn, &text));
    }
    lines.join("\n") + "\n\n"
}
