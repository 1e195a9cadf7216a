//! kubeadm: the lab's implementation on the files of this machine.
//!
//! What it asks of the API it asks the real one, with the machine's admin.conf, and waits for it as long as the real
//! kubeadm does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use certwright_steps::lab::{Machine, Reach};

use crate::said;
use crate::settings::Settings;
use crate::wire::client::Client;

/// How long kubeadm waits for the ConfigMap before it falls back to its defaults, ms. Measured.
const WAITS_MS: u64 = 10_000;
/// What it asks for.
const CONFIG: &str = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
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
    let kubeconfig = named.map_or("/etc/kubernetes/admin.conf", String::as_str).to_owned();
    let waits = Duration::from_millis(WAITS_MS / u64::from(settings.pace.max(1)));
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Reach::Silent;
    };
    let asking = async { tokio::time::timeout(waits, asks_until_answered(Path::new(&kubeconfig))).await };
    runtime.block_on(asking).map_or(Reach::Silent, |()| Reach::Answers)
}

/// Asks for the ConfigMap until the API gives it: whoever calls has less patience.
async fn asks_until_answered(kubeconfig: &Path) {
    loop {
        if let Ok(mut client) = Client::from_kubeconfig(kubeconfig)
            && client.get(CONFIG).await.is_ok()
        {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
