//! Which files a static pod reads, and which of them its ports serve: by the flags of its manifest.

use certwright_engine::host::dial::{Dial, Endpoint};

use crate::pki::Component;
use crate::tools::manifest::{self, StaticPod};

/// A port of a component and the file whose certificate it should serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// Where it listens on the node.
    pub(crate) endpoint: Endpoint,
    /// Path of the certificate.
    pub(crate) file: String,
}

/// Paths in flags that name a file the component reads; those it writes (logs) are none of them.
pub(super) fn read_by(pod: &StaticPod) -> Vec<String> {
    let reads = |flag: &str| {
        let names_a_file =
            ["file", "kubeconfig", "-certificate", "-key"].iter().any(|end| flag.ends_with(end));
        names_a_file && flag != "log-file"
    };
    let mut paths: Vec<String> = pod
        .flags
        .iter()
        .filter(|(flag, value)| reads(flag) && value.starts_with('/'))
        .map(|(_, value)| value.clone())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// The ports of a component that serve a file kubeadm renews.
///
/// The controller-manager and the scheduler serve certificates of their own making, so they have none.
pub(crate) fn ports(component: Component, pod: &StaticPod) -> Vec<Port> {
    let port = |endpoint: Option<Endpoint>, file: Option<&str>| {
        Some(Port { endpoint: endpoint?, file: file?.to_owned() })
    };
    let found = match component {
        Component::Etcd => vec![
            port(dial_first(&pod.listen_client_urls()), pod.cert_file()),
            port(dial_first(&pod.listen_peer_urls()), pod.peer_cert_file()),
        ],
        Component::KubeApiserver => {
            let at = dial(pod.flag("bind-address").unwrap_or_default(), pod.secure_port().unwrap_or(6443));
            vec![port(Some(at), pod.tls_cert_file())]
        }
        Component::KubeControllerManager | Component::KubeScheduler => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// The questions that tell whether a component is ready, in the order in which they are tried: a later one is for
/// releases that do not know the earlier one (404).
pub(super) fn health(component: Component, pod: &StaticPod) -> Vec<Dial> {
    let secure =
        |port: u16| dial(pod.flag("bind-address").unwrap_or_default(), pod.secure_port().unwrap_or(port));
    match component {
        Component::Etcd => {
            let at =
                dial_first(&pod.listen_metrics_urls()).unwrap_or_else(|| Endpoint::new("127.0.0.1", 2381));
            vec![Dial::http(at, "/health")]
        }
        Component::KubeApiserver => vec![Dial::https(secure(6443), "/readyz")],
        Component::KubeControllerManager => vec![Dial::https(secure(10257), "/healthz")],
        Component::KubeScheduler => {
            let at = secure(10259);
            vec![Dial::https(at.clone(), "/readyz"), Dial::https(at, "/healthz")]
        }
    }
}

/// What to dial for a URL list: a loopback address where there is one.
fn dial_first(urls: &[&str]) -> Option<Endpoint> {
    let all: Vec<Endpoint> = urls.iter().filter_map(|url| manifest::endpoint(url)).collect();
    let at = all.iter().find(|at| is_loopback(&at.host)).or(all.first())?;
    Some(dial(&at.host, at.port))
}

/// Where something that listens on `host` answers locally.
fn dial(host: &str, port: u16) -> Endpoint {
    match host {
        "" | "0.0.0.0" | "::" | "[::]" => Endpoint::new("127.0.0.1", port),
        host => Endpoint::new(host, port),
    }
}

fn is_loopback(host: &str) -> bool {
    host.starts_with("127.") || matches!(host, "localhost" | "::1" | "0.0.0.0" | "::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(flags: &[(&str, &str)]) -> StaticPod {
        let flags = flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        StaticPod { flags, ..StaticPod::default() }
    }

    #[test]
    fn the_files_a_component_writes_do_not_make_it_stale() {
        let pod = pod(&[
            ("audit-log-path", "/var/log/audit.log"),
            ("log-file", "/var/log/kube.log"),
            ("tls-cert-file", "/pki/apiserver.crt"),
            ("kubelet-client-certificate", "/pki/client.crt"),
            ("kubelet-client-key", "/pki/client.key"),
            ("authentication-kubeconfig", "/etc/scheduler.conf"),
            ("etcd-certfile", "/pki/etcd.crt"),
            ("data-dir", "/var/lib/etcd"),
            ("feature-gates-file", "relative"),
        ]);
        assert_eq!(
            read_by(&pod),
            [
                "/etc/scheduler.conf",
                "/pki/apiserver.crt",
                "/pki/client.crt",
                "/pki/client.key",
                "/pki/etcd.crt"
            ]
        );
    }

    #[test]
    fn the_peer_port_is_dialled_where_etcd_listens_and_the_client_port_on_loopback() {
        let pod = pod(&[
            ("cert-file", "/s.crt"),
            ("peer-cert-file", "/p.crt"),
            ("listen-client-urls", "https://10.77.0.11:2379,https://127.0.0.1:2379"),
            ("listen-peer-urls", "https://10.77.0.11:2380"),
        ]);
        let endpoints: Vec<String> =
            ports(Component::Etcd, &pod).into_iter().map(|p| p.endpoint.to_string()).collect();
        assert_eq!(endpoints, ["127.0.0.1:2379", "10.77.0.11:2380"]);
    }

    #[test]
    fn an_address_of_every_form_can_be_dialled() {
        for (host, dialled) in [
            ("", "127.0.0.1:1"),
            ("0.0.0.0", "127.0.0.1:1"),
            ("::", "127.0.0.1:1"),
            ("fd00::1", "[fd00::1]:1"),
            ("[fd00::1]", "[fd00::1]:1"),
            ("10.0.0.1", "10.0.0.1:1"),
        ] {
            assert_eq!(dial(host, 1).to_string(), dialled);
        }
    }
}
