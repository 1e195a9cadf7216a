//! `crictl`: which command, for which endpoint, within which deadline.

use super::args::{Flags, go_duration};
use super::{containers, inspect, stop};
use crate::lab::clockwork::{rfc3339, rfc3339_ns};
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::{Complaint, Container, Node, Pod};

/// The runtime's endpoint on every node of the lab.
const ENDPOINT: &str = "unix:///run/containerd/containerd.sock";
/// crictl's own deadline for a call, ms.
const DEADLINE: u64 = 2_000;

const STOPP_HELP: &str = "NAME:\n   crictl stopp - Stop one or more running pods\n\nUSAGE:\n   crictl stopp [command \
                          options] POD-ID [POD-ID...]\n\nCOMMANDS:\n   help, h  Shows a list of commands or help for \
                          one command\n\nOPTIONS:\n   --help, -h  show help\n";

pub(super) fn run(shell: &mut Shell<'_>) -> Answer {
    command(shell).unwrap_or_else(|answer| answer)
}

fn command(shell: &mut Shell<'_>) -> Result<Answer, Answer> {
    let args = shell.args().to_vec();
    let globals = ["-r|--runtime-endpoint", "-i|--image-endpoint", "-t|--timeout", "-c|--config"];
    // Global flags stand before the command: `--timeout` means something else after it.
    let split = command_at(&args);
    let global = Flags::read(&args[..split], &globals, &["-v|--version", "-D|--debug"])?;
    if global.has("--version") {
        return Ok(Answer::ok("crictl version unknown\n"));
    }
    let Some((command, args)) = args[split..].split_first() else {
        return Err(Answer::gap("crictl without a command"));
    };
    let deadline = global.get("--timeout").map_or(Some(DEADLINE), go_duration);
    let deadline =
        deadline.ok_or_else(|| Answer::fail(1, "invalid value for flag -timeout: parse error\n"))?;
    connect(shell, global.get("--runtime-endpoint"), deadline)?;
    let answer = match command.as_str() {
        "version" => Answer::ok(
            "Version:  0.1.0\nRuntimeName:  containerd\nRuntimeVersion:  1.7.24~ds1\nRuntimeApiVersion:  v1\n",
        ),
        "ps" => containers::ps(shell, args)?,
        "pods" => containers::pods(shell, args)?,
        "inspect" => inspect::inspect(shell, args)?,
        "logs" => logs(shell, args)?,
        "stop" => stop::containers(shell, args, deadline)?,
        "stopp" if args.is_empty() => Answer::ok(STOPP_HELP),
        "stopp" => stop::sandboxes(shell, args)?,
        other => Answer::gap(format_args!("crictl {other}")),
    };
    let takes = answer.takes + shell.state().delay(60);
    Ok(answer.takes(takes))
}

/// Where the command stands: after the global flags and their values.
fn command_at(args: &[String]) -> usize {
    let mut k = 0;
    while let Some(arg) = args.get(k).filter(|a| a.starts_with('-')) {
        let alone = arg.contains('=') || ["-v", "--version", "-D", "--debug"].contains(&arg.as_str());
        k += if alone { 1 } else { 2 };
    }
    k.min(args.len())
}

fn connect(shell: &Shell<'_>, endpoint: Option<&str>, deadline: u64) -> Result<(), Answer> {
    let at = rfc3339((shell.now() / 1000).cast_signed());
    let endpoint = endpoint.unwrap_or(ENDPOINT);
    let bare = endpoint.trim_start_matches("unix://");
    let why = if bare != ENDPOINT.trim_start_matches("unix://") {
        format!(
            "code = Unavailable desc = connection error: desc = \\\"transport: Error while dialing: dial unix {bare}: \
             connect: no such file or directory\\\""
        )
    } else if deadline < 10 {
        "code = DeadlineExceeded desc = context deadline exceeded".to_owned()
    } else {
        return Ok(());
    };
    Err(Answer::fail(
        1,
        format!(
            "time=\"{at}\" level=error msg=\"validate service connection: validate CRI v1 runtime API for endpoint \
             \\\"{endpoint}\\\": rpc error: {why}\"\n"
        ),
    ))
}

/// The container with this id, or the one whose id begins so, with its pod.
pub(super) fn find<'a>(node: &'a Node, id: &str) -> Option<(&'a Pod, &'a Container)> {
    let all = || node.pods.values().flat_map(|p| p.containers.iter().map(move |c| (p, c)));
    all().find(|(_, c)| !id.is_empty() && c.id.starts_with(id))
}

/// What the runtime says of a container it does not know.
pub(in crate::lab) fn not_found(now: u64, id: &str) -> Answer {
    let at = rfc3339((now / 1000).cast_signed());
    let klog = crate::lab::clockwork::klog('E', now, 1480);
    let inner = format!(
        "code = NotFound desc = an error occurred when try to find container \\\"{id}\\\": not found"
    );
    Answer::fail(
        1,
        format!(
            "{klog} remote_runtime.go:569] \"ContainerStatus from runtime service failed\" err=\"rpc error: {inner}\" \
             containerID=\"{id}\"\ntime=\"{at}\" level=error msg=\"get the status of containers: get container status: \
             rpc error: {inner}\"\n"
        ),
    )
}

/// `crictl logs`: control-plane containers write to stderr, and so does crictl for them.
fn logs(shell: &Shell<'_>, args: &[String]) -> Result<Answer, Answer> {
    let flags = Flags::read(args, &["--tail", "--since"], &["-t|--timestamps"])?;
    let Some(id) = flags.rest.first() else {
        return Err(Answer::fail(1, "ID cannot be empty\n"));
    };
    let node = shell.state().node(shell.call.host);
    let Some((pod, container)) = find(node, id) else {
        return Err(not_found(shell.now(), id));
    };
    let name = node.pods.iter().find(|(_, p)| p.name == pod.name).map_or("", |(name, _)| name.as_str());
    let line = |(at, complaint): &(u64, Complaint)| {
        let stamp = if flags.has("--timestamps") { rfc3339_ns(*at) + " " } else { String::new() };
        format!("{stamp}{}\n", complaint.line(name, *at))
    };
    let since = flags.get("--since").map(str::to_owned);
    let lines: Vec<String> = container
        .log
        .iter()
        .filter(|(at, _)| since.as_deref().is_none_or(|since| rfc3339_ns(*at).as_str() >= since))
        .map(line)
        .collect();
    let tail = flags.get("--tail").and_then(|n| n.parse().ok()).unwrap_or(lines.len());
    Ok(Answer::default().stderr(lines[lines.len().saturating_sub(tail)..].concat()))
}
