//! What other runs of a cluster mean for this one.
//!
//! What an undo needs to know (what the first probe saw) is in the journal of the run that changed something. A new run
//! on top of an unfinished one would see its half-made changes as the state to restore; an undo below a newer run would
//! put back files from before both. A lab is to its rehearsals what a cluster is to its runs. Deliberately absent:
//! rehearsals under a real run, and runs that cannot be read (a new run is the way out of a damaged journal).

use certwright_engine::journal::{Entry, ListedRun, RunId, RunState, RunSummary, StateDir};
use certwright_engine::machine::Outcome;

use crate::app::App;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::words::outcome_word;
use crate::view::RunView;

/// Refuses a new run while an older one of the cluster has changed something and has not come to an end.
pub(crate) fn refuse_unfinished(app: &App, state: &StateDir, cluster: &str) -> Result<(), Failure> {
    refuse_one_of(app, state, runs_of(state, cluster, None)?)
}

/// Refuses a new rehearsal in a lab while the run that began last in it has changed something and has not come to an end.
pub(crate) fn refuse_unfinished_in(
    app: &App,
    state: &StateDir,
    folder: &str,
    last: &str,
) -> Result<(), Failure> {
    // Others of that folder were in a lab that is gone.
    let mut runs = runs_of(state, "", Some(folder))?;
    runs.retain(|(run, _)| run.as_str() == last);
    refuse_one_of(app, state, runs)
}

fn refuse_one_of(app: &App, state: &StateDir, runs: Vec<(RunId, RunSummary)>) -> Result<(), Failure> {
    for (run, summary) in runs {
        let stands = match summary.state {
            RunState::Running => "running",
            RunState::CutOff => "cut off",
            RunState::Finished(outcome) => match outcome {
                Outcome::Failed | Outcome::Interrupted | Outcome::Stuck => outcome_word(outcome),
                Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Abandoned => continue,
            },
        };
        if let Some(view) = read(state, &run).filter(|view| view.tasks.iter().any(|task| task.acted)) {
            return Err(unfinished(&view, stands, &app.next().options));
        }
    }
    Ok(())
}

fn unfinished(view: &RunView, stands: &str, options: &str) -> Failure {
    let run = &view.header.run;
    let what = match &view.header.lab {
        None => format!("cluster `{}`", view.plan().cluster.name),
        Some(lab) => format!("the lab in `{lab}`"),
    };
    let message = format!("run `{run}` has changed {what} and is not finished ({stands})");
    let mut failure = Failure::new(Exit::Refused, "unfinished-run", message);
    if view.is_resumable() {
        failure = failure.hint(format!("`certwright{options} resume {run}` goes on with it"));
    }
    if view.to_undo().next().is_some() {
        failure = failure.hint(format!("`certwright{options} undo {run}` restores what it changed"));
    }
    failure.hint(format!("`certwright{options} abandon {run}` gives it up: what it changed stays"))
}

/// Refuses the undo of a run while a newer one of the same machines has changes that can be undone.
pub(crate) fn refuse_below_newer(
    app: &App,
    state: &StateDir,
    run: &RunId,
    view: &RunView,
) -> Result<(), Failure> {
    let cluster = &view.plan().cluster.name;
    for (newer, summary) in runs_of(state, cluster, view.header.lab.as_deref())? {
        if newer <= *run {
            break;
        }
        let is_over = match summary.state {
            RunState::Finished(Outcome::Unchanged | Outcome::Undone | Outcome::Abandoned) => true,
            RunState::Running
            | RunState::CutOff
            | RunState::Finished(
                Outcome::Changed | Outcome::Failed | Outcome::Interrupted | Outcome::Stuck,
            ) => false,
        };
        if !is_over && read(state, &newer).is_some_and(|view| view.to_undo().next().is_some()) {
            let message = format!("run `{newer}` changed cluster `{cluster}` after run `{run}`");
            let options = app.next().options;
            return Err(Failure::new(Exit::Refused, "newer-run", message)
                .hint("an undo of the older one would put back files from before both")
                .hint(format!("`certwright{options} undo {newer}` comes first")));
        }
    }
    Ok(())
}

/// The runs of a cluster, or of a lab, the newest first.
fn runs_of(state: &StateDir, cluster: &str, lab: Option<&str>) -> Result<Vec<(RunId, RunSummary)>, Failure> {
    let readable = |ListedRun { id, summary }: ListedRun| Some((id, summary.ok()?));
    let same = |(_, summary): &(RunId, RunSummary)| {
        let header = &summary.header;
        header.lab.as_deref() == lab && (lab.is_some() || header.plan.cluster.name == cluster)
    };
    Ok(state.list()?.into_iter().filter_map(readable).filter(same).collect())
}

/// What a run's journal tells; None when it cannot be read to its end.
fn read(state: &StateDir, run: &RunId) -> Option<RunView> {
    let mut scan = state.read(run).ok()?;
    let Entry::Record(first) = scan.next()?.ok()? else { return None };
    let mut view = RunView::begin(&first)?;
    for entry in scan {
        match entry.ok()? {
            Entry::Record(record) => view.apply(&record),
            // Of a later certwright: the rest is as good as it can be known here.
            Entry::Unknown(_) => {}
        }
    }
    Some(view)
}
