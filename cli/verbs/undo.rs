//! `undo`: restores what a run changed, the latest change first.

use certwright_engine::clock::Clock;
use certwright_engine::machine::Input;
use certwright_engine::plan::UndoSupport;
use certwright_steps::kinds::certificate_facts;

use crate::app::App;
use crate::args::{Format, UndoArgs};
use crate::beside;
use crate::confirm::{confirm, refuse_other};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::count;
use crate::pick::{Default, pick};
use crate::place;
use crate::session::{Session, lab_wall_ms};
use crate::signals;
use crate::terminal::out;
use crate::view::RunView;
use crate::warning::Warning;

/// Shows what will be restored, asks where hosts are real, restores.
pub(crate) fn undo(app: &App, args: &UndoArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    let mut stops = signals::listen()?;
    let run = pick(&state, args.run.as_deref(), Default::Changed)?;
    let mut session = Session::take_up(&state, &run)?;
    if !session.state().can_undo() {
        return Err(Failure::nothing_to(&run, "undo", session.view().outcome));
    }
    if session.view().to_undo().next().is_none() {
        return Err(Failure::nothing_undoable(&run, &stays(session.view())));
    }
    beside::refuse_below_newer(app, &state, &run, session.view())?;
    refuse_other(&session.view().plan().cluster.name, args.yes.as_deref())?;
    let lab = session.lab(app)?;
    session.ssh_config(app).map(drop)?;
    session.fit(app)?;
    if app.format == Format::Human {
        out(&intent(session.view()));
    }
    let now_ms = lab.as_ref().map_or_else(|| Ok(Clock::system_wall_ms()), lab_wall_ms)?;
    if let Some(warning) = restores_expired(session.view(), now_ms.max(session.view().latest_ms)) {
        warning.tell(app.format);
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

/// Says beforehand that what is restored has expired: the cluster is then as broken as before the run.
fn restores_expired(view: &RunView, now_ms: u64) -> Option<Warning> {
    const NAMED: usize = 3;
    let plan = view.plan();
    let mut expired = Vec::new();
    for id in view.to_undo() {
        let before = view.tasks[id.0 as usize].first.as_ref().and_then(certificate_facts).unwrap_or_default();
        let ended = before.iter().filter(|c| u64::try_from(c.not_after).is_ok_and(|at| at * 1000 <= now_ms));
        expired.extend(ended.map(|c| format!("{} of {}", c.name, plan.host(id).name)));
    }
    if expired.is_empty() {
        return None;
    }
    let more = match expired.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let named = expired.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    Some(Warning {
        code: "restores-expired",
        message: format!(
            "{} that this restores {} expired: {named}{more}",
            count(expired.len(), "certificate"),
            if expired.len() == 1 { "has" } else { "have" }
        ),
        hint: "what reads them fails as it did before the run, until they are renewed again".to_owned(),
    })
}

/// Changes of the run that no undo restores.
fn stays(view: &RunView) -> Vec<String> {
    view.tasks_with_ids()
        .filter(|(id, task)| task.acted && view.plan().step(*id).undo == UndoSupport::Unsupported)
        .map(|(id, _)| view.plan().task_name(id))
        .collect()
}
