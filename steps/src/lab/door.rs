//! The other door: the lab's programs as real programs on a host that is a machine.
//!
//! The node's folders are mounted where they belong (`DIR/cp-1/etc/kubernetes` at `/etc/kubernetes`), the programs stand
//! on PATH under their names, and each call says by its [`Seat`] which node it plays. Delays are real, divided by the
//! lab's pace. Deliberately absent: printing, sleeping, and reading the environment, which are the binary's.

use std::path::PathBuf;

use super::LabError;
use super::exec::{Call, Deed, Place, exec};
use super::files::Files;
use super::programs::NAMES;
use super::store::Store;
use super::world::{Touched, World};

/// Which lab and which of its hosts a program plays on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Folder of the lab.
    pub dir: PathBuf,
    /// Name of the host.
    pub host: String,
}

impl Seat {
    /// Reads a marker file: the lab's folder on the first line, the host's name on the second.
    pub fn parse(marker: &str) -> Option<Self> {
        let mut lines = marker.lines().map(str::trim).filter(|l| !l.is_empty());
        Some(Self { dir: lines.next()?.into(), host: lines.next()?.to_owned() })
    }

    /// The marker file of this seat.
    pub fn marker(&self) -> String {
        format!("{}\n{}\n", self.dir.display(), self.host)
    }
}

/// What a program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// It waits, prints and ends.
    Ended {
        /// Exit status.
        status: i32,
        /// Standard output.
        stdout: Vec<u8>,
        /// Standard error.
        stderr: Vec<u8>,
        /// How long it takes, ms.
        takes_ms: u64,
    },
    /// The machine's own program of this name is to be run instead.
    Elsewhere,
}

/// Plays the program `argv[0]` (a name or a path) at `now_ms`, ms since 1970.
pub fn program(seat: &Seat, argv: &[String], now_ms: u64) -> Result<Played, LabError> {
    let name = argv.first().map_or("", |p| p.rsplit('/').next().unwrap_or_default());
    if is_elsewhere(name, argv) {
        return Ok(Played::Elsewhere);
    }
    let files = Files::new(&seat.dir);
    let store = Store::new(&seat.dir);
    let mut locked = store.open()?;
    World { state: &mut locked.state, files: &files }.advance(now_ms, Touched::Any)?;
    let call = Call { host: &seat.host, argv, stdin: &[], place: Place::Machine, lock: Some(&locked.lock) };
    let (answer, deed) = exec(&mut locked.state, &files, call)?;
    match deed {
        Deed::Changed => locked.save()?,
        Deed::Nothing => locked.pass()?,
    }
    Ok(Played::Ended {
        status: answer.status,
        stdout: answer.stdout,
        stderr: answer.stderr,
        takes_ms: answer.takes,
    })
}

/// The names under which the programs stand on PATH; the machine's own `date` and `df` are right as they are.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().filter(|name| !matches!(*name, "date" | "df"))
}

/// On a machine its own clock, disks and openssl are real.
fn is_elsewhere(name: &str, argv: &[String]) -> bool {
    match name {
        "date" | "df" => true,
        "openssl" => argv.get(1).is_none_or(|command| command != "s_client"),
        _ => false,
    }
}
