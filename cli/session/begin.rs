//! A run before its record 1: its id and its cluster are taken, nothing is written yet.

use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_engine::journal::{ClusterLock, FORMAT, RunId, StateDir};
use certwright_engine::machine::Header;
use certwright_engine::plan::Plan;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place;

/// Where the hosts of a new run are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ground<'a> {
    /// Real ones, reached with this ssh_config before the operator's own.
    Real { ssh_config: Option<&'a Path> },
    /// Those of the lab in this folder.
    Lab(&'a Path),
}

/// A run that is about to begin: its cluster is ours, its journal does not exist yet.
pub(crate) struct Begin {
    pub(super) state: StateDir,
    pub(super) header: Header,
    pub(super) run: RunId,
    pub(super) lock: ClusterLock,
}

impl Begin {
    /// Takes the cluster for a new run.
    pub(crate) fn new(state: &StateDir, plan: Plan, ground: Ground<'_>) -> Result<Self, Failure> {
        let chance = || getrandom::u64().map_err(|error| Failure::system("ask for randomness", &error));
        let run = RunId::new(Clock::system_wall_ms(), chance()?);
        let (lab, ssh_config) = match ground {
            Ground::Lab(folder) => (Some(folder.display().to_string()), None),
            Ground::Real { ssh_config } => (None, ssh_config.map(text).transpose()?),
        };
        let lock = state.lock_cluster(&lock_name(&plan, lab.as_deref()), &run)?;
        let header = Header {
            format: FORMAT,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            run: run.to_string(),
            seed: chance()?,
            operator: place::operator(),
            lab,
            ssh_config,
            plan,
        };
        Ok(Self { state: state.clone(), header, run, lock })
    }

    /// The id the run will have.
    pub(crate) fn run(&self) -> &str {
        self.run.as_str()
    }

    /// The plan of the run.
    pub(crate) fn plan(&self) -> &Plan {
        &self.header.plan
    }
}

/// A path as the journal holds it.
fn text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let message = format!("the path `{}` is not UTF-8, so no run can keep it", path.display());
        Failure::new(Exit::Refused, "system", message)
    })
}

/// A rehearsal does not hold the real cluster: it has a lock of its own, named after its lab.
pub(super) fn lock_name(plan: &Plan, lab: Option<&str>) -> String {
    match lab {
        None => plan.cluster.name.clone(),
        Some(lab) => format!("lab {lab}"),
    }
}
