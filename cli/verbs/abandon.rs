//! `abandon`: gives a run up for good, so that its cluster and its hosts are free for another one.
//!
//! The decision is recorded first; then every host is let go of. That can be repeated until all were reached, and where
//! the journal is on no workstation any more, an inventory says which hosts there are.

use std::path::Path;

use certwright_engine::host::Claim;
use certwright_engine::journal::{RunId, StateDir};
use certwright_engine::machine::Input;
use certwright_engine::plan::HostSpec;

use crate::app::App;
use crate::args::{AbandonArgs, Format};
use crate::confirm::{About, confirm_name};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pick::{Default, pick};
use crate::session::Session;
use crate::terminal::out;
use crate::view::{Phase, RunView};
use crate::warning::Warning;
use crate::{hosts, human, json, place, runtime, signals, source};

/// Records the decision, unless the run is over already, and frees its hosts.
pub(crate) fn abandon(app: &App, args: &AbandonArgs) -> Result<Exit, Failure> {
    let state = app.state()?;
    if let (Some(inventory), Some(run)) = (&args.inventory, &args.run) {
        return unknown(app, &state, run, &source::file(inventory)?, args.yes.as_deref());
    }
    let mut stops = signals::listen()?;
    let run = pick(&state, args.run.as_deref(), Default::Unfinished)?;
    let mut session = Session::take_up(&state, &run)?;
    let is_open = session.state().can_abandon();
    let has_hosts = session.view().header.lab.is_none() && session.view().tasks.iter().any(|task| task.acted);
    if !is_open && !has_hosts {
        return Err(Failure::nothing_to(&run, "abandon", session.view().outcome));
    }
    let is_asked = is_open && args.run.is_none() && session.view().header.lab.is_none();
    if is_asked || args.yes.is_some() {
        confirm_name(
            &About::Run(run.to_string()),
            args.yes.as_deref(),
            &given_up(session.view()),
            &mut stops,
        )?;
    }
    // Before the decision: hosts that cannot be reached without it would stay claimed.
    let ssh_config = if has_hosts { session.ssh_config(app)? } else { None };
    if is_open {
        session.record(Input::Abandon { operator: place::operator() })?;
    }
    let warning = if has_hosts {
        let hosts: Vec<HostSpec> = session.view().plan().worked_on().cloned().collect();
        let again = format!("{} abandon {run}", app.next().options);
        free(&hosts, ssh_config.as_deref(), run.as_str(), &again)?
    } else {
        None
    };
    match app.format {
        Format::Json => out(&json::document("summary", json::run(session.view()))),
        Format::Human if is_open => {
            let kept = "what it changed stays; nothing can be resumed or undone any more";
            out(&format!("Run {run} is abandoned: {kept}.{}\n", half_undone(session.view())));
        }
        Format::Human => out(&format!("Run {run} was over already.\n")),
    }
    Ok(tell(app, warning.as_ref()))
}

/// A run without a journal here.
fn unknown(
    app: &App,
    state: &StateDir,
    run: &str,
    inventory: &source::Text,
    yes: Option<&str>,
) -> Result<Exit, Failure> {
    let run: RunId = run.parse()?;
    let is_here = state.list()?.into_iter().any(|listed| listed.id == run && listed.summary.is_ok());
    if is_here {
        let message = format!("run `{run}` has its journal on this workstation");
        return Err(Failure::new(Exit::Refused, "known-run", message)
            .hint(format!("`certwright{} abandon {run}` gives it up", app.next().options)));
    }
    let mut stops = signals::listen()?;
    let specs = app.hosts(inventory)?;
    let what = "This frees the hosts of the inventory from that run. Whoever still has its journal must not resume it: \
                be sure that its workstation is gone.";
    confirm_name(&About::Run(run.to_string()), yes, what, &mut stops)?;
    let file = human::word(&inventory.name);
    let again = format!("{} abandon --inventory {file} {run}", app.next().options);
    let warning = free(&specs, app.ssh_config.as_deref(), run.as_str(), &again)?;
    match app.format {
        Format::Json => out(&json::document("freed", serde_json::json!({ "run": run.to_string() }))),
        Format::Human => {
            let which = if warning.is_none() { "The" } else { "All other" };
            out(&format!("{which} hosts of {} are free of run {run}.\n", inventory.name));
        }
    }
    Ok(tell(app, warning.as_ref()))
}

/// What an operator who named no run agrees to.
fn given_up(view: &RunView) -> String {
    format!(
        "This gives the run of plan {} on cluster {} up for good: what it changed stays, and nothing of it can be resumed \
         or undone any more.{}",
        view.plan().name,
        view.plan().cluster.name,
        half_undone(view)
    )
}

/// Says of a run whose undo did not come to its end that it is neither as before nor as wanted.
fn half_undone(view: &RunView) -> &'static str {
    if view.tasks.iter().any(|task| matches!(task.phase, Phase::Undone | Phase::Stuck)) {
        "\nIts undo is not finished: some of its changes are restored, others are not."
    } else {
        ""
    }
}

/// Lets go of every one of these hosts; `again` is what to type where some were not reached.
fn free(
    specs: &[HostSpec],
    ssh_config: Option<&Path>,
    run: &str,
    again: &str,
) -> Result<Option<Warning>, Failure> {
    let claim = Claim { run: run.to_owned(), operator: place::operator() };
    let kept = runtime::block_on_real(async {
        let hosts = hosts::real(specs, ssh_config, Some(claim));
        let kept = hosts::release(&hosts, specs).await;
        runtime::close(&hosts).await;
        kept
    })?;
    Ok(hosts::not_released(run, &kept, again))
}

fn tell(app: &App, warning: Option<&Warning>) -> Exit {
    let Some(warning) = warning else { return Exit::Done };
    warning.tell(app.format);
    Exit::Failed
}

#[cfg(test)]
mod tests {
    use certwright_engine::machine::Event;
    use certwright_engine::plan::TaskId;

    use super::*;
    use crate::story::{Story, ends};

    #[test]
    fn whoever_gives_up_a_run_in_its_undo_is_told_that_it_is_half_done() {
        let mut story = Story::begin();
        story.starts(1, 1).changes(1, 1, ends(2_000_000_000));
        assert!(given_up(&story.view()).ends_with("or undone any more."), "{}", given_up(&story.view()));
        let task = TaskId(1);
        story.push(Event::UndoStarted { operator: "ops@ws".to_owned() });
        story.push(Event::StepUndoStarted { task, attempt: 2 });
        story.push(Event::Undone { task, attempt: 2, summary: "restored".to_owned() });
        assert!(given_up(&story.view()).ends_with("others are not."), "{}", given_up(&story.view()));
    }
}
