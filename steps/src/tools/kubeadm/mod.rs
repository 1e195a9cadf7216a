//! kubeadm: renewing certificates and asking for their dates.
//!
//! Facts: with the API down every call waits about 10 s for the `kubeadm-config` ConfigMap and then falls back to
//! defaults, unless a configuration is given; `renew all` exits 0 for a missing certificate and for an external CA,
//! so its output is parsed and the files are looked at (fixtures `renew`, `renew-edge`).

mod expiration;

mod renewal;

use std::time::Duration;

use certwright_engine::host::{Command, Output};

pub use expiration::{Expiration, Expiry, parse_expiration_json, parse_expiration_text};
pub use renewal::{LeafOutcome, Renewal, parse_renewal};

use super::OutputError;

/// Where kubeadm takes its configuration from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Configuration {
    /// The cluster's ConfigMap, or defaults when it cannot be read.
    #[default]
    Cluster,
    /// A file on the node (`--config`): no question to the API.
    File(String),
    /// The cluster's, with another folder of certificates (`--cert-dir`).
    CertDir(String),
}

impl Configuration {
    fn args(&self) -> Vec<String> {
        match self {
            Self::Cluster => Vec::new(),
            Self::File(path) => vec!["--config".into(), path.clone()],
            Self::CertDir(path) => vec!["--cert-dir".into(), path.clone()],
        }
    }
}

/// `kubeadm certs renew all`. Makes new keys; stops half-way at the first real error; left to finish on the host.
pub fn renew_all(configuration: &Configuration) -> Command {
    command(Command::mutates(["kubeadm", "certs", "renew", "all"]), configuration)
}

/// `kubeadm certs check-expiration`: a table.
pub fn check_expiration_text(configuration: &Configuration) -> Command {
    command(Command::reads(["kubeadm", "certs", "check-expiration"]), configuration)
}

/// `kubeadm certs check-expiration -o json` (1.30 and later).
pub fn check_expiration_json(configuration: &Configuration) -> Command {
    command(Command::reads(["kubeadm", "certs", "check-expiration", "-o", "json"]), configuration)
}

/// `kubeadm version -o short`.
pub fn version() -> Command {
    Command::reads(["kubeadm", "version", "-o", "short"])
}

/// What `kubeadm init phase kubeconfig kubelet` needs to know of a node; each value stands for one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeletConf {
    /// The folder in which it writes kubelet.conf; one that exists there is kept.
    pub folder: String,
    /// Flags and their values: `--node-name`, ...
    pub flags: Vec<(&'static str, String)>,
    /// What `kubeadm version -o short` prints; without it kubeadm asks the internet for one.
    pub version: String,
}

/// `kubeadm init phase kubeconfig kubelet`: a new kubelet.conf, signed by the CA of the node; asks no API server.
pub fn kubelet_conf(of: &KubeletConf) -> Command {
    let mut command = Command::mutates(["kubeadm", "init", "phase", "kubeconfig", "kubelet"]);
    command.argv.extend(["--kubeconfig-dir".to_owned(), of.folder.clone()]);
    command.argv.extend(of.flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()]));
    command.argv.extend(["--kubernetes-version".to_owned(), of.version.clone()]);
    command.deadline(Duration::from_secs(60))
}

fn command(mut command: Command, configuration: &Configuration) -> Command {
    command.argv.extend(configuration.args());
    // Ten seconds go to a ConfigMap that cannot be read; slow disks and eleven RSA keys take the rest.
    command.deadline(Duration::from_secs(150))
}

/// A Kubernetes version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1, for now.
    pub major: u32,
    /// Minor release.
    pub minor: u32,
    /// Patch release.
    pub patch: u32,
}

/// Parses what `version -o short` prints (`v1.36.1`, `v1.28.9-gke.1800`).
pub fn parse_version(output: &Output) -> Result<Version, OutputError> {
    let what = "`kubeadm version`";
    let text = output.stdout.lossy();
    let mut numbers = text
        .trim()
        .trim_start_matches('v')
        .splitn(3, '.')
        .map(|part| part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse::<u32>());
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => Ok(Version { major, minor, patch }),
        _ => Err(OutputError::shape(what, text.trim())),
    }
}

/// True when kubeadm says that it did not read the cluster's configuration and took defaults.
pub fn fell_back(output: &Output) -> bool {
    let says = |text: &str| text.contains("Falling back to default configuration");
    says(&output.stdout.lossy()) || says(&output.stderr.lossy())
}

#[cfg(test)]
mod tests;
