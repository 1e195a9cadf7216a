//! Static pod manifests: the flags that say where a component's certificates and ports are.

use std::collections::BTreeMap;

use super::OutputError;

/// A static pod: its first container's flags and the host paths it mounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticPod {
    /// Name of the pod as the manifest has it (`etcd`).
    pub name: String,
    /// Name of the first container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// Flags of `command` and `args` without the dashes; a flag without value has an empty one; the last one wins.
    pub flags: BTreeMap<String, String>,
    /// `hostPath` of its volumes by volume name.
    pub host_paths: BTreeMap<String, String>,
}

impl StaticPod {
    /// Parses a manifest.
    pub fn parse(yaml: &[u8]) -> Result<Self, OutputError> {
        let _ = yaml;
        todo!("parse")
    }

    /// The value of a flag (`etcd-servers`).
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    /// The values of a comma-separated flag (`listen-client-urls`); none when it is not set.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.flag(name).map_or_else(Vec::new, |value| value.split(',').filter(|v| !v.is_empty()).collect())
    }

    /// API server: `--advertise-address`.
    pub fn advertise_address(&self) -> Option<&str> {
        self.flag("advertise-address")
    }

    /// Port of `--secure-port`; None when not set (6443 for the API server) or not a port.
    pub fn secure_port(&self) -> Option<u16> {
        self.flag("secure-port")?.parse().ok()
    }

    /// API server: `--etcd-servers`.
    pub fn etcd_servers(&self) -> Vec<&str> {
        self.list("etcd-servers")
    }

    /// API server: `--tls-cert-file`.
    pub fn tls_cert_file(&self) -> Option<&str> {
        self.flag("tls-cert-file")
    }

    /// API server: `--etcd-certfile`.
    pub fn etcd_certfile(&self) -> Option<&str> {
        self.flag("etcd-certfile")
    }

    /// etcd: `--cert-file`.
    pub fn cert_file(&self) -> Option<&str> {
        self.flag("cert-file")
    }

    /// etcd: `--peer-cert-file`.
    pub fn peer_cert_file(&self) -> Option<&str> {
        self.flag("peer-cert-file")
    }

    /// etcd: `--listen-metrics-urls`.
    pub fn listen_metrics_urls(&self) -> Vec<&str> {
        self.list("listen-metrics-urls")
    }

    /// etcd: `--listen-client-urls`.
    pub fn listen_client_urls(&self) -> Vec<&str> {
        self.list("listen-client-urls")
    }

    /// etcd: `--listen-peer-urls`.
    pub fn listen_peer_urls(&self) -> Vec<&str> {
        self.list("listen-peer-urls")
    }
}

/// The port of a URL (`https://127.0.0.1:2379`), or None.
pub fn url_port(url: &str) -> Option<u16> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}
