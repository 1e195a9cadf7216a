//! `crictl stop` and `crictl stopp`, whose exit statuses prove nothing.
//!
//! An unknown id and a container that has long exited are status 0. A passed deadline is no failure: what was asked
//! for may happen all the same.

use super::args::Flags;
use crate::lab::clockwork::{klog, rfc3339};
use crate::lab::exec::{Answer, Shell};
use crate::lab::fault::FaultKind;
use crate::lab::machine::StopFailed;
use crate::pki::layout::Component;

/// How long containers take to end when they are asked to, ms. Measured: etcd waits for the watches of its API server,
/// and without any ends within milliseconds (3.4, no client).
fn ends_by_itself(pod: &str, watched: bool) -> u64 {
    match Component::from_name(pod) {
        Some(Component::Etcd) if watched => 27_500,
        Some(Component::Etcd) => 100,
        Some(Component::KubeApiserver) => 3_000,
        Some(Component::KubeControllerManager | Component::KubeScheduler) | None => 300,
    }
}

/// What a deadline fault makes of a stop.
#[derive(Debug, Clone, Copy)]
struct Late {
    /// Spelt `code = Unknown`.
    unknown: bool,
    /// The container ends all the same.
    after: bool,
}

/// `crictl stop [--timeout SECONDS] ID...`.
pub(super) fn containers(shell: &mut Shell<'_>, args: &[String], deadline: u64) -> Result<Answer, Answer> {
    let flags = Flags::read(args, &["-t|--timeout"], &[])?;
    if flags.rest.is_empty() {
        return Err(Answer::fail(1, "you must specify at least one CONTAINER-ID or use --all\n"));
    }
    let grace = match flags.get("--timeout").map(str::parse::<u64>) {
        None => 0,
        Some(Ok(seconds)) => seconds * 1000,
        Some(Err(_)) => return Err(Answer::fail(1, "invalid value for flag -timeout: parse error\n")),
    };
    let mut answer = Answer::default();
    for id in &flags.rest {
        if let Some(late) = late(shell, id) {
            let failed = stop_late(shell, id, deadline + grace, late);
            answer.status = 1;
            answer.takes += failed.takes;
            answer.stderr.extend(failed.stderr);
            continue;
        }
        answer.takes += stop(shell, id, grace);
        answer = answer.stdout(format!("{id}\n"));
    }
    Ok(answer)
}

/// Only the stop of something that runs can be late.
fn late(shell: &mut Shell<'_>, id: &str) -> Option<Late> {
    pod_of(shell, id)?;
    let stop = |argument: Option<&str>| argument.is_none_or(|a| a == "stop");
    if shell.fault(FaultKind::DeadlineExceeded, stop).is_some() {
        return Some(Late { unknown: false, after: false });
    }
    if shell.fault(FaultKind::DeadlineExceededAfter, stop).is_some() {
        return Some(Late { unknown: false, after: true });
    }
    if shell.fault(FaultKind::DeadlineUnknown, |_| true).is_some() {
        return Some(Late { unknown: true, after: false });
    }
    shell.fault(FaultKind::DeadlineUnknownAfter, |_| true).map(|_| Late { unknown: true, after: true })
}

fn stop_late(shell: &mut Shell<'_>, id: &str, waited: u64, late: Late) -> Answer {
    if late.after {
        stop(shell, id, 0);
    }
    let why = if late.unknown { StopFailed::Unknown } else { StopFailed::Deadline };
    Answer::fail(1, failed(why, id, shell.now())).takes(shell.state().delay(waited))
}

/// What crictl prints of a stop that was not done in time.
pub(in crate::lab) fn failed(why: StopFailed, id: &str, now: u64) -> String {
    let reason = match why {
        StopFailed::Unknown => format!(
            "rpc error: code = Unknown desc = failed to stop container \\\"{id}\\\": context deadline exceeded: unknown"
        ),
        StopFailed::Deadline => {
            "rpc error: code = DeadlineExceeded desc = context deadline exceeded".to_owned()
        }
    };
    format!(
        "{} remote_runtime.go:459] \"StopContainer from runtime service failed\" err=\"{reason}\" \
         containerID=\"{id}\"\ntime=\"{}\" level=error msg=\"stopping the container \\\"{id}\\\": {reason}\"\n",
        klog('E', now, 1801),
        rfc3339((now / 1000).cast_signed())
    )
}

/// The pod whose running container has this id.
fn pod_of(shell: &Shell<'_>, id: &str) -> Option<String> {
    let node = shell.state().node(shell.call.host);
    let runs = |(_, pod): &(&String, &crate::lab::state::Pod)| {
        pod.running().is_some_and(|c| !id.is_empty() && c.id.starts_with(id))
    };
    node.pods.iter().find(runs).map(|(name, _)| name.clone())
}

/// Ends a running container; returns how long that takes.
fn stop(shell: &mut Shell<'_>, id: &str, grace: u64) -> u64 {
    let Some(pod) = pod_of(shell, id) else { return 0 };
    let component = pod.clone();
    let stays = |argument: Option<&str>| argument.is_none_or(|a| a == component);
    let stuck = shell.fault(FaultKind::ContainerStaysDown, stays).is_some();
    let server = shell.state().node(shell.call.host).running(Component::KubeApiserver.name());
    let by_itself = ends_by_itself(&pod, server.is_some());
    // Killed where the grace is too short; an own end is status 0.
    let (after, status) = if grace >= by_itself { (by_itself, 0) } else { (grace, 137) };
    let now = shell.now();
    let after = shell.state().delay(after);
    let host = shell.call.host;
    let entry = shell.change().state.node_mut(host).pods.get_mut(&pod).expect("it was found");
    entry.stuck |= stuck;
    if let Some(container) = entry.containers.last_mut()
        && container.ends.is_none_or(|(due, _)| due > now + after)
    {
        container.ends = Some((now + after, status));
    }
    after
}

/// `crictl stopp ID...`: the sandbox ends with its container, and the kubelet makes a new one.
pub(super) fn sandboxes(shell: &mut Shell<'_>, args: &[String]) -> Result<Answer, Answer> {
    let flags = Flags::read(args, &[], &[])?;
    let now = shell.now();
    let mut text = String::new();
    for id in &flags.rest {
        let node = shell.state().node(shell.call.host);
        let found = node.pods.iter().find(|(_, p)| p.sandbox.starts_with(id.as_str()));
        let Some((pod, full)) = found.map(|(name, p)| (name.clone(), p.sandbox.clone())) else {
            let at = rfc3339((now / 1000).cast_signed());
            return Err(Answer::fail(
                1,
                format!(
                    "time=\"{at}\" level=error msg=\"stopping the pod sandbox \\\"{id}\\\": rpc error: code = NotFound \
                     desc = an error occurred when try to find sandbox \\\"{id}\\\": not found\"\n"
                ),
            ));
        };
        if let Some(container) = shell.state().node(shell.call.host).running(&pod).map(|c| c.id.clone()) {
            stop(shell, &container, 0);
        }
        let sandbox = shell.change().state.id();
        let host = shell.call.host;
        let still = shell.fault(FaultKind::ContainerStaysDown, |name| name.is_none_or(|name| name == pod));
        let entry = shell.change().state.node_mut(host).pods.get_mut(&pod).expect("it was found");
        entry.stuck &= still.is_some();
        entry.sandbox = sandbox;
        entry.sandbox_created = now;
        text.extend(["Stopped sandbox ", &full, "\n"]);
    }
    Ok(Answer::ok(text).takes(shell.state().delay(300)))
}
