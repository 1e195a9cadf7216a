//! `resume`: goes on with a run, whatever ended its last process.

use certwright_engine::machine::Input;

use crate::app::App;
use crate::args::ResumeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pick::{Default, pick};
use crate::place;
use crate::session::Session;
use crate::signals;

/// Replays the journal and enters the same loop as a new run.
pub(crate) fn resume(app: &App, args: &ResumeArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let stops = signals::listen()?;
    let run = pick(&state, args.run.as_deref(), Default::Unfinished)?;
    let mut session = Session::take_up(&state, &run)?;
    if !session.state().can_resume() {
        return Err(Failure::nothing_to(&run, "resume", session.view().outcome));
    }
    session.fit(app)?;
    session.drive(app, Input::Resume { operator: place::operator() }, stops)
}
