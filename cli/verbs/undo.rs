//! `undo`: restores what a run changed, the latest change first.

use certwright_engine::machine::Input;

use super::App;
use crate::args::{Format, UndoArgs};
use crate::confirm::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pick::{Default, pick};
use crate::place;
use crate::session::Session;
use crate::terminal::out;
use crate::view::RunView;

/// Shows what will be restored, asks where hosts are real, restores.
pub(crate) fn undo(app: &App, args: &UndoArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let run = pick(&state, args.run.as_deref(), Default::Last)?;
    let session = Session::take_up(&state, &run)?;
    if !session.state().can_undo() {
        return Err(Failure::nothing_to(&run, "undo", session.view().outcome));
    }
    if app.format == Format::Human {
        out(&intent(session.view()));
    }
    if session.view().header.lab.is_none() {
        let cluster = &session.view().plan().cluster.name;
        confirm(
            cluster,
            args.yes.as_deref(),
            "This restores files on real hosts and restarts what reads them.",
        )?;
    }
    session.drive(app, Input::Undo { operator: place::operator() })
}

fn intent(view: &RunView) -> String {
    let mut tasks: Vec<String> = view.to_undo().map(|id| view.plan().task_name(id)).collect();
    tasks.reverse();
    if tasks.is_empty() {
        return format!("Run {} has nothing that can be undone.\n\n", view.header.run);
    }
    format!("Undo of run {}: restores, in this order,\n  {}\n\n", view.header.run, tasks.join("\n  "))
}
