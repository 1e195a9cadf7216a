//! `certs`: every certificate of every host, and what is to be said of them.

use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::text::harmless;
use certwright_steps::certs::{Ask, Report};
use certwright_steps::tools::collect::Keys;

use crate::app::App;
use crate::args::{CertsArgs, Output};
use crate::certs::{
    Asked, Audience, Connections, Live, Survey, Target, ask, csv, json as certs_json, markdown, prometheus,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::{self, Readers};
use crate::human::certs::{Width, answer, findings, lines, matrix};
use crate::runtime::{Runtime, Time};
use crate::terminal::{Terminal, clear_screen, lost, out, out_crlf, out_document};
use crate::{human, runtime, signals, when};

/// Looks at every host and tells; changes nothing.
pub(crate) fn certs(app: &App, args: &CertsArgs) -> Result<Exit, Failure> {
    let mut stops = signals::listen()?;
    let lab = Target::lab(app, args)?;
    let runtime = Runtime::new(if lab.is_some() { Time::Virtual } else { Time::Real })?;
    runtime.block_on(async {
        let targets = Target::all(app, args, lab.as_ref().map(|(lab, now)| (lab, *now)))?;
        if let Some(path) = &args.textfile {
            file::replaceable(path, "--textfile")?;
        }
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
    let (mut last, mut reports) = (None, Vec::new());
    loop {
        let look = once(app, args, targets, clock, std::mem::take(&mut reports));
        let (exit, told) = match (signals::unless_stopped(stops, "while looking", look).await, last) {
            (Ok(done), _) => done?,
            // Ctrl-C ends a watch; what was seen last counts.
            (Err(_), Some(exit)) => return Ok(exit),
            (Err(stopped), None) => return Err(stopped),
        };
        // Whose reader is gone watches for nobody.
        let Some(period) = args.watch.filter(|_| lost().is_none()) else { return Ok(exit) };
        (last, reports) = (Some(exit), told);
        let pause = tokio::time::sleep(period.into());
        if signals::unless_stopped(stops, "while waiting", pause).await.is_err() {
            return Ok(exit);
        }
    }
}

/// One look; `before` is what the last one has told, and it returns what this one has.
async fn once(
    app: &App,
    args: &CertsArgs,
    targets: &[Target],
    clock: &Clock,
    before: Vec<Report>,
) -> Result<(Exit, Vec<Report>), Failure> {
    let within: Duration = args.within.into();
    let within_s = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
    let asked = Asked {
        keys: if args.no_keys { Keys::NotAsked } else { Keys::Asked },
        ask: if args.served { Ask::Running } else { Ask::Files },
        at_once: usize::from(args.at_once),
        connections: if args.watch.is_some() { Connections::Kept } else { Connections::Closed },
    };
    let wall_ms = clock.wall_ms();
    let now = i64::try_from(wall_ms / 1000).expect("the clock is in this millennium");
    if let Some(period) = args.watch {
        begin(app, wall_ms, period, !before.is_empty());
    }
    let names: Vec<&str> = targets.iter().map(Target::name).collect();
    let streams = match app.output {
        Output::Human => Streams::Answers,
        Output::Narrow => Streams::Rows(Width::Narrow),
        Output::Wide => Streams::Rows(Width::Wide),
        Output::Json | Output::Markdown | Output::Csv | Output::Prometheus => Streams::Nothing,
    };
    let empty = Survey { reports: Vec::new(), findings: Vec::new(), now, within_s };
    let live = Live::new(app.terminal, &names);
    let mut shown = Shown { terminal: app.terminal, of: targets.len(), streams, empty, live };
    let reports = ask(targets, before, asked, clock, &mut shown).await;
    drop(shown);
    let survey = Survey::new(reports, now, within_s, &renewal(app, args));
    if let Some(path) = &args.textfile {
        file::replace(path, &harmless(&prometheus::text(&survey)), Readers::Everybody)
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
        Output::Markdown => out_document(&markdown::text(&survey)),
        Output::Csv => out_crlf(&csv::text(&survey)),
        Output::Prometheus => out_document(&prometheus::text(&survey)),
    }
    Ok((survey.exit(), survey.reports))
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

/// What is told of a host before all have answered.
#[derive(Debug, Clone, Copy)]
enum Streams {
    /// On a terminal that it has answered, at once: a table of all hosts follows.
    Answers,
    /// Its rows, in its turn.
    Rows(Width),
    /// Nothing: one document follows.
    Nothing,
}

/// What is shown while hosts are asked.
struct Shown {
    terminal: Terminal,
    of: usize,
    streams: Streams,
    /// Dates to judge rows by, and no host.
    empty: Survey,
    live: Option<Live>,
}

impl Audience for Shown {
    fn answered(&mut self, report: &Report, left: &[&str]) {
        let Some(live) = &mut self.live else { return };
        match self.streams {
            Streams::Answers => live.say(&answer(report, &self.empty, self.terminal)),
            Streams::Rows(_) | Streams::Nothing => {}
        }
        live.show(self.of, left);
    }

    /// With a heading of its own: columns are as wide as its own cells.
    fn in_turn(&mut self, report: &Report) {
        let width = match self.streams {
            Streams::Rows(width) if !report.rows.is_empty() => width,
            Streams::Rows(_) | Streams::Answers | Streams::Nothing => return,
        };
        let text = lines(std::slice::from_ref(report), width, &self.empty, self.terminal);
        match &self.live {
            Some(live) => live.say(&text),
            None => out(&text),
        }
    }
}

/// Before a look of a watch: when that is, in the place of the look before it where there is one.
fn begin(app: &App, wall_ms: u64, period: humantime::Duration, again: bool) {
    match app.output {
        Output::Human | Output::Narrow | Output::Wide => {}
        Output::Json | Output::Markdown | Output::Csv | Output::Prometheus => return,
    }
    match (again, app.terminal.live) {
        (true, true) => clear_screen(),
        (true, false) => out("\n"),
        (false, _) => {}
    }
    out(&format!("{} UTC, again every {period}\n\n", when::seconds(wall_ms)));
}
