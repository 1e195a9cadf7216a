//! `abandon`: gives a run up for good, so that its cluster is free for another one.

use certwright_engine::machine::Input;

use super::App;
use crate::args::{AbandonArgs, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::pick::{Default, pick};
use crate::place;
use crate::session::Session;
use crate::terminal::out;

/// Records the decision; no host is touched.
pub(crate) fn abandon(app: &App, args: &AbandonArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let run = pick(&state, args.run.as_deref(), Default::LastUnfinished)?;
    let mut session = Session::take_up(&state, &run)?;
    if !session.state().can_abandon() {
        return Err(Failure::nothing_to(&run, "abandon", session.view().outcome));
    }
    session.record(Input::Abandon { operator: place::operator() })?;
    match app.format {
        Format::Json => out(&json::document("summary", json::run(session.view()))),
        Format::Human => {
            let kept = "what it changed stays; nothing can be resumed or undone any more";
            out(&format!("Run {run} is abandoned: {kept}.\n"));
        }
    }
    Ok(Exit::Done)
}
