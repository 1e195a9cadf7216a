//! The kubelet's configuration: where static pods are, and which runtime it uses.

use std::time::Duration;

use serde::Deserialize;

use super::OutputError;
use crate::pki::yaml;

/// `/var/lib/kubelet/config.yaml`.
pub const CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// Flags that kubeadm gives the kubelet.
pub const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// What kubeadm keeps for this node alone (1.35 and later, behind a gate before).
pub const INSTANCE: &str = "/var/lib/kubelet/instance-config.yaml";

/// Where systemd looks for units, the folder that goes before others last.
pub const UNIT_FOLDERS: [&str; 3] = ["/usr/lib/systemd/system", "/etc/systemd/system", "/run/systemd/system"];

/// Files that the kubelet's unit reads its flags from, of kubeadm's packages.
pub const ENVIRONMENTS: [&str; 3] = ["/etc/default/kubelet", "/etc/sysconfig/kubelet", FLAGS];

/// The kubelet's kubeconfig, as kubeadm's unit has it.
pub const KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";

/// The kubelet's default `--cert-dir`.
pub const CERT_DIR: &str = "/var/lib/kubelet/pki";

/// Whether a path is that of a unit, a drop-in or an environment file of the kubelet.
pub fn is_unit(path: &str) -> bool {
    let below = |folder: &str| path.strip_prefix(folder).is_some_and(|p| p.starts_with("/kubelet.service"));
    UNIT_FOLDERS.iter().any(|folder| below(folder)) || ENVIRONMENTS.contains(&path)
}

/// The kubelet's flags that name absolute paths, wherever its units and their environment files have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubeletFlags(std::collections::BTreeMap<String, String>);

impl KubeletFlags {
    /// Reads units, drop-ins and environment files; the last mention of a flag counts.
    pub fn of<'a>(files: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut flags = std::collections::BTreeMap::new();
        for file in files {
            let text = String::from_utf8_lossy(file);
            for line in text.lines().filter(|line| !line.trim_start_matches(' ').starts_with('#')) {
                for word in line.split([' ', '\t', '"', '\'']) {
                    // The first flag of a variable stands behind its name.
                    let named = word.split_once("=--").filter(|(name, _)| is_variable(name));
                    let flag = named.map(|(_, flag)| flag).or_else(|| word.strip_prefix("--"));
                    if let Some((name, value)) = flag.and_then(|flag| flag.split_once('='))
                        && value.starts_with('/')
                    {
                        flags.insert(name.to_owned(), value.to_owned());
                    }
                }
            }
        }
        Self(flags)
    }

    /// The absolute path that a flag has.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The path of the kubelet's configuration.
    pub fn config(&self) -> &str {
        self.get("config").unwrap_or(CONFIG)
    }

    /// The path of the kubelet's kubeconfig.
    pub fn kubeconfig(&self) -> &str {
        self.get("kubeconfig").unwrap_or(KUBECONFIG)
    }
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// The kubelet's default period of looking at its static pod folder.
const FILE_CHECK_FREQUENCY: Duration = Duration::from_secs(20);

/// What matters of the kubelet's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeletConfig {
    /// `staticPodPath`; None when the kubelet runs none.
    pub static_pod_path: Option<String>,
    /// `containerRuntimeEndpoint`; None when not set here.
    pub runtime_endpoint: Option<String>,
    /// `fileCheckFrequency`; the kubelet's default of 20 s where it is 0 or not set.
    pub file_check_frequency: Duration,
    /// `rotateCertificates`: the kubelet renews its client certificate itself. False where it is not set; kubeadm sets it.
    pub rotates: bool,
    /// `tlsCertFile`: the certificate that the kubelet serves, where it is not one of its own making.
    pub tls_cert_file: Option<String>,
    /// `tlsPrivateKeyFile`, its key.
    pub tls_key_file: Option<String>,
    /// `serverTLSBootstrap`: the kubelet asks the cluster for the certificate that it serves with.
    pub asks_for_serving: bool,
}

impl KubeletConfig {
    /// Parses `config.yaml` or `instance-config.yaml`.
    pub fn parse(yaml: &[u8]) -> Result<Self, OutputError> {
        let wire: Option<ConfigWire> =
            yaml::parse(yaml).map_err(|at| OutputError::shape("the kubelet's configuration", at))?;
        let wire = wire.unwrap_or_default();
        let frequency = wire.file_check_frequency.as_deref().and_then(go_duration);
        Ok(Self {
            static_pod_path: wire.static_pod_path.filter(|path| !path.is_empty()),
            runtime_endpoint: wire.container_runtime_endpoint.filter(|e| !e.is_empty()).map(with_scheme),
            file_check_frequency: frequency.filter(|f| !f.is_zero()).unwrap_or(FILE_CHECK_FREQUENCY),
            rotates: wire.rotate_certificates.unwrap_or_default(),
            tls_cert_file: wire.tls_cert_file.filter(|path| path.starts_with('/')),
            tls_key_file: wire.tls_private_key_file.filter(|path| path.starts_with('/')),
            asks_for_serving: wire.server_tls_bootstrap.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ConfigWire {
    static_pod_path: Option<String>,
    container_runtime_endpoint: Option<String>,
    file_check_frequency: Option<String>,
    rotate_certificates: Option<bool>,
    tls_cert_file: Option<String>,
    tls_private_key_file: Option<String>,
    #[serde(rename = "serverTLSBootstrap")]
    server_tls_bootstrap: Option<bool>,
}

/// What Go's `time.ParseDuration` reads, as far as kubelets write it (`20s`, `1m0s`, `0s`); None for the rest.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit = &after[..after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len())];
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &after[unit.len()..];
    }
    Some(total)
}

fn with_scheme(endpoint: String) -> String {
    if endpoint.starts_with('/') { format!("unix://{endpoint}") } else { endpoint }
}

/// The endpoint of `--container-runtime-endpoint` in `kubeadm-flags.env` (`KUBELET_KUBEADM_ARGS="..."`).
pub fn flags_endpoint(env: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(env);
    let mut words = text.split(|c: char| c.is_ascii_whitespace() || c == '"' || c == '\'');
    let value = loop {
        let word = words.next()?;
        // The first flag stands behind the variable's name where there are no quotes.
        let flag = word.strip_prefix("KUBELET_KUBEADM_ARGS=").unwrap_or(word);
        match flag.strip_prefix("--container-runtime-endpoint") {
            Some("") => break words.find(|word| !word.is_empty())?,
            Some(rest) if rest.starts_with('=') => break &rest[1..],
            Some(_) | None => {}
        }
    };
    (!value.is_empty()).then(|| with_scheme(value.to_owned()))
}

/// The endpoint in force: the flag before the configuration before the instance's; None when none says it.
///
/// A path without scheme gets `unix://`. Files that are absent or cannot be parsed count as saying nothing.
pub fn runtime_endpoint(
    config: Option<&KubeletConfig>,
    flags: Option<&[u8]>,
    instance: Option<&[u8]>,
) -> Option<String> {
    let of_instance = || KubeletConfig::parse(instance?).ok()?.runtime_endpoint;
    flags.and_then(flags_endpoint).or_else(|| config?.runtime_endpoint.clone()).or_else(of_instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::fixture;

    #[test]
    fn a_real_nodes_configuration_tells_where_static_pods_and_the_runtime_are() {
        let config = fixture("healthy/kubelet-config-yaml");
        let parsed = KubeletConfig::parse(config.stdout.bytes()).unwrap();
        assert_eq!(parsed.static_pod_path.as_deref(), Some("/etc/kubernetes/manifests"));
        assert_eq!(parsed.runtime_endpoint.as_deref(), Some("unix:///run/containerd/containerd.sock"));
        assert_eq!(parsed.file_check_frequency, Duration::from_secs(20), "0s means the default");
        assert!(parsed.rotates, "kubeadm lets kubelets rotate their certificates");
        assert!(!parsed.asks_for_serving, "kubeadm does not let kubelets ask for what they serve with");
        let asks = KubeletConfig::parse(b"serverTLSBootstrap: true\n").unwrap();
        assert!(asks.asks_for_serving);
        let instance = fixture("healthy/kubelet-instance-config");
        let endpoint = runtime_endpoint(None, None, Some(instance.stdout.bytes()));
        assert_eq!(endpoint.as_deref(), Some("unix:///run/containerd/containerd.sock"));
        assert_eq!(flags_endpoint(fixture("healthy/kubelet-flags-env").stdout.bytes()), None);
    }

    #[test]
    fn the_runtime_of_the_flags_goes_before_that_of_the_files() {
        let config = b"containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n";
        let config = KubeletConfig::parse(config).unwrap();
        let cases = [
            (
                r#"KUBELET_KUBEADM_ARGS="--a=b --container-runtime-endpoint=unix:///var/run/crio/crio.sock""#,
                "unix:///var/run/crio/crio.sock",
            ),
            ("KUBELET_KUBEADM_ARGS=--container-runtime-endpoint=/run/x.sock", "unix:///run/x.sock"),
            (
                "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint  /run/y.sock --c\"\n",
                "unix:///run/y.sock",
            ),
            (
                "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint-x=/run/x.sock\"",
                "unix:///run/containerd/containerd.sock",
            ),
            (
                "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=\"",
                "unix:///run/containerd/containerd.sock",
            ),
            ("\u{0}\u{ff}", "unix:///run/containerd/containerd.sock"),
        ];
        for (flags, expected) in cases {
            let endpoint = runtime_endpoint(Some(&config), Some(flags.as_bytes()), None);
            assert_eq!(endpoint.as_deref(), Some(expected), "{flags}");
        }
        assert_eq!(runtime_endpoint(None, None, Some(b"[broken")), None);
    }

    #[test]
    fn the_period_of_looking_at_manifests_is_read_as_go_writes_it() {
        for (text, seconds) in
            [("1m0s", 60), ("5s", 5), ("1h2m3s", 3723), ("0s", 20), ("soon", 20), ("''", 20)]
        {
            let yaml = format!("fileCheckFrequency: {text}\n");
            let config = KubeletConfig::parse(yaml.as_bytes()).unwrap();
            assert_eq!(config.file_check_frequency, Duration::from_secs(seconds), "{text}");
        }
        let empty = KubeletConfig::parse(b"").unwrap();
        assert_eq!((empty.static_pod_path, empty.runtime_endpoint), (None, None));
    }
}
