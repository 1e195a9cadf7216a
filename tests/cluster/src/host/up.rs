//! Starts a cluster for exploring, says how to use it, and stays until Ctrl-C.

use std::process::ExitCode;

use certwright_steps::lab::Validity;

use super::{Cluster, HostError, Programs, Spec};
use crate::said;

const USAGE: &str = "usage: up [--certificates valid|expiring|expired] [--pace N]";

/// Runs with the arguments after the name.
pub(super) fn main(args: &[String]) -> ExitCode {
    let Some(spec) = read(args) else {
        said::line(USAGE);
        return ExitCode::from(64);
    };
    match stay(&spec) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => said::broken("up", &error),
    }
}

/// What the arguments ask for; None: they cannot be understood.
fn read(args: &[String]) -> Option<Spec> {
    let mut spec = Spec::new(Validity::Expired);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()?.as_str()) {
            ("--certificates", "valid") => spec.lab.certificates = Validity::Valid,
            ("--certificates", "expiring") => spec.lab.certificates = Validity::Expiring,
            ("--certificates", "expired") => spec.lab.certificates = Validity::Expired,
            ("--pace", number) => spec = spec.pace(number.parse().ok()?),
            _other => return None,
        }
    }
    Some(spec)
}

fn stay(spec: &Spec) -> Result<(), HostError> {
    let hosts = std::env::current_exe().map_err(HostError::file("find", "this program"))?;
    let programs = Programs { certwright: hosts.with_file_name("certwright"), hosts };
    let cluster = Cluster::start(spec, &programs)?;
    say(&cluster);
    // Until whoever holds the other end of standard input is gone, or Ctrl-C.
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).unwrap_or(0) > 0 {}
    Ok(())
}

/// Says how to use it.
fn say(cluster: &Cluster) {
    let mut text = format!("up in {:.1} s in {}\n", cluster.took().as_secs_f64(), cluster.folder().display());
    let hosts = std::iter::once(cluster.workstation()).chain(cluster.nodes());
    for host in hosts {
        text.extend([host.name(), " ", &host.address().to_string(), "\n"]);
        text.extend(["  first process ", &host.first().to_string(), "\n"]);
    }
    text.extend([format!(
        "nsenter --target {} --mount --uts --net --pid -- env -C /root HOME=/root bash\n",
        cluster.workstation().first()
    )]);
    said::printed(0, text.as_bytes(), b"");
}
