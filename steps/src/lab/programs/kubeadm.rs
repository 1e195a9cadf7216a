//! `kubeadm version` and the choice among `certs renew`, `certs check-expiration` and `init phase kubeconfig kubelet`.

use super::args::Flags;
use super::config::Config;
use super::{expiration, kubelet_conf, renew};
use crate::lab::LabError;
use crate::lab::exec::{Answer, Shell};

/// The version of every program of the lab's nodes.
pub(super) const VERSION: &str = "v1.36.1";

/// Flags with a value.
const VALUED: [&str; 10] = [
    "-o|--output",
    "--config",
    "--cert-dir",
    "--kubeconfig",
    "-v|--v",
    "--kubeconfig-dir",
    "--node-name",
    "--apiserver-advertise-address",
    "--control-plane-endpoint",
    "--kubernetes-version",
];

/// How long a kubeadm command takes when nothing is wrong, ms.
const USUAL: u64 = 700;

pub(super) fn run(shell: &mut Shell<'_>) -> Result<Answer, LabError> {
    let flags = match Flags::read(shell.args(), &VALUED, &[]) {
        Ok(flags) => flags,
        Err(gap) => return Ok(gap),
    };
    let words: Vec<&str> = flags.rest.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["version"] => Ok(version(&flags)),
        ["certs", "renew", "all"] => {
            let config = match Config::read(shell, &flags) {
                Ok(config) => config,
                Err(answer) => return Ok(answer),
            };
            let answer = renew::all(shell, &config)?;
            Ok(timed(shell, &config, answer))
        }
        ["certs", "check-expiration"] => {
            let config = match Config::read(shell, &flags) {
                Ok(config) => config,
                Err(answer) => return Ok(answer),
            };
            let answer = expiration::check(shell, &config, flags.get("--output"));
            Ok(timed(shell, &config, answer))
        }
        ["init", "phase", "kubeconfig", "kubelet"] => {
            let takes = shell.state().delay(USUAL);
            Ok(kubelet_conf::make(shell, &flags)?.takes(takes))
        }
        _ => Ok(Answer::gap(format_args!("kubeadm {}", words.join(" ")))),
    }
}

fn timed(shell: &Shell<'_>, config: &Config, answer: Answer) -> Answer {
    let takes = shell.state().delay(USUAL + config.waited_ms);
    let more = answer.takes;
    answer.takes(takes + more)
}

fn version(flags: &Flags) -> Answer {
    match flags.get("--output") {
        Some("short") => Answer::ok(format!("{VERSION}\n")),
        Some("json") => Answer::ok(format!(
            "{{\n  \"clientVersion\": {{\n    \"major\": \"1\",\n    \"minor\": \"36\",\n    \"gitVersion\": \
             \"{VERSION}\",\n    \"gitCommit\": \"8e16b12fda5b1dccc41a6de48b3e356cc7d5048b\",\n    \
             \"gitTreeState\": \"clean\",\n    \"buildDate\": \"2026-05-14T00:00:00Z\",\n    \"goVersion\": \
             \"go1.26.6\",\n    \"compiler\": \"gc\",\n    \"platform\": \"linux/amd64\"\n  }}\n}}\n"
        )),
        other => Answer::gap(format_args!("kubeadm version -o {}", other.unwrap_or("(none)"))),
    }
}
