//! The programs of a node: what they print, their statuses, their traps.
//!
//! Formats are those of the fixtures of a real 1.36 node. One file a program.

mod args;
mod config;
mod config_file;
mod connect;
mod containers;
mod crictl;
mod curl;
mod etcd_metrics;
mod expiration;
mod fileutils;
mod gateway;
mod hooks;
mod inspect;
pub(crate) mod jsonpath;
mod kubeadm;
mod kubectl;
mod kubelet_conf;
mod leases;
mod objects;
mod openssl;
mod renew;
mod requests;
mod rollout;
mod script;
mod small;
mod stop;
mod table;
mod told;

pub(super) use crictl::not_found;
pub(super) use stop::failed as stop_failed;

pub use hooks::API_SERVER_HOOKS;

use std::collections::BTreeSet;

use certwright_engine::plan::WORKSTATION;

use super::LabError;
use super::exec::{Answer, Shell};

/// The programs the lab answers as, by name.
pub(super) const NAMES: [&str; 8] =
    ["kubeadm", "crictl", "kubectl", "systemctl", "curl", "openssl", "date", "df"];

/// What else a node has.
const ON_NODES: [&str; 9] =
    ["cat", "chown", "journalctl", "kubelet", "mv", "readlink", "rm", "rmdir", "uname"];
/// All that the workstation has.
const ON_WORKSTATION: [&str; 12] =
    ["cat", "chown", "curl", "date", "df", "kubectl", "mv", "openssl", "readlink", "rm", "rmdir", "uname"];

/// The programs that a host of a lab has, `workstation` or a node, in the order of their names. Each of them knows what the kinds
/// of steps ask of it, and ends with [`super::GAP`] at anything else.
pub fn of_host(host: &str) -> BTreeSet<&'static str> {
    match host {
        WORKSTATION => ON_WORKSTATION.into(),
        _ => NAMES.into_iter().chain(ON_NODES).collect(),
    }
}

/// Whether a host of a lab has the program that a command's first word names.
pub fn has(host: &str, program: &str) -> bool {
    of_host(host).contains(program.rsplit('/').next().unwrap_or_default())
}

/// Runs the program that the command names.
pub(super) fn run(shell: &mut Shell<'_>) -> Result<Answer, LabError> {
    let Some(program) = shell.call.argv.first() else {
        return Ok(Answer::gap("an empty command"));
    };
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    // A shell runs scripts of ours, and nothing else.
    if name != "sh" && !has(shell.call.host, &name) {
        return Ok(Answer::fail(127, absent(shell.call.host, &name)));
    }
    match name.as_str() {
        "kubeadm" => kubeadm::run(shell),
        "crictl" => Ok(crictl::run(shell)),
        "kubectl" => Ok(kubectl::run(shell)),
        "systemctl" => small::systemctl(shell),
        "curl" => Ok(curl::run(shell)),
        "openssl" => Ok(openssl::run(shell)),
        "date" => Ok(small::date(shell)),
        "df" => Ok(small::df(shell)),
        "sh" => script::run(shell),
        "kubelet" | "journalctl" | "uname" | "cat" => Ok(told::run(shell, &name)),
        "rm" => Ok(fileutils::rm(shell)),
        "mv" => Ok(fileutils::mv(shell)),
        "rmdir" => Ok(fileutils::rmdir(shell)),
        "readlink" => Ok(fileutils::readlink(shell)),
        "chown" => Ok(fileutils::chown(shell)),
        _ => unreachable!("the lab's programs are those that are listed"),
    }
}

/// What is said of a program that the host does not have.
fn absent(host: &str, name: &str) -> String {
    let all = of_host(host).into_iter().collect::<Vec<_>>().join(", ");
    format!(
        "{host} of the lab has no program {name} (a limit of the rehearsal, not of your plan); it has: {all}\n"
    )
}
