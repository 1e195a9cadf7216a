//! Where a rehearsal is: the folder of its lab, and where its run is kept.

use std::path::{Path, PathBuf};

use certwright_engine::clock::Clock;
use certwright_engine::journal::StateDir;
use certwright_steps::lab::{Found, Lab, LabSpec};
use tempfile::TempDir;

use crate::app::App;
use crate::args::RehearseArgs;
use crate::failure::Failure;
use crate::session::no_lab;
use crate::source::{self, Text};
use crate::warning::Warning;

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
        let found = Lab::look(&self.lab)?;
        match found {
            Found::Lab => return Ok((Lab::open(&self.lab)?, Origin::Kept)),
            // What is there and no lab is never made one: it may be anybody's folder.
            Found::Other | Found::Making => return Err(no_lab(app, &self.lab, found)),
            Found::Nothing | Found::HalfMade => {}
        }
        let spec = match &args.inventory {
            None => LabSpec::default(),
            Some(path) => {
                let like = app.resolve_texts(plan, &source::file(path)?, &args.choices)?;
                LabSpec::like(&like.cluster, &like.hosts)
            }
        };
        let lab = Lab::create(&self.lab, &spec, &Clock::real())?;
        if found == Found::HalfMade {
            half_made(&self.lab).tell(app.format);
        }
        Ok((lab, Origin::New))
    }
}

/// Says that a lab was begun before.
fn half_made(lab: &Path) -> Warning {
    Warning {
        code: "half-made-lab",
        message: format!("the lab in `{}` was half made: whoever made it was cut off", lab.display()),
        hint: "it was removed and made anew".to_owned(),
    }
}
