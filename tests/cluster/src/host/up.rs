//! Starts a cluster for exploring, says how to use it, and stays until Ctrl-C.

use std::process::ExitCode;

use certwright_steps::lab::{LabSpec, Validity};

use super::{Cluster, HostError, Programs};
use crate::said;

/// Runs with the arguments after the name.
pub(super) fn main(_args: &[String]) -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => said::broken("up", &error),
    }
}

fn start() -> Result<ExitCode, HostError> {
    let hosts = std::env::current_exe().map_err(HostError::file("find", "this program"))?;
    let programs = Programs { certwright: hosts.with_file_name("certwright"), hosts };
    let mut spec = LabSpec::default().certificates(Validity::Valid);
    spec.cluster.admin_kubeconfig = None;
    let cluster = Cluster::start(&spec, &programs)?;
    say(&cluster);
    let mut line = String::new();
    let _ended = std::io::stdin().read_line(&mut line);
    Ok(ExitCode::SUCCESS)
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
