//! systemctl: the units of a host, as far as the procedure and an operator's fingers use it.

use std::process::ExitCode;

use crate::init::{Reply, Verb, ask};
use crate::said;

/// Runs with the arguments after the name.
pub fn main(args: &[String]) -> ExitCode {
    let (flags, words): (Vec<&str>, Vec<&str>) =
        args.iter().map(String::as_str).partition(|word| word.starts_with('-'));
    let quiet = flags.iter().any(|flag| matches!(*flag, "-q" | "--quiet"));
    let known = |flag: &&str| {
        matches!(*flag, "-q" | "--quiet" | "--no-pager" | "-p" | "--value") || flag.starts_with("--property=")
    };
    let [verb, rest @ ..] = words.as_slice() else {
        return usage(args);
    };
    // `-p NAME` takes a word.
    let unit = rest.iter().find(|word| !word.chars().next().is_some_and(char::is_uppercase));
    let (Some(unit), true) = (unit, flags.iter().all(known)) else {
        return usage(args);
    };
    let name = unit.trim_end_matches(".service");
    let asked = match *verb {
        "is-active" | "status" | "show" => Verb::State,
        "start" => Verb::Start,
        "stop" => Verb::Stop,
        "restart" => Verb::Restart,
        _ => return usage(args),
    };
    let reply = match ask(asked, name) {
        Ok(reply) => reply,
        Err(error) => return said::broken("systemctl", &error),
    };
    match *verb {
        "is-active" => is_active(&reply, quiet),
        "status" => status(name, &reply),
        "show" => show(&reply),
        _ if reply == Reply::Unknown => {
            let words = format!("Failed to {verb} {name}.service: Unit {name}.service not found.\n");
            said::printed(5, b"", words.as_bytes())
        }
        _ => ExitCode::SUCCESS,
    }
}

fn usage(args: &[String]) -> ExitCode {
    said::line(&format!(
        "certwright-cluster: systemctl {}: hosts of the cluster do not have that",
        args.join(" ")
    ));
    ExitCode::from(125)
}

fn word(reply: &Reply) -> &'static str {
    match reply {
        Reply::Unknown | Reply::Inactive => "inactive",
        Reply::Active(_) => "active",
        Reply::Activating(_) => "activating",
    }
}

fn is_active(reply: &Reply, quiet: bool) -> ExitCode {
    let text = if quiet { String::new() } else { format!("{}\n", word(reply)) };
    said::printed(if matches!(reply, Reply::Active(_)) { 0 } else { 3 }, text.as_bytes(), b"")
}

fn status(name: &str, reply: &Reply) -> ExitCode {
    let (state, code) = match reply {
        Reply::Unknown => {
            let words = format!("Unit {name}.service could not be found.\n");
            return said::printed(4, b"", words.as_bytes());
        }
        Reply::Inactive => ("inactive (dead)", 3),
        Reply::Active(_) => ("active (running)", 0),
        Reply::Activating(_) => ("activating (auto-restart) (Result: exit-code)", 3),
    };
    let text = format!("* {name}.service - {name}\n     Active: {state}\n");
    said::printed(code, text.as_bytes(), b"")
}

fn show(reply: &Reply) -> ExitCode {
    let (pid, sub) = match reply {
        Reply::Unknown | Reply::Inactive => (0, "dead"),
        Reply::Active(pid) => (*pid, "running"),
        Reply::Activating(_) => (0, "auto-restart"),
    };
    let text = format!("ActiveState={}\nSubState={sub}\nMainPID={pid}\n", word(reply));
    said::printed(0, text.as_bytes(), b"")
}
