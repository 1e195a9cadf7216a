//! Which run is meant: by its name, by a part of it that no other has, or by none.

use certwright_engine::journal::{JournalError, ListedRun, RunId, RunState, StateDir};
use certwright_engine::machine::Outcome;

/// Which run is meant when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// The newest.
    Last,
    /// The newest that has not come to an end.
    LastUnfinished,
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
    for ListedRun { id, summary } in list {
        // A run that cannot be read is not passed over: the one after it may not be the one that is meant.
        let unfinished = match summary?.state {
            RunState::Running
            | RunState::CutOff
            | RunState::Finished(Outcome::Failed | Outcome::Interrupted | Outcome::Stuck) => true,
            RunState::Finished(
                Outcome::Unchanged | Outcome::Changed | Outcome::Undone | Outcome::Abandoned,
            ) => false,
        };
        if unfinished || default == Default::Last {
            return Ok(id);
        }
    }
    Err(PickError::AllFinished)
}
