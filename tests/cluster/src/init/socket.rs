//! How systemctl speaks with the first process: one line each way over a socket of the host.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::units::{Unit, Units};
use crate::settings::FOLDER;

/// What can be asked of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// What it does.
    State,
    /// To run.
    Start,
    /// To end.
    Stop,
    /// To end and run anew.
    Restart,
}

/// What a unit does, as systemd says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// There is no unit of this name.
    Unknown,
    /// `inactive`.
    Inactive,
    /// `active`, as this process.
    Active(u32),
    /// `activating`: it ended with this status, and is started again soon.
    Activating(i32),
}

fn place() -> PathBuf {
    Path::new(FOLDER).join("init.sock")
}

/// Opens the socket.
pub(super) fn listen() -> Result<UnixListener, (PathBuf, std::io::Error)> {
    UnixListener::bind(place()).map_err(|error| (place(), error))
}

/// Answers for ever, each call in a thread of its own.
pub(super) fn serve(listener: &UnixListener, units: &Arc<Units>) {
    for stream in listener.incoming().flatten() {
        let units = Arc::clone(units);
        // A caller that goes away is no concern of the host.
        std::thread::spawn(move || answer(&stream, &units).ok());
    }
}

fn answer(mut stream: &UnixStream, units: &Units) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let (verb, name): (Verb, String) = serde_json::from_str(&line)?;
    match verb {
        Verb::State => {}
        Verb::Start => units.start(&name),
        Verb::Stop => units.stop(&name),
        Verb::Restart => {
            units.stop(&name);
            units.start(&name);
        }
    }
    let reply = match units.state(&name) {
        None => Reply::Unknown,
        Some(Unit::Stopped) => Reply::Inactive,
        Some(Unit::Running(pid)) => Reply::Active(pid),
        Some(Unit::Waiting(_, status)) => Reply::Activating(status),
    };
    writeln!(stream, "{}", serde_json::to_string(&reply)?)
}

/// Asks the first process of this host.
pub fn ask(verb: Verb, unit: &str) -> std::io::Result<Reply> {
    let mut stream = UnixStream::connect(place())?;
    writeln!(stream, "{}", serde_json::to_string(&(verb, unit))?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
