//! Static pod manifests: the flags that say where a component's certificates and ports are.

use std::collections::BTreeMap;

use certwright_engine::host::dial::Endpoint;
use serde::Deserialize;

use super::OutputError;
use super::kubeadm::Version;
use crate::pki::yaml;

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
        let wire: PodWire =
            yaml::parse(yaml).map_err(|at| OutputError::shape("a static pod manifest", at))?;
        let (container, spec) = (wire.spec.containers.into_iter().next(), wire.spec.volumes);
        let container =
            container.ok_or_else(|| OutputError::shape("a static pod manifest", "it has no container"))?;
        let words =
            container.command.unwrap_or_default().into_iter().chain(container.args.unwrap_or_default());
        let host_path = |volume: VolumeWire| Some((volume.name, volume.host_path?.path));
        Ok(Self {
            name: wire.metadata.name,
            container: container.name,
            image: container.image.unwrap_or_default(),
            flags: flags(words),
            host_paths: spec.unwrap_or_default().into_iter().filter_map(host_path).collect(),
        })
    }

    /// The value of a flag (`etcd-servers`).
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    /// The version that its image's tag tells (`registry.k8s.io/kube-apiserver:v1.36.1`); None where there is none, as of
    /// a digest alone.
    pub fn version(&self) -> Option<Version> {
        let named = self.image.split('@').next()?;
        let (_, tag) = named.rsplit('/').next()?.split_once(':')?;
        Version::parse(tag).filter(|_| tag.starts_with('v'))
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

    /// etcd: `--advertise-client-urls`, where clients reach it.
    pub fn advertise_client_urls(&self) -> Vec<&str> {
        self.list("advertise-client-urls")
    }

    /// etcd: `--initial-advertise-peer-urls`, where the other members reach it.
    pub fn initial_advertise_peer_urls(&self) -> Vec<&str> {
        self.list("initial-advertise-peer-urls")
    }
}

/// Host and port of a URL; None where it does not name both.
pub fn endpoint(url: &str) -> Option<Endpoint> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    let (host, port) = authority.rsplit_once(':')?;
    Some(Endpoint::new(host, port.parse().ok()?))
}

/// Flags as `--name=value`, `--name value` and `--name`; other words (the program) are skipped.
fn flags(words: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (flag, words.next_if(|next| !next.starts_with('-')).unwrap_or_default()),
        };
        flags.insert(name.to_owned(), value);
    }
    flags
}

#[derive(Deserialize)]
struct PodWire {
    metadata: MetaWire,
    spec: SpecWire,
}

#[derive(Deserialize)]
struct MetaWire {
    name: String,
}

#[derive(Deserialize)]
struct SpecWire {
    containers: Vec<ContainerWire>,
    #[serde(default)]
    volumes: Option<Vec<VolumeWire>>,
}

#[derive(Deserialize)]
struct ContainerWire {
    name: String,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    command: Option<Vec<String>>,
    #[serde(default)]
    args: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeWire {
    name: String,
    #[serde(default)]
    host_path: Option<PathWire>,
}

#[derive(Deserialize)]
struct PathWire {
    path: String,
}

/// The port of a URL (`https://127.0.0.1:2379`), or None.
pub fn url_port(url: &str) -> Option<u16> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{fixture, fixtures};

    #[test]
    fn every_recorded_manifest_is_read() {
        let all = fixtures(|_, command| command.starts_with("cat /etc/kubernetes/manifests/"));
        for fixture in &all {
            let pod = StaticPod::parse(fixture.output.stdout.bytes()).unwrap();
            assert!(fixture.command.ends_with(&format!("/{}.yaml", pod.name)), "{}", fixture.name);
            assert_eq!(pod.container, pod.name);
            assert!(!pod.host_paths.is_empty() && pod.image.contains(&pod.name), "{}", fixture.name);
        }
        crate::tools::testing::tell(format_args!("{} manifests", all.len()));
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn the_flags_of_a_real_node_say_where_its_certificates_and_ports_are() {
        let pod = |name: &str| {
            StaticPod::parse(fixture(&format!("healthy/manifests/{name}.yaml")).stdout.bytes()).unwrap()
        };
        let api = pod("kube-apiserver");
        assert_eq!(api.advertise_address(), Some("10.77.0.11"));
        assert_eq!(api.secure_port(), Some(6443));
        assert_eq!(api.etcd_servers(), ["https://127.0.0.1:2379"]);
        assert_eq!(api.tls_cert_file(), Some("/etc/kubernetes/pki/apiserver.crt"));
        assert_eq!(api.etcd_certfile(), Some("/etc/kubernetes/pki/apiserver-etcd-client.crt"));
        let etcd = pod("etcd");
        assert_eq!(etcd.cert_file(), Some("/etc/kubernetes/pki/etcd/server.crt"));
        assert_eq!(etcd.peer_cert_file(), Some("/etc/kubernetes/pki/etcd/peer.crt"));
        assert_eq!(etcd.listen_metrics_urls(), ["http://127.0.0.1:2381"]);
        assert_eq!(etcd.listen_client_urls(), ["https://127.0.0.1:2379", "https://10.77.0.11:2379"]);
        assert_eq!(etcd.listen_peer_urls(), ["https://10.77.0.11:2380"]);
        assert_eq!(etcd.host_paths["etcd-data"], "/var/lib/etcd");
        assert_eq!(pod("kube-scheduler").flag("kubeconfig"), Some("/etc/kubernetes/scheduler.conf"));
    }

    #[test]
    fn flags_are_read_in_every_form_and_bad_manifests_are_errors() {
        let yaml = "metadata: {name: x}\nspec:\n  containers:\n  - name: x\n    command: [x, --a, '1', -b=2, --c]\n    \
            args: [--a=3, --d=k=v]\n";
        let pod = StaticPod::parse(yaml.as_bytes()).unwrap();
        let flags: Vec<(&str, &str)> = pod.flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(flags, [("a", "3"), ("b", "2"), ("c", ""), ("d", "k=v")]);
        for bad in
            ["", "metadata: {name: x}", "metadata: {name: x}\nspec: {containers: []}", "\u{0}", "a: *b"]
        {
            assert!(StaticPod::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_tag_of_an_image_tells_the_version_and_nothing_else_does() {
        let version = |image: &str| {
            let pod = StaticPod { image: image.to_owned(), ..StaticPod::default() };
            pod.version().map(|version| version.to_string())
        };
        for (image, expected) in [
            ("registry.k8s.io/kube-apiserver:v1.36.1", Some("v1.36.1")),
            ("gcr.io/anthos-baremetal-release/kube-apiserver:v1.28.9-gke.1800", Some("v1.28.9")),
            ("mirror:5000/kube-apiserver:v1.9.11@sha256:0123", Some("v1.9.11")),
            ("mirror:5000/kube-apiserver", None),
            ("registry/kube-apiserver@sha256:0123", None),
            ("registry/kube-apiserver:latest", None),
            ("registry/etcd:3.6.8-0", None),
            ("", None),
        ] {
            assert_eq!(version(image).as_deref(), expected, "{image}");
        }
    }

    #[test]
    fn ports_of_urls_are_told() {
        assert_eq!(url_port("https://127.0.0.1:2379"), Some(2379));
        assert_eq!(url_port("http://[::1]:2381/metrics"), Some(2381));
        for bad in ["127.0.0.1:2379", "https://127.0.0.1", "https://x:70000", ""] {
            assert_eq!(url_port(bad), None, "{bad}");
        }
    }
}
