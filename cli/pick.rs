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
    /// The newest on real hosts that may have changed something; where there is none, the newest such rehearsal.
    Changed,
}

/// Why it is not clear which run is meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PickError {
    /// The state folder, or a newer run, cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
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
        return list.into_iter().next().map(|run| run.id).ok_or(PickError::NoRuns);
    }
    // A run that cannot be read is not passed over: the one after it may not be the one that is meant.
    let mut real = Vec::new();
    let mut rehearsal = None;
    for ListedRun { id, summary } in list {
        let summary = summary?;
        match summary.header.lab {
            _ if !is_meant(summary.state, default) => {}
            None => real.push((id, summary)),
            Some(_) => rehearsal = rehearsal.or(Some(id)),
        }
    }
    if default == Default::Unfinished && real.len() > 1 {
        let shown = |(id, summary): &(RunId, RunSummary)| {
            format!("`{id}` on cluster `{}`", summary.header.plan.cluster.name)
        };
        return Err(PickError::SeveralUnfinished { runs: real.iter().map(shown).collect() });
    }
    real.into_iter().next().map(|(id, _)| id).or(rehearsal).ok_or(match default {
        Default::Changed => PickError::NoneChanged,
        Default::Last | Default::Unfinished => PickError::AllFinished,
    })
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
