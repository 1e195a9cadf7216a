//! `undo`: restores what a run changed, the latest change first.

use certwright_engine::machine::Input;
use certwright_engine::plan::UndoSupport;

use super::App;
use crate::args::{Format, UndoArgs};
use crate::beside;
use crate::confirm::{confirm, refuse_other};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pick::{Default, pick};
use crate::place;
use crate::session::Session;
use crate::signals;
use crate::terminal::out;
use crate::view::RunView;

/// Shows what will be restored, asks where hosts are real, restores.
pub(crate) fn undo(app: &App, args: &UndoArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let mut stops = signals::listen()?;
    let run = pick(&state, args.run.as_deref(), Default::Last)?;
    let session = Session::take_up(&state, &run)?;
    if !session.state().can_undo() {
        return Err(Failure::nothing_to(&run, "undo", session.view().outcome));
    }
    if session.view().to_undo().next().is_none() {
        return Err(Failure::nothing_undoable(&run, &stays(session.view())));
    }
    beside::refuse_below_newer(app, &state, &run, session.view())?;
    refuse_other(&session.view().plan().cluster.name, args.yes.as_deref())?;
    session.lab(app).map(drop)?;
    session.ssh_config(app).map(drop)?;
    if app.format == Format::Human {
        out(&intent(session.view()));
    }
    if session.view().header.lab.is_none() {
        let cluster = &session.view().plan().cluster.name;
        confirm(
            cluster,
            args.yes.as_deref(),
            "This restores files on real hosts and restarts what reads them.",
            &mut stops,
        )?;
    }
    session.drive(app, Input::Undo { operator: place::operator() }, stops)
}

fn intent(view: &RunView) -> String {
    let mut tasks: Vec<String> = view.to_undo().map(|id| view.plan().task_name(id)).collect();
    tasks.reverse();
    let mut text = format!("Undo of run {} restores, in this order:\n", view.header.run);
    for task in tasks {
        text.push_str("  ");
        text.push_str(&task);
        text.push('\n');
    }
    let stays = stays(view);
    if !stays.is_empty() {
        text.push_str("Cannot be undone and stays: ");
        text.push_str(&stays.join(", "));
        text.push('\n');
    }
    text
}

/// Changes of the run that no undo restores.
fn stays(view: &RunView) -> Vec<String> {
    view.tasks_with_ids()
        .filter(|(id, task)| task.acted && view.plan().step(*id).undo == UndoSupport::Unsupported)
        .map(|(id, _)| view.plan().task_name(id))
        .collect()
}
