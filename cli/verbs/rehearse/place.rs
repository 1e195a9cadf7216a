//! Where a rehearsal is: the folder of its lab, and where its run is kept.

use std::path::{Path, PathBuf};

use certwright_engine::clock::Clock;
use certwright_engine::journal::StateDir;
use certwright_steps::lab::{Lab, LabSpec};
use tempfile::TempDir;

use crate::app::App;
use crate::args::RehearseArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::is_lab;
use crate::source::{self, Text};

/// Whether the lab was made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    New,
    Kept,
}

/// Where the lab and the run are.
pub(super) struct Place {
    pub(super) lab: PathBuf,
    pub(super) state: StateDir,
    _vanishes: Option<TempDir>,
}

impl Place {
    /// In the folder that is kept, or in one that vanishes.
    pub(super) fn of(app: &App, kept: Option<&Path>) -> Result<Self, Failure> {
        if let Some(folder) = kept {
            let lab = std::path::absolute(folder).map_err(|error| Failure::system("find the lab", &error))?;
            return Ok(Self { lab, state: app.state()?, _vanishes: None });
        }
        let folder = tempfile::Builder::new()
            .prefix("certwright-lab-")
            .tempdir()
            .map_err(|error| Failure::system("make a folder for the lab", &error))?;
        let (lab, state) = (folder.path().join("lab"), StateDir::new(folder.path().join("state")));
        Ok(Self { lab, state, _vanishes: Some(folder) })
    }

    /// The lab that is there, or a new one shaped like the inventory.
    pub(super) fn lab(&self, app: &App, args: &RehearseArgs, plan: &Text) -> Result<(Lab, Origin), Failure> {
        let is_empty = match std::fs::read_dir(&self.lab) {
            Ok(mut names) => names.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        // What is there and no lab is never made one: it may be anybody's folder.
        if !is_empty {
            if !is_lab(&self.lab) {
                let message = format!("`{}` is not a lab", self.lab.display());
                return Err(Failure::new(Exit::Refused, "lab", message)
                    .hint("give --lab a folder that is not there yet, or an earlier lab"));
            }
            return Ok((Lab::open(&self.lab)?, Origin::Kept));
        }
        let spec = match &args.inventory {
            None => LabSpec::default(),
            Some(path) => {
                let like = app.resolve_texts(plan, &source::file(path)?, &args.choices)?;
                LabSpec::like(&like.cluster, &like.hosts)
            }
        };
        Ok((Lab::create(&self.lab, &spec, &Clock::real())?, Origin::New))
    }
}
