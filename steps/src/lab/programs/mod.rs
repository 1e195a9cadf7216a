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

use super::LabError;
use super::exec::{Answer, Shell};

/// The programs the lab answers as, by name.
pub(super) const NAMES: [&str; 8] =
    ["kubeadm", "crictl", "kubectl", "systemctl", "curl", "openssl", "date", "df"];

/// Runs the program that the command names.
pub(super) fn run(shell: &mut Shell<'_>) -> Result<Answer, LabError> {
    let Some(program) = shell.call.argv.first() else {
        return Ok(Answer::gap("an empty command"));
    };
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let everywhere = matches!(name.as_str(), "kubectl" | "curl" | "date" | "df" | "sh" | "openssl");
    if !everywhere && NAMES.contains(&name.as_str()) && !shell.on_node() {
        return Ok(Answer::fail(127, format!("{name}: not found\n")));
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
        _ => Ok(Answer::fail(127, absent(&name))),
    }
}

/// What is said of a program that no host of the lab has.
fn absent(name: &str) -> String {
    let all: std::collections::BTreeSet<&str> = NAMES.into_iter().chain(script::OTHERS).collect();
    let all = all.into_iter().collect::<Vec<_>>().join(", ");
    format!("the lab has no program {name} (a limit of the rehearsal, not of your plan); it has: {all}\n")
}
