//! `report`: a run written down for a change ticket.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::App;
use super::show::read;
use crate::args::{Format, ReportArgs, ReportForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pick::{Default, pick};
use crate::report::{Report, html, markdown};
use crate::terminal::out;
use crate::{human, json};

/// Reads the journal and writes the report; changes nothing.
pub(crate) fn report(app: &App, args: &ReportArgs) -> Result<Exit, Failure> {
    let form = form(app, args)?;
    let state = app.state()?;
    let run = pick(&state, args.run.as_deref(), Default::Last)?;
    let read = read(&state, &run)?;
    let report = Report::new(&read.view, &read.records);
    let text = match form {
        ReportForm::Html => html(&read.view, &report),
        ReportForm::Markdown => markdown(&read.view, &report),
        ReportForm::Json => json::document("report", &report),
    };
    match &args.to {
        None => out(&text),
        Some(path) => {
            write(path, &text)?;
            if app.format == Format::Human {
                out(&format!("{} tells run {run}\n", human::word(&path.display().to_string())));
            }
        }
    }
    Ok(Exit::Done)
}

fn form(app: &App, args: &ReportArgs) -> Result<ReportForm, Failure> {
    if let Some(form) = args.form {
        return Ok(form);
    }
    let Some(path) = &args.to else {
        return Ok(if app.format == Format::Json { ReportForm::Json } else { ReportForm::Markdown });
    };
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html" | "htm") => Ok(ReportForm::Html),
        Some("md" | "markdown") => Ok(ReportForm::Markdown),
        Some("json") => Ok(ReportForm::Json),
        Some(_) | None => {
            let message = format!("`{}` does not say as what the report is to be written", path.display());
            Err(Failure::new(Exit::Invalid, "usage", certwright_engine::text::escape(&message)).hint(
                "let its name end in .html, .md or .json, or add --as html, --as markdown or --as json",
            ))
        }
    }
}

/// Writes a new file that nobody else may read: it names hosts and who acted.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::system(&format!("write the report `{}`", path.display()), &error)
            .hint("--to wants the name of a file that is not there yet")
    })
}
