//! kubeadm's own configuration, written from what a node's static pod manifests say.
//!
//! Invariant: no more is said than decides which certificates there are and where they lie; values are quoted, so none
//! of them can become a field. Deliberately absent: what no manifest tells (validity, kind of keys), which stays
//! kubeadm's default, and networks, which `certs` does not need and kubeadm would judge.

use std::fmt::Write as _;

use certwright_engine::host::dial::Endpoint;
use certwright_engine::text::escape;

use super::Version;
use crate::pki::layout::KUBERNETES;
use crate::tools::manifest::StaticPod;

/// kubeadm's configuration as the manifests tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifested {
    /// The version of the kubeadm that will read it: it decides the API version.
    pub kubeadm: Version,
    /// `certificatesDir`.
    pub cert_dir: String,
    /// Where etcd is.
    pub etcd: Etcd,
    /// Where this node's API server is reached; kubeadm looks for an address itself where it is None.
    pub advertised: Option<Endpoint>,
    /// The runtime's endpoint; older kubeadms refuse to choose where a node has several.
    pub runtime: Option<String>,
}

/// Where etcd is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etcd {
    /// A static pod of this node.
    Local {
        /// `--data-dir`.
        data: Option<String>,
    },
    /// Elsewhere: kubeadm leaves the certificates for it alone.
    External {
        /// `--etcd-servers` of the API server.
        servers: Vec<String>,
        /// `--etcd-cafile`, `--etcd-certfile` and `--etcd-keyfile`, where all three are set.
        files: Option<[String; 3]>,
    },
}

impl Manifested {
    /// Reads an API server's manifest, and that of the local etcd where there is one.
    pub fn read(
        kubeadm: Version,
        cert_dir: &str,
        api: &StaticPod,
        etcd: Option<&StaticPod>,
        runtime: Option<&str>,
    ) -> Self {
        let flag = |name: &str| api.flag(name).map(str::to_owned);
        let files = || Some([flag("etcd-cafile")?, flag("etcd-certfile")?, flag("etcd-keyfile")?]);
        let etcd = match etcd {
            Some(etcd) => Etcd::Local { data: etcd.flag("data-dir").map(str::to_owned) },
            None => Etcd::External {
                servers: api.etcd_servers().into_iter().map(str::to_owned).collect(),
                files: files(),
            },
        };
        let address = api.advertise_address().filter(|address| address.parse::<std::net::IpAddr>().is_ok());
        let advertised = address.map(|address| Endpoint::new(address, api.secure_port().unwrap_or(6443)));
        let runtime = runtime.map(str::to_owned);
        Self { kubeadm, cert_dir: cert_dir.to_owned(), etcd, advertised, runtime }
    }

    /// The documents, as kubeadm reads them.
    pub fn text(&self) -> String {
        let api = api_version(self.kubeadm);
        let mut text = format!("apiVersion: {api}\nkind: InitConfiguration\n");
        if let Some(Endpoint { host, port }) = &self.advertised {
            let host = quoted(host);
            put(
                &mut text,
                format_args!("localAPIEndpoint:\n  advertiseAddress: {host}\n  bindPort: {port}\n"),
            );
        }
        if let Some(runtime) = &self.runtime {
            put(&mut text, format_args!("nodeRegistration:\n  criSocket: {}\n", quoted(runtime)));
        }
        // A version that is said is not asked for on the internet; another's than its own kubeadm may refuse.
        put(
            &mut text,
            format_args!(
                "---\napiVersion: {api}\nkind: ClusterConfiguration\nkubernetesVersion: {}\n\
                 certificatesDir: {}\netcd:\n",
                self.kubeadm,
                quoted(&self.cert_dir)
            ),
        );
        match &self.etcd {
            Etcd::Local { data: Some(data) } => {
                put(&mut text, format_args!("  local:\n    dataDir: {}\n", quoted(data)));
            }
            Etcd::Local { data: None } => text.push_str("  local: {}\n"),
            Etcd::External { servers, files } => {
                text.push_str("  external:\n    endpoints:\n");
                for server in servers {
                    put(&mut text, format_args!("    - {}\n", quoted(server)));
                }
                if let Some(files) = files {
                    for (field, file) in ["caFile", "certFile", "keyFile"].iter().zip(files) {
                        put(&mut text, format_args!("    {field}: {}\n", quoted(file)));
                    }
                }
            }
        }
        text
    }

    /// What it says, in a few words for people.
    pub fn summary(&self) -> String {
        let api = api_version(self.kubeadm);
        let etcd = match &self.etcd {
            Etcd::Local { .. } => "a local etcd".to_owned(),
            Etcd::External { servers, .. } => format!("etcd at {}", escape(&servers.join(", "))),
        };
        format!("{api}, {} and {KUBERNETES}/*.conf, {etcd}", escape(&self.cert_dir))
    }
}

/// The API version that a kubeadm reads without a complaint: v1beta2 of 1.15, v1beta3 of 1.22, v1beta4 of 1.31.
fn api_version(kubeadm: Version) -> &'static str {
    match (kubeadm.major, kubeadm.minor) {
        (..=1, ..=21) => "kubeadm.k8s.io/v1beta2",
        (..=1, 22..=30) => "kubeadm.k8s.io/v1beta3",
        (..=1, 31..) | (2.., _) => "kubeadm.k8s.io/v1beta4",
    }
}

/// A value as a YAML string: what JSON writes is YAML.
fn quoted(value: &str) -> String {
    serde_json::to_string(value).expect("a string serializes to JSON")
}

fn put(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("writing to a String");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::fixture;

    fn pod(name: &str) -> StaticPod {
        StaticPod::parse(fixture(&format!("healthy/manifests/{name}.yaml")).stdout.bytes()).unwrap()
    }

    fn version(minor: u32) -> Version {
        Version { major: 1, minor, patch: 3 }
    }

    #[test]
    fn the_manifests_of_a_real_node_become_its_configuration() {
        let runtime = Some("unix:///run/containerd/containerd.sock");
        let read = Manifested::read(
            version(36),
            "/etc/kubernetes/pki",
            &pod("kube-apiserver"),
            Some(&pod("etcd")),
            runtime,
        );
        let expected = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: \"10.77.0.11\"
  bindPort: 6443
nodeRegistration:
  criSocket: \"unix:///run/containerd/containerd.sock\"
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
certificatesDir: \"/etc/kubernetes/pki\"
etcd:
  local:
    dataDir: \"/var/lib/etcd\"
";
        assert_eq!(read.text(), expected);
        assert_eq!(
            read.summary(),
            "kubeadm.k8s.io/v1beta4, /etc/kubernetes/pki and /etc/kubernetes/*.conf, a local etcd"
        );
    }

    #[test]
    fn an_external_etcd_is_told_with_its_servers_and_files() {
        let mut api = pod("kube-apiserver");
        api.flags.insert("etcd-servers".into(), "https://e1:2379,https://e2:2379".into());
        let read = Manifested::read(version(28), "/etc/kubernetes/ssl", &api, None, None);
        let text = read.text();
        let external = "\
certificatesDir: \"/etc/kubernetes/ssl\"
etcd:
  external:
    endpoints:
    - \"https://e1:2379\"
    - \"https://e2:2379\"
    caFile: \"/etc/kubernetes/pki/etcd/ca.crt\"
    certFile: \"/etc/kubernetes/pki/apiserver-etcd-client.crt\"
    keyFile: \"/etc/kubernetes/pki/apiserver-etcd-client.key\"
";
        assert!(text.ends_with(external), "{text}");
        assert!(!text.contains("criSocket"), "{text}");
        assert_eq!(
            read.summary(),
            "kubeadm.k8s.io/v1beta3, /etc/kubernetes/ssl and /etc/kubernetes/*.conf, etcd at https://e1:2379, https://e2:2379"
        );
    }

    #[test]
    fn every_kubeadm_gets_the_api_version_that_it_reads() {
        for (minor, expected) in [
            (15, "v1beta2"),
            (21, "v1beta2"),
            (22, "v1beta3"),
            (30, "v1beta3"),
            (31, "v1beta4"),
            (40, "v1beta4"),
        ] {
            assert_eq!(api_version(version(minor)), format!("kubeadm.k8s.io/{expected}"), "1.{minor}");
        }
    }

    #[test]
    fn no_value_of_a_manifest_becomes_a_field() {
        let mut api = pod("kube-apiserver");
        let hostile = "x\"\nkind: Evil\n--- # \u{1b}[2J\u{2028}";
        api.flags.insert("etcd-servers".into(), hostile.to_owned());
        api.flags.insert("advertise-address".into(), hostile.to_owned());
        let read = Manifested::read(version(36), hostile, &api, None, Some(hostile));
        let text = read.text();
        assert!(!text.lines().any(|line| line.starts_with("kind: Evil")), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("---")).count(), 1, "{text}");
        assert!(!text.contains("advertiseAddress") && !read.summary().contains('\u{1b}'), "{text}");
    }
}
