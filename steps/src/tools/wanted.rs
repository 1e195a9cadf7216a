//! Which files tell of a node's certificates, by what its own configuration says.
//!
//! Invariant: locations come from the kubelet's units, flags and configuration and from the static pods' manifests; what
//! these do not say is as kubeadm leaves it. Pure, and the only place where that is chosen.

use std::collections::{BTreeMap, BTreeSet};

use super::kubelet::{self, KubeletConfig, KubeletFlags};
use super::manifest::StaticPod;
use crate::pki::Component;
use crate::pki::kubeconfig::Source;
use crate::pki::{Kubeconfig, layout};

/// kubeadm's `staticPodPath`.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// Files that are looked at of one node.
pub const MOST: usize = 256;

/// Folders of certificates are looked into so deep.
pub const DEEP: usize = 3;

/// Files of the kubelet's own folder of certificates.
pub const KUBELETS: [&str; 3] = ["kubelet-client-current.pem", "kubelet-server-current.pem", "kubelet.crt"];

/// What a node's files of configuration say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The kubelet's flags.
    pub flags: KubeletFlags,
    /// The kubelet's configuration, where it can be read.
    pub kubelet: Option<KubeletConfig>,
    /// The folder the kubelet takes static pods from.
    pub manifests: String,
    /// The static pods that have a manifest; what is wrong with one that cannot be read.
    pub pods: BTreeMap<Component, Result<StaticPod, String>>,
}

impl Configuration {
    /// Reads what was collected, by path.
    pub fn of(texts: &BTreeMap<String, Vec<u8>>) -> Self {
        let of_units = texts.iter().filter(|(path, _)| kubelet::is_unit(path));
        let folder = |path: &str| kubelet::UNIT_FOLDERS.iter().position(|folder| path.starts_with(folder));
        let mut units: Vec<_> = of_units.collect();
        // A drop-in comes after the unit it is for; a folder that goes before others comes last; what they read, at the end.
        units.sort_by_key(|(path, _)| (folder(path).unwrap_or(usize::MAX), path.contains(".d/"), *path));
        let flags = KubeletFlags::of(units.into_iter().map(|(_, content)| content.as_slice()));
        let kubelet = texts.get(flags.config()).and_then(|yaml| KubeletConfig::parse(yaml).ok());
        let manifests = kubelet.as_ref().and_then(|config| config.static_pod_path.clone());
        let manifests = manifests.or_else(|| flags.get("pod-manifest-path").map(str::to_owned));
        let manifests = manifests.unwrap_or_else(|| MANIFESTS.to_owned());
        let mut pods = BTreeMap::new();
        for component in Component::ALL {
            if let Some(yaml) = texts.get(&format!("{manifests}/{}.yaml", component.name())) {
                pods.insert(component, StaticPod::parse(yaml).map_err(|error| error.to_string()));
            }
        }
        Self { flags, kubelet, manifests, pods }
    }

    /// The static pod of a component that can be read.
    pub fn pod(&self, component: Component) -> Option<&StaticPod> {
        self.pods.get(&component)?.as_ref().ok()
    }

    /// The file that a flag of a component names.
    pub fn file(&self, component: Component, flag: &str) -> Option<&str> {
        self.pod(component)?.flag(flag).filter(|path| path.starts_with('/'))
    }

    /// The kubelet's own folder of certificates (`--cert-dir`).
    pub fn kubelet_folder(&self) -> &str {
        self.flags.get("cert-dir").unwrap_or(kubelet::CERT_DIR)
    }
}

/// The paths of the four manifests.
pub fn manifests(folder: &str) -> impl Iterator<Item = String> + '_ {
    Component::ALL.into_iter().map(move |component| format!("{folder}/{}.yaml", component.name()))
}

/// Files that the configuration names, and kubeadm's kubeconfigs; `conf` is the kubelet's.
pub fn files(configuration: &Configuration, conf: Option<&Kubeconfig>) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for pod in configuration.pods.values().flatten() {
        let named = pod.flags.iter().filter(|(flag, path)| is_certificate(flag, path));
        paths.extend(named.map(|(_, path)| path.clone()));
    }
    let folder = configuration.kubelet_folder();
    for name in KUBELETS {
        paths.insert(format!("{folder}/{name}"));
    }
    for name in ["admin.conf", "super-admin.conf"] {
        paths.insert(format!("{}/{name}", layout::KUBERNETES));
    }
    paths.insert(configuration.flags.kubeconfig().to_owned());
    paths.extend(configuration.kubelet.as_ref().and_then(|config| config.tls_cert_file.clone()));
    paths.extend(conf.into_iter().flat_map(client_certificate));
    paths
}

/// Whether a flag of a static pod names a file with certificates.
fn is_certificate(flag: &str, path: &str) -> bool {
    let ends = ["file", "kubeconfig", "certificate"].iter().any(|end| flag.ends_with(end));
    let one = path.starts_with('/') && !path.contains([',', ' ', '"', '\'']);
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    ends && one && !matches!(extension, Some("key" | "pub"))
}

/// The files that a kubeconfig keeps its client certificates in.
fn client_certificate(conf: &Kubeconfig) -> impl Iterator<Item = String> + '_ {
    let files = conf.users.iter().filter_map(|user| match &user.entry.client_certificate {
        Some(Source::File(path)) => Some(path.clone()),
        Some(Source::Data(_)) | None => None,
    });
    files.filter(|path| path.starts_with('/'))
}

/// The folders of the API server's and etcd's own certificates.
pub fn folders(configuration: &Configuration) -> BTreeSet<String> {
    let own = [
        configuration.file(Component::KubeApiserver, "tls-cert-file"),
        configuration.file(Component::Etcd, "cert-file"),
    ];
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    own.into_iter().flatten().filter_map(folder).filter(|folder| !folder.is_empty()).collect()
}
