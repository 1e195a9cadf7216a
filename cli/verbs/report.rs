//! `report`: a run written down for a change ticket.

use super::show::read;
use crate::app::App;
use crate::args::{Format, ReportArgs, ReportForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pick::{Default, pick};
use crate::report::{Report, html, markdown};
use crate::terminal::out;
use crate::{file, human, json};

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
            // It names hosts and who acted.
            file::create(path, &text, "report", "--to")?;
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
