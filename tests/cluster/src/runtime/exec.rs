//! Containers begin and end: a process group each, waited for by a thread each.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::call::{Answer, Container, Sandbox, Start};
use super::command;
use super::log::{self, Stream};
use super::store::{self, Store};
use crate::said::now_ms;

/// How long a killed process has to be gone.
const GONE: Duration = Duration::from_secs(60);
/// The grace of a pod's containers when its sandbox is stopped.
const POD_GRACE_MS: u64 = 0;

/// Makes a sandbox.
pub(super) fn run_pod(store: &Store, asked: Sandbox) -> Answer {
    match store::id() {
        Ok(id) => {
            let sandbox = Sandbox { id: id.clone(), created: now_ms(), ready: true, ..asked };
            store.lock().sandboxes.push(sandbox);
            Answer::Made(id)
        }
        Err(error) => Answer::Failed(error.to_string()),
    }
}

/// Starts a container.
pub(super) fn start(store: &Arc<Store>, asked: &Start) -> Answer {
    let Some(sandbox) = store.lock().sandbox(&asked.sandbox).cloned() else { return Answer::NotFound };
    if !sandbox.ready {
        return Answer::Failed(format!("sandbox {} is not ready", sandbox.id));
    }
    match spawn(store, &sandbox, asked) {
        Ok(id) => Answer::Made(id),
        Err(error) => Answer::Failed(format!("start {}: {error}", asked.name)),
    }
}

fn spawn(store: &Arc<Store>, sandbox: &Sandbox, asked: &Start) -> std::io::Result<String> {
    let id = store::id()?;
    let log = PathBuf::from(format!(
        "/var/log/pods/{}_{}_{}/{}/{}.log",
        sandbox.namespace, sandbox.name, sandbox.uid, asked.name, asked.attempt
    ));
    let file = log::open(&log)?;
    let mut command = command::of(&asked.command)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    if let Some(out) = child.stdout.take() {
        log::pump(out, Stream::Out, Arc::clone(&file));
    }
    if let Some(err) = child.stderr.take() {
        log::pump(err, Stream::Err, file);
    }
    let container = Container {
        id: id.clone(),
        sandbox: sandbox.id.clone(),
        uid: sandbox.uid.clone(),
        name: asked.name.clone(),
        attempt: asked.attempt,
        started: now_ms(),
        ended: None,
        pid: child.id(),
        log,
    };
    store.lock().containers.push(container);
    let (store, waited) = (Arc::clone(store), id.clone());
    std::thread::spawn(move || {
        let status = child.wait().map_or(1, |s| s.code().or(s.signal().map(|n| 128 + n)).unwrap_or(1));
        store.ended(&waited, status);
    });
    Ok(id)
}

/// Ends a container: asks, waits for the grace, kills.
pub(super) fn stop(store: &Store, id: &str, grace_ms: u64) -> Answer {
    let Some(container) = store.lock().container(id).cloned() else { return Answer::NotFound };
    if container.ended.is_some() {
        return Answer::Done;
    }
    if grace_ms > 0 {
        term(container.pid);
        if store.wait(&container.id, Duration::from_millis(grace_ms)) {
            return Answer::Done;
        }
    }
    kill(container.pid);
    if store.wait(&container.id, GONE) {
        Answer::Done
    } else {
        Answer::Failed(format!("container {} does not end", container.id))
    }
}

/// Ends a sandbox and what is in it.
pub(super) fn stop_pod(store: &Store, id: &str) -> Answer {
    let Some(full) = store.lock().sandbox(id).map(|s| s.id.clone()) else { return Answer::NotFound };
    let inside = |listing: &super::call::Listing| -> Vec<String> {
        let running = listing.containers.iter().filter(|c| c.sandbox == full && c.ended.is_none());
        running.map(|c| c.id.clone()).collect()
    };
    if let Some(sandbox) = store.lock().sandboxes.iter_mut().find(|s| s.id == full) {
        sandbox.ready = false;
    }
    let running = inside(&store.lock());
    for container in running {
        stop(store, &container, POD_GRACE_MS);
    }
    Answer::Done
}

/// Forgets what has ended.
pub(super) fn forget(store: &Store, id: &str) -> Answer {
    store.lock().containers.retain(|c| c.id != id || c.ended.is_none());
    Answer::Done
}

/// Forgets a sandbox that is stopped; its containers stay until they are forgotten themselves.
pub(super) fn forget_pod(store: &Store, id: &str) -> Answer {
    store.lock().sandboxes.retain(|s| s.id != id || s.ready);
    Answer::Done
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn term(pid: u32) {
    if let Some(pid) = pid_of(pid) {
        // It may just have ended.
        let _gone = kill_process(pid, Signal::TERM);
    }
}

fn kill(pid: u32) {
    if let Some(pid) = pid_of(pid) {
        let _gone = kill_process_group(pid, Signal::KILL);
    }
}
