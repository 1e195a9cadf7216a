//! The first process of a host: mounts what is the host's own, keeps its units running, and is its end.
//!
//! It is process 1 of a pid namespace, so that everything of the host dies with it; and it ends when its standard input
//! does, which whoever started the host holds: a test that panics or is killed leaves nothing behind. A line on that
//! input says that the network is there. Absent: dependencies between units, sockets, timers.

mod mounts;
mod reaper;
mod socket;
mod units;

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::said;
use crate::settings::{FOLDER, Settings, SettingsError};

pub use socket::{Reply, Verb, ask};
use units::Units;

/// The file whose presence says that the mounts are in place.
pub const MOUNTED: &str = "mounted";

/// Why a host does not come up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It does not know itself.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A program that it needs.
    #[error("{what}")]
    Program {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program that it needs failed.
    #[error("{what}: {said}")]
    Failed {
        /// What was tried.
        what: String,
        /// What it said.
        said: String,
    },
    /// A file.
    #[error("write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Runs with one argument: the file with the host's settings.
pub fn main(args: &[String]) -> ExitCode {
    let Some(settings) = args.first() else {
        said::line("usage: init SETTINGS");
        return ExitCode::from(64);
    };
    match run(Path::new(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => said::broken("init", &error),
    }
}

fn run(place: &Path) -> Result<(), InitError> {
    let settings = Settings::read(place)?;
    mounts::make(&settings)?;
    let mark = Path::new(FOLDER).join(MOUNTED);
    std::fs::write(&mark, "").map_err(|source| InitError::File { path: mark.clone(), source })?;
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    if input.read_line(&mut line).unwrap_or(0) == 0 {
        return Ok(());
    }
    let units = Arc::new(Units::of(&settings));
    let socket = Arc::clone(&units);
    let listener = socket::listen().map_err(|(path, source)| InitError::File { path, source })?;
    std::thread::spawn(move || socket::serve(&listener, &socket));
    let reaping = Arc::clone(&units);
    std::thread::spawn(move || reaper::run(&reaping));
    let keeping = Arc::clone(&units);
    std::thread::spawn(move || keeping.keep());
    // Until whoever holds the other end is gone.
    while input.read_line(&mut line).unwrap_or(0) > 0 {}
    Ok(())
}
