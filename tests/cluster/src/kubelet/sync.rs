//! The kubelet's loop: what is wanted against what the runtime has.
//!
//! Invariant: a pod has one ready sandbox and one running container, or waits for its back-off; one dead container a pod
//! is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Shared;
use super::back_off::BackOff;
use super::manifests::{self, Wanted};
use crate::runtime::{Answer, Ask, CallError, Container, Listing, Sandbox, Start, ask};
use crate::said::now_ms;
use crate::wire::klog::{Level, say};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(100);
/// How long a call of the runtime may take, but for stops.
const CALL: Duration = Duration::from_secs(5);

/// What a kubelet remembers between two looks.
struct Memory {
    since: u64,
    back_offs: BTreeMap<String, BackOff>,
    /// Uids of pods that are being ended.
    ending: Arc<Mutex<BTreeSet<String>>>,
}

/// Runs for ever.
pub(super) fn run(folder: &Path, host: &str, shared: &Shared) {
    let mut memory = Memory { since: now_ms(), back_offs: BTreeMap::new(), ending: Arc::default() };
    loop {
        let mut wanted = manifests::read(folder, host);
        wanted.extend(shared.of_api());
        if let Err(error) = look(&wanted, &mut memory) {
            say(
                Level::Error,
                "kubelet.go:2451",
                &format!("\"Skipping pod synchronization\" err=\"{error}\""),
            );
        }
        std::thread::sleep(EVERY);
    }
}

fn look(wanted: &[Wanted], memory: &mut Memory) -> Result<(), CallError> {
    let Answer::Listing(listing) = ask(&Ask::List, CALL)? else { return Ok(()) };
    for pod in wanted {
        keep(pod, &listing, memory)?;
    }
    let unwanted = |sandbox: &&Sandbox| wanted.iter().all(|pod| pod.uid != sandbox.uid);
    for sandbox in listing.sandboxes.iter().filter(unwanted) {
        end(sandbox, &listing, memory);
    }
    Ok(())
}

/// One pod as it should be.
fn keep(pod: &Wanted, listing: &Listing, memory: &mut Memory) -> Result<(), CallError> {
    let mut containers: Vec<&Container> = listing.containers.iter().filter(|c| c.uid == pod.uid).collect();
    if containers.iter().any(|c| c.ended.is_none()) {
        return Ok(());
    }
    let newest = containers.pop();
    for dead in containers {
        ask(&Ask::Forget { id: dead.id.clone() }, CALL)?;
    }
    let back_off = memory.back_offs.entry(pod.uid.clone()).or_default();
    if let Some((id, started, ended)) = newest.and_then(|c| Some((&c.id, c.started, c.ended?.0)))
        && !back_off.is_over(id, (started, ended), memory.since, now_ms())
    {
        return Ok(());
    }
    let Some(sandbox) = sandbox(pod, listing)? else { return Ok(()) };
    if newest.is_some() {
        back_off.started();
    }
    let start = Start {
        sandbox,
        name: pod.container.clone(),
        attempt: newest.map_or(0, |c| c.attempt + 1),
        command: pod.command.clone(),
    };
    if let Answer::Failed(why) = ask(&Ask::Start(start), CALL)? {
        let words =
            format!("\"Error syncing pod, skipping\" err=\"{why}\" pod=\"{}/{}\"", pod.namespace, pod.name);
        say(Level::Error, "pod_workers.go:1324", &words);
    }
    Ok(())
}

/// The ready sandbox of a pod, a new one where there is none.
fn sandbox(pod: &Wanted, listing: &Listing) -> Result<Option<String>, CallError> {
    let own = || listing.sandboxes.iter().filter(|s| s.uid == pod.uid);
    if let Some(ready) = own().find(|s| s.ready) {
        return Ok(Some(ready.id.clone()));
    }
    for old in own() {
        ask(&Ask::ForgetPod { id: old.id.clone() }, CALL)?;
    }
    let sandbox = Sandbox {
        id: String::new(),
        name: pod.name.clone(),
        namespace: pod.namespace.clone(),
        uid: pod.uid.clone(),
        container: pod.container.clone(),
        source: pod.source.to_owned(),
        created: 0,
        ready: true,
        grace_ms: pod.grace_ms,
    };
    match ask(&Ask::RunPod(sandbox), CALL)? {
        Answer::Made(id) => Ok(Some(id)),
        Answer::Listing(_) | Answer::Done | Answer::NotFound | Answer::Failed(_) => Ok(None),
    }
}

/// Ends a pod that nobody wants any more, in a thread of its own: it may take its grace.
fn end(sandbox: &Sandbox, listing: &Listing, memory: &Memory) {
    let uid = sandbox.uid.clone();
    if !memory.ending.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.clone()) {
        return;
    }
    let containers: Vec<String> =
        listing.containers.iter().filter(|c| c.uid == uid).map(|c| c.id.clone()).collect();
    let (ending, sandbox) = (Arc::clone(&memory.ending), sandbox.clone());
    std::thread::spawn(move || {
        let grace = Duration::from_millis(sandbox.grace_ms);
        for id in &containers {
            // What does not end now is found again by the next look.
            let _late = ask(&Ask::Stop { id: id.clone(), grace_ms: sandbox.grace_ms }, grace + CALL);
            let _late = ask(&Ask::Forget { id: id.clone() }, CALL);
        }
        let _late = ask(&Ask::StopPod { id: sandbox.id.clone() }, CALL);
        let _late = ask(&Ask::ForgetPod { id: sandbox.id.clone() }, CALL);
        ending.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
    });
}
