//! The kubelet's configuration: where static pods are, and which runtime it uses.

use std::time::Duration;

use super::OutputError;

/// `/var/lib/kubelet/config.yaml`.
pub const CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// Flags that kubeadm gives the kubelet.
pub const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// What kubeadm keeps for this node alone (1.35 and later, behind a gate before).
pub const INSTANCE: &str = "/var/lib/kubelet/instance-config.yaml";

/// What matters of the kubelet's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeletConfig {
    /// `staticPodPath`; None when the kubelet runs none.
    pub static_pod_path: Option<String>,
    /// `containerRuntimeEndpoint`; None when not set here.
    pub runtime_endpoint: Option<String>,
    /// `fileCheckFrequency`; the kubelet's default of 20 s where it is 0 or not set.
    pub file_check_frequency: Duration,
}

impl KubeletConfig {
    /// Parses `config.yaml` or `instance-config.yaml`.
    pub fn parse(yaml: &[u8]) -> Result<Self, OutputError> {
        let _ = yaml;
        todo!("parse")
    }
}

/// The endpoint of `--container-runtime-endpoint` in `kubeadm-flags.env` (`KUBELET_KUBEADM_ARGS="..."`).
pub fn flags_endpoint(env: &[u8]) -> Option<String> {
    let _ = env;
    todo!("flags")
}

/// The endpoint in force: the flag before the configuration before the instance's; None when none says it.
///
/// A path without scheme gets `unix://`. Files that are absent or cannot be parsed count as saying nothing.
pub fn runtime_endpoint(
    config: Option<&[u8]>,
    flags: Option<&[u8]>,
    instance: Option<&[u8]>,
) -> Option<String> {
    let _ = (config, flags, instance);
    todo!("endpoint")
}
