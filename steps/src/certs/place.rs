//! Which certificates a node has, by its configuration: a name, a path and what each must be.

use std::collections::BTreeSet;

use super::row::Kind;
use crate::pki::layout::{CERT_DIR, Form, KUBERNETES, LEAVES, Leaf, Presence};
use crate::pki::{Authority, Component};
use crate::tools::manifest::StaticPod;
use crate::tools::wanted::Configuration;

/// A place where a certificate is, or should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The name of its row.
    pub(super) name: String,
    /// Its path.
    pub(super) path: String,
    /// The path of its private key, where that is a file of its own.
    pub(super) key_path: Option<String>,
    /// What is kept there.
    pub(super) kind: Kind,
    /// Whether its absence is worth a row.
    pub(super) presence: Wanted,
    /// Who should have signed it.
    pub(super) expected: Option<Authority>,
    /// Extended key usages it must have.
    pub(super) usages: &'static [&'static str],
    /// Components that read it.
    pub(super) readers: Vec<Component>,
    /// Names and addresses clients reach it by.
    pub(super) reached_by: Vec<String>,
}

/// Whether a certificate must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The node does not work without it.
    Always,
    /// Where it is, it is looked at.
    IfThere,
}

const SERVER: &[&str] = &["serverAuth"];
const CLIENT: &[&str] = &["clientAuth"];
const BOTH: &[&str] = &["serverAuth", "clientAuth"];

/// Whose flag names the certificate of a leaf that kubeadm keeps as PEM, and the flag of its key.
fn flags(leaf: &str) -> Option<(Component, &'static str, &'static str)> {
    Some(match leaf {
        "apiserver" => (Component::KubeApiserver, "tls-cert-file", "tls-private-key-file"),
        "apiserver-etcd-client" => (Component::KubeApiserver, "etcd-certfile", "etcd-keyfile"),
        "apiserver-kubelet-client" => {
            (Component::KubeApiserver, "kubelet-client-certificate", "kubelet-client-key")
        }
        "front-proxy-client" => (Component::KubeApiserver, "proxy-client-cert-file", "proxy-client-key-file"),
        "etcd-server" => (Component::Etcd, "cert-file", "key-file"),
        "etcd-peer" => (Component::Etcd, "peer-cert-file", "peer-key-file"),
        "controller-manager.conf" => (Component::KubeControllerManager, "kubeconfig", "kubeconfig"),
        "scheduler.conf" => (Component::KubeScheduler, "kubeconfig", "kubeconfig"),
        _ => return None,
    })
}

/// Whose flag names the certificate of an authority.
fn authority_flag(authority: Authority) -> [(Component, &'static str); 2] {
    match authority {
        Authority::Ca => {
            [(Component::KubeApiserver, "client-ca-file"), (Component::KubeControllerManager, "root-ca-file")]
        }
        Authority::EtcdCa => {
            [(Component::KubeApiserver, "etcd-cafile"), (Component::Etcd, "trusted-ca-file")]
        }
        Authority::FrontProxyCa => [
            (Component::KubeApiserver, "requestheader-client-ca-file"),
            (Component::KubeControllerManager, "requestheader-client-ca-file"),
        ],
    }
}

fn usages(leaf: &str) -> &'static [&'static str] {
    match leaf {
        "apiserver" => SERVER,
        "etcd-server" | "etcd-peer" => BOTH,
        _ => CLIENT,
    }
}

/// Everything that the configuration of a node names, then what else lies in its folders, then the authorities.
///
/// `found` are the paths that were surveyed, `client` the file that kubelet.conf keeps its certificate in.
pub(super) fn places<'a>(
    configuration: &Configuration,
    found: impl Iterator<Item = &'a str>,
    client: Option<&str>,
) -> Vec<Place> {
    let local_etcd = configuration.pods.contains_key(&Component::Etcd);
    let mut places: Vec<Place> =
        LEAVES.iter().filter_map(|leaf| of_leaf(configuration, leaf, local_etcd)).collect();
    places.extend(of_kubelet(configuration, client));
    let authorities: Vec<Place> = Authority::ALL
        .into_iter()
        .filter_map(|authority| of_authority(configuration, authority, local_etcd))
        .collect();
    let known: BTreeSet<String> = places.iter().chain(&authorities).map(|place| place.path.clone()).collect();
    let kubelets = format!("{}/", configuration.kubelet_folder());
    let others = found.filter(|path| !known.contains(*path) && !path.starts_with(&kubelets));
    let others: Vec<Place> =
        others.filter(|path| *path != configuration.flags.kubeconfig()).map(other).collect();
    places.extend(others);
    places.extend(authorities);
    for place in &mut places {
        place.readers = readers(configuration, &place.path);
    }
    places
}

fn of_leaf(configuration: &Configuration, leaf: &Leaf, local_etcd: bool) -> Option<Place> {
    let named = flags(leaf.name).and_then(|(component, file, key)| {
        let path = configuration.file(component, file)?;
        Some((path.to_owned(), configuration.file(component, key).map(str::to_owned)))
    });
    let presence = match leaf.presence {
        Presence::Always => Wanted::Always,
        Presence::Optional => Wanted::IfThere,
        Presence::LocalEtcd if local_etcd => Wanted::Always,
        // The API server's own client of an external etcd.
        Presence::LocalEtcd if named.is_some() => Wanted::Always,
        Presence::LocalEtcd => return None,
    };
    let beside_etcd = || {
        let etcd = configuration.file(Component::Etcd, "cert-file")?.rsplit_once('/')?.0;
        (leaf.name == "etcd-healthcheck-client").then(|| format!("{etcd}/healthcheck-client.crt"))
    };
    let (path, key_path) = named.unwrap_or_else(|| {
        let path = beside_etcd().unwrap_or_else(|| leaf.file(CERT_DIR));
        let key = (leaf.form == Form::Pem).then(|| beside(&path));
        (path, key)
    });
    let external = !local_etcd && leaf.authority == Authority::EtcdCa;
    Some(Place {
        name: leaf.name.to_owned(),
        key_path: key_path.filter(|_| leaf.form == Form::Pem),
        kind: Kind::Leaf,
        presence,
        expected: (!external).then_some(leaf.authority),
        usages: usages(leaf.name),
        readers: Vec::new(),
        reached_by: reached_by(configuration, leaf.name),
        path,
    })
}

/// Hosts of the URLs that others reach etcd's and the API server's ports by.
fn reached_by(configuration: &Configuration, leaf: &str) -> Vec<String> {
    let etcd = configuration.pod(Component::Etcd);
    let urls: Vec<&str> = match leaf {
        "etcd-server" => etcd.map(StaticPod::advertise_client_urls).unwrap_or_default(),
        "etcd-peer" => etcd.map(StaticPod::initial_advertise_peer_urls).unwrap_or_default(),
        _ => Vec::new(),
    };
    let advertised = configuration.pod(Component::KubeApiserver).filter(|_| leaf == "apiserver");
    let advertised = advertised.and_then(StaticPod::advertise_address).map(str::to_owned);
    urls.into_iter().filter_map(host_of).chain(advertised).collect()
}

/// The host of a URL, without brackets.
pub(super) fn host_of(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn of_authority(configuration: &Configuration, authority: Authority, local_etcd: bool) -> Option<Place> {
    let named = authority_flag(authority)
        .into_iter()
        .find_map(|(component, flag)| configuration.file(component, flag))
        .map(str::to_owned);
    let path = match (named, authority) {
        (Some(path), _) => path,
        (None, Authority::EtcdCa) if !local_etcd => return None,
        (None, _) => authority.certificate(CERT_DIR),
    };
    let key_path = Some(beside(&path));
    Some(Place {
        name: authority.name().to_owned(),
        key_path,
        kind: Kind::Authority,
        presence: Wanted::Always,
        expected: None,
        usages: &[],
        readers: Vec::new(),
        reached_by: Vec::new(),
        path,
    })
}

fn of_kubelet(configuration: &Configuration, client: Option<&str>) -> Vec<Place> {
    let place = |name: &str, path: &str, key_path, expected, usages, presence| Place {
        name: name.to_owned(),
        path: path.to_owned(),
        key_path,
        kind: Kind::Leaf,
        presence,
        expected,
        usages,
        readers: Vec::new(),
        reached_by: Vec::new(),
    };
    let folder = configuration.kubelet_folder();
    let conf = configuration.flags.kubeconfig();
    let client = client.unwrap_or(conf);
    let mut places = vec![place("kubelet-client", client, None, Some(Authority::Ca), CLIENT, Wanted::Always)];
    let rotated = format!("{folder}/kubelet-client-current.pem");
    if client != rotated {
        // It is there, and kubelet.conf does not point at it.
        places.push(place("kubelet-client-current", &rotated, None, None, CLIENT, Wanted::IfThere));
    }
    let kubelet = configuration.kubelet.as_ref();
    if let Some(path) = kubelet.and_then(|config| config.tls_cert_file.as_deref()) {
        let key = kubelet.and_then(|config| config.tls_key_file.clone());
        places.push(place("kubelet-serving", path, key, None, SERVER, Wanted::Always));
        return places;
    }
    let approved = format!("{folder}/kubelet-server-current.pem");
    places.push(place("kubelet-server", &approved, None, Some(Authority::Ca), SERVER, Wanted::IfThere));
    let own = format!("{folder}/kubelet.crt");
    let key = Some(beside(&own));
    places.push(place("kubelet-serving", &own, key, None, SERVER, Wanted::IfThere));
    places
}

/// A file of the node's folders that nothing above names.
fn other(path: &str) -> Place {
    let name = path.strip_prefix(CERT_DIR).or_else(|| path.strip_prefix(KUBERNETES));
    Place {
        name: name.map_or(path, |name| name.trim_start_matches('/')).to_owned(),
        path: path.to_owned(),
        key_path: None,
        kind: Kind::Leaf,
        presence: Wanted::IfThere,
        expected: None,
        usages: &[],
        readers: Vec::new(),
        reached_by: Vec::new(),
    }
}

fn beside(path: &str) -> String {
    let stem = path.strip_suffix(".crt").or_else(|| path.strip_suffix(".pem")).unwrap_or(path);
    format!("{stem}.key")
}

fn readers(configuration: &Configuration, path: &str) -> Vec<Component> {
    let reads = |pod: &StaticPod| pod.flags.values().any(|value| value == path);
    let pods = configuration.pods.iter();
    pods.filter(|(_, pod)| pod.as_ref().is_ok_and(reads)).map(|(component, _)| *component).collect()
}
