//! The verbs, one a file, and what they share: where results go and how failures end.

mod check;

mod plan;

mod doctor;

mod certs;

mod run;

mod resume;

mod undo;

mod abandon;

mod show;

mod report;

mod runs;

mod inventory;

mod completions;

mod rehearse;

use clap::Parser;
use clap::error::ErrorKind;

use crate::app::App;
use crate::args::{Cli, Format, Verb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{err, lost, out};
use crate::{human, json};

/// Reads the command line, does what it says, and tells how that ended.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let app = App::new(&cli);
    let result = app.check_options(&cli.verb).and_then(|()| act(&app, &cli.verb));
    let exit = result.unwrap_or_else(|failure| {
        tell(&failure, app.format);
        failure.exit
    });
    told(&app, &cli.verb, exit)
}

/// How a verb ends of whose words some did not get to standard output; a reader that has had enough is no error.
fn told(app: &App, verb: &Verb, exit: Exit) -> Exit {
    let Some(error) = lost().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe) else {
        return exit;
    };
    let failure = Failure::system("write to standard output", error);
    match verb {
        Verb::Check(_)
        | Verb::Plan(_)
        | Verb::Doctor(_)
        | Verb::Certs(_)
        | Verb::Show(_)
        | Verb::Report(_)
        | Verb::Runs(_)
        | Verb::Completions(_)
        | Verb::Inventory(_) => {
            tell(&failure, Format::Human);
            failure.exit
        }
        // What they did is done, and the journal tells it.
        Verb::Run(_) | Verb::Resume(_) | Verb::Undo(_) | Verb::Abandon(_) | Verb::Rehearse(_) => {
            let show = format!("`certwright{} show` tells what was not written", app.next().options);
            tell(&failure.hint(show), Format::Human);
            exit
        }
    }
}

fn act(app: &App, verb: &Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Check(args) => check::check(app, args),
        Verb::Plan(args) => plan::plan(app, args),
        Verb::Doctor(args) => doctor::doctor(app, args),
        Verb::Certs(args) => certs::certs(app, args),
        Verb::Run(args) => run::run(app, args),
        Verb::Resume(args) => resume::resume(app, args),
        Verb::Undo(args) => undo::undo(app, args),
        Verb::Abandon(args) => abandon::abandon(app, args),
        Verb::Show(args) => show::show(app, args),
        Verb::Report(args) => report::report(app, args),
        Verb::Runs(args) => runs::runs(app, args),
        Verb::Inventory(args) => inventory::inventory(app, &args.source),
        Verb::Completions(args) => Ok(completions::completions(args)),
        Verb::Rehearse(args) => rehearse::rehearse(app, args),
    }
}

fn tell(failure: &Failure, format: Format) {
    match format {
        Format::Human => err(&human::failure(failure)),
        Format::Json => out(&json::error(failure)),
    }
}

/// A command line that clap does not accept, or one that asks for help.
fn usage(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            out(&error.render().to_string());
            Exit::Done
        }
        _ if wants_json() => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let mut failure = Failure::new(Exit::Invalid, "usage", lines.next().unwrap_or_default());
            failure.hints = lines.map(str::to_owned).collect();
            tell(&failure, Format::Json);
            Exit::Invalid
        }
        _ => {
            err(&error.render().to_string());
            Exit::Invalid
        }
    }
}

/// Whether JSON was asked for on a command line that could not be parsed.
fn wants_json() -> bool {
    let args: Vec<_> = std::env::args_os().collect();
    args.iter().any(|arg| arg == "--output=json")
        || args.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json")
}
