//! kubeadm: the lab's implementation on the files of this machine.
//!
//! What it asks of the API it asks the real one, with kubectl and the machine's admin.conf, and waits for it as long as
//! the real kubeadm does.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use certwright_steps::lab::{Machine, Reach};

use crate::said;
use crate::settings::Settings;

/// How long kubeadm waits for the ConfigMap before it falls back to its defaults, ms. Measured.
const WAITS_MS: u64 = 10_000;
/// How long after a refused question it asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs with the arguments after the name.
pub fn main(args: &[String]) -> ExitCode {
    let settings = match Settings::own() {
        Ok(settings) => settings,
        Err(error) => return said::broken("kubeadm", &error),
    };
    let reach = if asks_the_cluster(args) { reach(args, &settings) } else { Reach::Silent };
    let machine =
        Machine { host: settings.host, address: settings.address.to_string(), pods: BTreeMap::new() };
    match machine.kubeadm(args, reach, said::now_ms()) {
        Ok(played) => said::played(played),
        Err(error) => said::broken("kubeadm", &error),
    }
}

/// `certs` commands without a configuration of their own.
fn asks_the_cluster(args: &[String]) -> bool {
    args.first().is_some_and(|word| word == "certs") && !args.iter().any(|word| word.starts_with("--config"))
}

fn reach(args: &[String], settings: &Settings) -> Reach {
    let named = args.iter().position(|word| word == "--kubeconfig").and_then(|at| args.get(at + 1));
    let kubeconfig = named.map_or("/etc/kubernetes/admin.conf", String::as_str);
    let until = Instant::now() + Duration::from_millis(WAITS_MS / u64::from(settings.pace.max(1)));
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Reach::Silent;
        }
        let timeout = format!("--request-timeout={}ms", left.as_millis().max(1));
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["--kubeconfig", kubeconfig, &timeout, "-n", "kube-system", "get", "configmap"]);
        kubectl.args(["kubeadm-config", "-o", "name"]);
        kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if kubectl.status().is_ok_and(|status| status.success()) {
            return Reach::Answers;
        }
        std::thread::sleep(AGAIN.min(until.saturating_duration_since(Instant::now())));
    }
}
