//! crictl: what looks is the lab's, with its formats and traps, over what the real runtime lists; what acts is here.
//!
//! The exit status of `stop` proves nothing: an unknown id and one that has long exited are 0. A passed deadline is no
//! failure: the runtime goes on with what it was asked for.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use certwright_steps::lab::{Machine, MachineContainer, MachinePod, StopFailed, no_container};

use super::call::{Answer, Ask, CallError, ENDPOINT, Listing, ask};
use super::log::{self, Stream};
use crate::said::{self, now_ms};
use crate::settings::Settings;

/// crictl's own deadline for a call.
const DEADLINE: Duration = Duration::from_secs(2);

/// A command line of crictl taken apart.
struct Line<'a> {
    /// All of it.
    all: &'a [String],
    deadline: Duration,
    endpoint: &'a str,
    command: &'a str,
    /// What stands after the command.
    args: &'a [String],
}

/// Runs with the arguments after the name.
pub(super) fn main(args: &[String]) -> ExitCode {
    let line = match Line::read(args) {
        Ok(line) => line,
        Err(code) => return code,
    };
    match line.command {
        "stop" => stop(&line),
        "stopp" if !line.args.is_empty() => stop_pods(&line),
        "logs" => logs(&line),
        _ => look(&line),
    }
}

impl<'a> Line<'a> {
    fn read(all: &'a [String]) -> Result<Self, ExitCode> {
        let mut line = Self { all, deadline: DEADLINE, endpoint: ENDPOINT, command: "", args: &[] };
        let mut at = 0;
        while let Some(word) = all.get(at).filter(|word| word.starts_with('-')) {
            let (flag, attached) = word.split_once('=').map_or((word.as_str(), None), |(f, v)| (f, Some(v)));
            let is_switch = ["-v", "--version", "-D", "--debug"].contains(&flag);
            let value = attached.or_else(|| all.get(at + 1).map(String::as_str)).unwrap_or_default();
            match flag {
                "-t" | "--timeout" => {
                    line.deadline = duration(value).ok_or_else(|| {
                        said::printed(1, b"", b"invalid value for flag -timeout: parse error\n")
                    })?;
                }
                "-r" | "--runtime-endpoint" => line.endpoint = value.trim_start_matches("unix://"),
                _ => {}
            }
            at += if is_switch || attached.is_some() { 1 } else { 2 };
        }
        if let Some((command, args)) = all.get(at..).and_then(<[String]>::split_first) {
            (line.command, line.args) = (command, args);
        }
        Ok(line)
    }

    /// The value of a flag after the command, and the words that are no flags.
    fn flag(&self, names: [&str; 2]) -> (Option<&'a str>, Vec<&'a str>) {
        let (mut value, mut words, mut rest) = (None, Vec::new(), self.args.iter());
        while let Some(word) = rest.next() {
            match word.split_once('=') {
                Some((flag, attached)) if names.contains(&flag) => value = Some(attached),
                _ if names.contains(&word.as_str()) => value = rest.next().map(String::as_str),
                _ if word.starts_with('-') => {}
                _ => words.push(word.as_str()),
            }
        }
        (value, words)
    }
}

/// A duration as Go reads it, `60s` or `2m`; a plain number counts seconds.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" | "s" => Some(Duration::from_secs(number)),
        "ms" => Some(Duration::from_millis(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

/// What looks: the lab's crictl on what the runtime lists.
fn look(line: &Line<'_>) -> ExitCode {
    let settings = match Settings::own() {
        Ok(settings) => settings,
        Err(error) => return said::broken("crictl", &error),
    };
    let asks = line.endpoint == ENDPOINT && matches!(line.command, "ps" | "pods" | "inspect" | "version");
    let listing = match asks.then(|| list(line.deadline)) {
        None => Listing::default(),
        Some(Ok(listing)) => listing,
        Some(Err(error)) => return not_served(line, &error),
    };
    let machine =
        Machine { host: settings.host, address: settings.address.to_string(), pods: pods(&listing) };
    match machine.crictl(line.all, now_ms()) {
        Ok(played) => said::played(played),
        Err(error) => said::broken("crictl", &error),
    }
}

fn list(within: Duration) -> Result<Listing, CallError> {
    match ask(&Ask::List, within)? {
        Answer::Listing(listing) => Ok(listing),
        Answer::Made(_) | Answer::Done | Answer::NotFound | Answer::Failed(_) => Ok(Listing::default()),
    }
}

/// The newest sandbox of each container's name, with the containers of its pod.
fn pods(listing: &Listing) -> BTreeMap<String, MachinePod> {
    let mut pods = BTreeMap::new();
    for sandbox in &listing.sandboxes {
        let of_pod = listing.containers.iter().filter(|c| c.uid == sandbox.uid);
        let containers = of_pod.map(|c| MachineContainer {
            id: c.id.clone(),
            attempt: c.attempt,
            started: c.started,
            ended: c.ended,
        });
        let pod = MachinePod {
            name: sandbox.name.clone(),
            uid: sandbox.uid.clone(),
            sandbox: sandbox.id.clone(),
            created: sandbox.created,
            containers: containers.collect(),
        };
        pods.insert(sandbox.container.clone(), pod);
    }
    pods
}

/// The runtime does not answer: the words of crictl's first call.
fn not_served(line: &Line<'_>, error: &CallError) -> ExitCode {
    let why = match error {
        CallError::Late => "code = DeadlineExceeded desc = context deadline exceeded".to_owned(),
        CallError::Dial(source) => format!(
            "code = Unavailable desc = connection error: desc = \\\"transport: Error while dialing: dial unix \
             {}: connect: {}\\\"",
            line.endpoint,
            go_words(source)
        ),
        CallError::Garbled(source) => format!("code = Unknown desc = {source}"),
    };
    let text = format!(
        "time=\"{}\" level=error msg=\"validate service connection: validate CRI v1 runtime API for endpoint \
         \\\"unix://{}\\\": rpc error: {why}\"\n",
        time::OffsetDateTime::now_utc()
            .format(time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
            .unwrap_or_default(),
        line.endpoint
    );
    said::printed(1, b"", text.as_bytes())
}

/// Go's words for an error of the system.
fn go_words(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// `stop [--timeout SECONDS] ID...`.
fn stop(line: &Line<'_>) -> ExitCode {
    let (grace, ids) = line.flag(["-t", "--timeout"]);
    if ids.is_empty() {
        return said::printed(1, b"", b"you must specify at least one CONTAINER-ID or use --all\n");
    }
    let Ok(grace) = grace.unwrap_or("0").parse::<u64>() else {
        return said::printed(1, b"", b"invalid value for flag -timeout: parse error\n");
    };
    let within = line.deadline + Duration::from_secs(grace);
    let (mut status, mut stdout, mut stderr) = (0, String::new(), String::new());
    for id in ids {
        match ask(&Ask::Stop { id: id.to_owned(), grace_ms: grace * 1000 }, within) {
            Ok(Answer::Failed(_)) => {
                status = 1;
                stderr.push_str(&StopFailed::Unknown.words(id, now_ms()));
            }
            Ok(_) => stdout.extend([id, "\n"]),
            Err(CallError::Late) => {
                status = 1;
                stderr.push_str(&StopFailed::Deadline.words(id, now_ms()));
            }
            Err(error) => return not_served(line, &error),
        }
    }
    said::printed(status, stdout.as_bytes(), stderr.as_bytes())
}

/// `stopp ID...`.
fn stop_pods(line: &Line<'_>) -> ExitCode {
    let mut stdout = String::new();
    for id in line.args.iter().filter(|word| !word.starts_with('-')) {
        match ask(&Ask::StopPod { id: id.clone() }, line.deadline) {
            Ok(Answer::NotFound | Answer::Failed(_)) => {
                let text = format!(
                    "level=error msg=\"stopping the pod sandbox \\\"{id}\\\": rpc error: code = NotFound desc = an \
                     error occurred when try to find sandbox \\\"{id}\\\": not found\"\n"
                );
                return said::printed(1, stdout.as_bytes(), text.as_bytes());
            }
            Ok(_) => stdout.extend(["Stopped sandbox ", id, "\n"]),
            Err(error) => return not_served(line, &error),
        }
    }
    said::printed(0, stdout.as_bytes(), b"")
}

/// `logs [--tail N] [-t|--timestamps] ID`: each stream comes where the container wrote it.
fn logs(line: &Line<'_>) -> ExitCode {
    let (tail, words) = line.flag(["--tail", "--tail"]);
    let stamps = line.args.iter().any(|word| matches!(word.as_str(), "-t" | "--timestamps"));
    let Some(id) = words.last() else {
        return said::printed(1, b"", b"ID cannot be empty\n");
    };
    let listing = match list(line.deadline) {
        Ok(listing) => listing,
        Err(error) => return not_served(line, &error),
    };
    let Some(container) = listing.container(id) else {
        return said::printed(1, b"", no_container(id, now_ms()).as_bytes());
    };
    let entries = match log::read(&container.log) {
        Ok(entries) => entries,
        Err(error) => return said::broken("crictl", &error),
    };
    let tail = tail.and_then(|n| n.parse().ok()).unwrap_or(entries.len());
    let (mut out, mut err) = (String::new(), String::new());
    for entry in &entries[entries.len().saturating_sub(tail)..] {
        let into = if entry.stream == Stream::Out { &mut out } else { &mut err };
        if stamps {
            into.extend([entry.at.as_str(), " "]);
        }
        into.extend([entry.text.as_str(), "\n"]);
    }
    said::printed(0, out.as_bytes(), err.as_bytes())
}
