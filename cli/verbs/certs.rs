//! `certs`: every certificate of every host, and what is to be said of them.

use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_steps::certs::{Ask, Report};
use certwright_steps::tools::collect::Keys;

use super::App;
use crate::args::{CertsArgs, Output};
use crate::certs::{Asked, Connections, Survey, Target, ask, csv, json as certs_json, markdown, prometheus};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::{self, Readers};
use crate::human::certs::{Width, findings, lines, matrix};
use crate::runtime::{Runtime, Time};
use crate::terminal::{err, out};
use crate::{human, runtime, signals, when};

/// Looks at every host and tells; changes nothing.
pub(crate) fn certs(app: &App, args: &CertsArgs) -> Result<Exit, Failure> {
    let mut stops = signals::listen()?;
    let lab = Target::lab(args)?;
    let runtime = Runtime::new(if lab.is_some() { Time::Virtual } else { Time::Real })?;
    runtime.block_on(async {
        let targets = Target::all(app, args, lab.as_ref().map(|(lab, now)| (lab, *now)))?;
        let told = watch(app, args, &targets.all, &targets.clock, &mut stops).await;
        runtime::close(&targets.hosts).await;
        told
    })
}

/// Once, or again and again until a signal.
async fn watch(
    app: &App,
    args: &CertsArgs,
    targets: &[Target],
    clock: &Clock,
    stops: &mut signals::Stops,
) -> Result<Exit, Failure> {
    let mut last = None;
    loop {
        let look = once(app, args, targets, clock, last.is_some());
        let exit = match (signals::unless_stopped(stops, "while looking", look).await, last) {
            (Ok(done), _) => done?,
            // Ctrl-C ends a watch; what was seen last counts.
            (Err(_), Some(exit)) => return Ok(exit),
            (Err(stopped), None) => return Err(stopped),
        };
        let Some(period) = args.watch else { return Ok(exit) };
        let period: Duration = period.into();
        last = Some(exit);
        let pause = tokio::time::sleep(period.max(Duration::from_secs(1)));
        if signals::unless_stopped(stops, "while waiting", pause).await.is_err() {
            return Ok(exit);
        }
    }
}

async fn once(
    app: &App,
    args: &CertsArgs,
    targets: &[Target],
    clock: &Clock,
    again: bool,
) -> Result<Exit, Failure> {
    let within: Duration = args.within.into();
    let within_s = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
    let asked = Asked {
        keys: if args.no_keys { Keys::NotAsked } else { Keys::Asked },
        ask: if args.served { Ask::Running } else { Ask::Files },
        at_once: usize::from(args.at_once),
        connections: if args.watch.is_some() { Connections::Kept } else { Connections::Closed },
    };
    let now = i64::try_from(clock.wall_ms() / 1000).expect("the clock is in this millennium");
    if again {
        separate(app, now);
    }
    let mut told = 0;
    let streams = match app.output {
        Output::Narrow => Some(Width::Narrow),
        Output::Wide => Some(Width::Wide),
        Output::Human | Output::Json | Output::Markdown | Output::Csv | Output::Prometheus => None,
    };
    let tell = |report: &Report, of: usize| {
        told += 1;
        match streams {
            Some(width) => stream(app, report, width, (now, within_s)),
            None if app.terminal.live => err(&format!("\r{told} of {of} hosts")),
            None => {}
        }
    };
    let reports = ask(targets, asked, clock, tell).await;
    if streams.is_none() && app.terminal.live {
        err("\r\u{1b}[K");
    }
    let survey = Survey::new(reports, now, within_s, &renewal(app, args));
    if let Some(path) = &args.textfile {
        file::replace(path, &prometheus::text(&survey), Readers::Everybody)
            .map_err(|failure| failure.hint("--textfile wants a file in a folder in which you may write"))?;
    }
    match app.output {
        Output::Human => {
            let table = matrix(&survey, app.terminal);
            let table = table.unwrap_or_else(|| lines(&survey.reports, Width::Narrow, &survey, app.terminal));
            out(&format!("{table}\n{}", findings(&survey, app.terminal)));
        }
        Output::Narrow | Output::Wide => out(&format!("\n{}", findings(&survey, app.terminal))),
        Output::Json => out(&certs_json::document(&survey)),
        Output::Markdown => out(&markdown::text(&survey)),
        Output::Csv => out(&csv::text(&survey)),
        Output::Prometheus => out(&prometheus::text(&survey)),
    }
    Ok(survey.exit())
}

/// The command that renews what was looked at.
fn renewal(app: &App, args: &CertsArgs) -> String {
    let options = app.next().options;
    let path = |path: &std::path::Path| human::word(&path.display().to_string());
    match (&args.lab, &args.inventory) {
        (Some(lab), _) => format!("certwright{options} rehearse --fault none --lab {}", path(lab)),
        (None, Some(file)) => {
            format!("certwright{options} run renew-control-plane --inventory {}", path(file))
        }
        (None, None) => format!("certwright{options} run renew-control-plane --inventory FILE"),
    }
}

/// A host as soon as it is there, with a heading of its own: columns are as wide as its own cells.
fn stream(app: &App, report: &Report, width: Width, (now, within_s): (i64, i64)) {
    let alone = Survey { reports: Vec::new(), findings: Vec::new(), now, within_s };
    if !report.rows.is_empty() {
        out(&lines(std::slice::from_ref(report), width, &alone, app.terminal));
    }
}

/// Between two looks of a watch.
fn separate(app: &App, now: i64) {
    match app.output {
        Output::Human | Output::Narrow | Output::Wide if app.terminal.live => out("\u{1b}[H\u{1b}[2J"),
        Output::Human | Output::Narrow | Output::Wide => out(&format!("\n{} UTC\n", when::date_of(now))),
        Output::Json | Output::Markdown | Output::Csv | Output::Prometheus => {}
    }
}
