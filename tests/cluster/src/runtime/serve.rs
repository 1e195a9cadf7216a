//! The runtime's own process: its socket, and one thread a call.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::call::{Answer, Ask, ENDPOINT};
use super::exec;
use super::store::Store;
use crate::said;

/// Runs until it is ended.
pub(super) fn main(_args: &[String]) -> ExitCode {
    let listener = match listen() {
        Ok(listener) => listener,
        Err(error) => return said::broken("containerd", &error),
    };
    let store = Arc::new(Store::default());
    for stream in listener.incoming().flatten() {
        let store = Arc::clone(&store);
        // A caller that goes away is no concern of the runtime's: what it asked for is done all the same.
        std::thread::spawn(move || answer(&stream, &store).ok());
    }
    ExitCode::SUCCESS
}

fn listen() -> std::io::Result<UnixListener> {
    let place = Path::new(ENDPOINT);
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if place.exists() {
        std::fs::remove_file(place)?;
    }
    UnixListener::bind(place)
}

fn answer(mut stream: &UnixStream, store: &Arc<Store>) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let answer = match serde_json::from_str(&line)? {
        Ask::List => Answer::Listing(store.lock().clone()),
        Ask::RunPod(sandbox) => exec::run_pod(store, sandbox),
        Ask::Start(start) => exec::start(store, &start),
        Ask::Stop { id, grace_ms } => exec::stop(store, &id, grace_ms),
        Ask::StopPod { id } => exec::stop_pod(store, &id),
        Ask::Forget { id } => exec::forget(store, &id),
        Ask::ForgetPod { id } => exec::forget_pod(store, &id),
    };
    writeln!(stream, "{}", serde_json::to_string(&answer)?)
}
