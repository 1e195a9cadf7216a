//! Which run is meant: by its name, by a part of it that no other has, or by none.
//!
//! Invariant: where none is named, a rehearsal never stands before a run on real hosts, and what goes on is never a guess.

use certwright_engine::journal::{JournalError, ListedRun, RunId, RunState, RunSummary, StateDir};
use certwright_engine::machine::Outcome;

/// Which run is meant when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// The newest, to be looked at.
    Last,
    /// The only one on real hosts that has not come to an end; where there is none, the newest such rehearsal.
    Unfinished,
    /// The newest on real hosts that may have changed something, unless that is restored or given up; where there is none,
    /// the newest such rehearsal.
    Changed,
}

/// Why it is not clear which run is meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PickError {
    /// The state folder, or a newer run, cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Which run is meant cannot be told without this one.
    #[error("{error}")]
    Unreadable {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        error: Box<JournalError>,
    },
    /// No run has that in its name.
    #[error("there is no run `{part}`")]
    None {
        /// What was asked for, escaped.
        part: String,
    },
    /// More than one run has.
    #[error("`{part}` may be any of {}", runs.join(", "))]
    Several {
        /// What was asked for, escaped.
        part: String,
        /// The runs.
        runs: Vec<String>,
    },
    /// There is none at all.
    #[error("there is no run yet")]
    NoRuns,
    /// All have come to an end.
    #[error("every run has come to an end")]
    AllFinished,
    /// More than one has not.
    #[error("{} runs have not come to an end: {}", runs.len(), runs.join(", "))]
    SeveralUnfinished {
        /// The runs and their clusters, the newest first.
        runs: Vec<String>,
    },
    /// The newest one that changed something has been undone, or given up.
    #[error("the newest run that changed something, `{run}`, {how}")]
    Over {
        /// The run.
        run: RunId,
        /// What became of it.
        how: &'static str,
    },
    /// None has changed anything that is not restored or given up.
    #[error("no run has changes that could be undone")]
    NoneChanged,
}

/// The run that is meant.
pub(crate) fn pick(state: &StateDir, named: Option<&str>, default: Default) -> Result<RunId, PickError> {
    let list = state.list()?;
    if let Some(part) = named {
        if let Some(run) = list.iter().find(|run| run.id.as_str() == part) {
            return Ok(run.id.clone());
        }
        let part_of = |id: &RunId| !part.is_empty() && id.as_str().contains(part);
        let found: Vec<&RunId> = list.iter().map(|run| &run.id).filter(|id| part_of(id)).collect();
        let shown = certwright_engine::text::escape(part);
        return match found.as_slice() {
            [] => Err(PickError::None { part: shown }),
            [one] => Ok((*one).clone()),
            several => {
                let runs = several.iter().take(5).map(ToString::to_string).collect();
                Err(PickError::Several { part: shown, runs })
            }
        };
    }
    if list.is_empty() {
        return Err(PickError::NoRuns);
    }
    if default == Default::Last {
        let ListedRun { id, summary } = list.into_iter().next().ok_or(PickError::NoRuns)?;
        return match summary {
            Ok(_) => Ok(id),
            Err(error) => Err(PickError::Unreadable { run: id, error: Box::new(error) }),
        };
    }
    // A run that cannot be read is not passed over: the one after it may not be the one that is meant.
    let mut real = Vec::new();
    let mut rehearsal = None;
    for ListedRun { id, summary } in list {
        let summary =
            summary.map_err(|error| PickError::Unreadable { run: id.clone(), error: Box::new(error) })?;
        let over = how_over(summary.state).filter(|_| default == Default::Changed);
        match (&summary.header.lab, over) {
            // What was done before it is not what is meant after it.
            (None, Some(how)) if real.is_empty() => return Err(PickError::Over { run: id, how }),
            (Some(_), Some(how)) => rehearsal = rehearsal.or(Some(Err(PickError::Over { run: id, how }))),
            _ if !is_meant(summary.state, default) => {}
            (None, _) => real.push((id, summary)),
            (Some(_), None) => rehearsal = rehearsal.or(Some(Ok(id))),
        }
    }
    if default == Default::Unfinished && real.len() > 1 {
        let shown = |(id, summary): &(RunId, RunSummary)| {
            format!("`{id}` on cluster `{}`", summary.header.plan.cluster.name)
        };
        return Err(PickError::SeveralUnfinished { runs: real.iter().map(shown).collect() });
    }
    let real = real.into_iter().next().map(|(id, _)| Ok(id));
    real.or(rehearsal).unwrap_or(Err(match default {
        Default::Changed => PickError::NoneChanged,
        Default::Last | Default::Unfinished => PickError::AllFinished,
    }))
}

/// What became of a run that is over for good, though it may have changed something.
fn how_over(state: RunState) -> Option<&'static str> {
    match state {
        RunState::Finished(Outcome::Undone) => Some("is undone already"),
        RunState::Finished(Outcome::Abandoned) => Some("was given up"),
        RunState::Running
        | RunState::CutOff
        | RunState::Finished(
            Outcome::Failed | Outcome::Interrupted | Outcome::Stuck | Outcome::Changed | Outcome::Unchanged,
        ) => None,
    }
}

fn is_meant(state: RunState, default: Default) -> bool {
    match state {
        RunState::Running
        | RunState::CutOff
        | RunState::Finished(Outcome::Failed | Outcome::Interrupted | Outcome::Stuck) => true,
        RunState::Finished(Outcome::Changed) => default == Default::Changed,
        RunState::Finished(Outcome::Unchanged | Outcome::Undone | Outcome::Abandoned) => false,
    }
}
