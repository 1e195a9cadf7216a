//! The static pods of a node, read once: which of them are there, and which were taken out.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use crate::kinds::facts::Warning;
use crate::kinds::finding::Finding;
use crate::kinds::node::Node;
use crate::pki::Component;
use crate::tools::kubeadm::Version;
use crate::tools::manifest::{self, StaticPod};

/// The static pods of a node.
pub(super) struct Pods {
    by: BTreeMap<Component, StaticPod>,
    /// Those whose manifest cannot be read, which is a finding of its own.
    unreadable: BTreeSet<Component>,
}

impl Pods {
    /// Those of a node.
    pub(super) fn of(node: &Node<'_>) -> Result<Self, StepError> {
        let mut pods = Self { by: BTreeMap::new(), unreadable: BTreeSet::new() };
        for component in Component::ALL {
            match node.static_pod(component) {
                Ok(Some(pod)) => drop(pods.by.insert(component, pod.clone())),
                Ok(None) => {}
                Err(error) if error.class == ErrorClass::Invalid => drop(pods.unreadable.insert(component)),
                Err(error) => return Err(error),
            }
        }
        Ok(pods)
    }

    /// Whether there is no manifest of any component.
    pub(super) fn is_empty(&self) -> bool {
        self.by.is_empty() && self.unreadable.is_empty()
    }

    /// One of them.
    pub(super) fn get(&self, component: Component) -> Option<&StaticPod> {
        self.by.get(&component)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Component, &StaticPod)> {
        self.by.iter().map(|(component, pod)| (*component, pod))
    }

    /// The newest version that the images of Kubernetes' own components tell, and the first whose it is.
    pub(super) fn version(&self) -> Option<(Component, Version)> {
        let told = self.iter().filter(|(component, _)| *component != Component::Etcd);
        let versions = told.filter_map(|(component, pod)| Some((component, pod.version()?)));
        versions.reduce(|newest, next| if next.1 > newest.1 { next } else { newest })
    }

    /// The warning where the API server asks an etcd that no static pod of this node is.
    pub(super) fn external_etcd(&self) -> Option<Warning> {
        let api = self.get(Component::KubeApiserver)?;
        let here = self.by.contains_key(&Component::Etcd) || self.unreadable.contains(&Component::Etcd);
        let servers = api.etcd_servers().join(", ");
        (!here && !asks_itself(api)).then(|| {
            Warning::new(
                format!("etcd is external ({})", escape(&servers)),
                "its certificates, and those that the API server shows it, are not kubeadm's: this run neither renews them \
                 nor restarts etcd; see until when they are valid",
            )
        })
    }

    /// Manifests that were taken out of the folder: their component has ended, and nothing would renew or restart it.
    pub(super) fn taken_out(&self, folder: &str) -> Vec<Finding> {
        let api = self.get(Component::KubeApiserver);
        let wanted = |component: Component| match component {
            Component::Etcd => api.is_some_and(asks_itself),
            Component::KubeApiserver | Component::KubeControllerManager | Component::KubeScheduler => true,
        };
        let gone = |component: &Component| {
            wanted(*component) && !self.by.contains_key(component) && !self.unreadable.contains(component)
        };
        Component::ALL.into_iter().filter(gone).map(|component| taken_out(component, folder)).collect()
    }
}

fn taken_out(component: Component, folder: &str) -> Finding {
    let name = component.name();
    let (why, again) = match component {
        Component::Etcd => {
            (", yet the API server asks an etcd of this node", "kubeadm init phase etcd local".to_owned())
        }
        Component::KubeApiserver | Component::KubeControllerManager | Component::KubeScheduler => {
            let short = name.strip_prefix("kube-").unwrap_or(name);
            ("", format!("kubeadm init phase control-plane {short}"))
        }
    };
    let folder = escape(folder);
    Finding::new(
        format!("{folder}/{name}.yaml is missing{why}: the kubelet runs no {name}"),
        format!(
            "put it back if it was moved away (`find / -xdev -name {name}.yaml`), or make it again: {again}"
        ),
    )
}

/// Whether an API server asks an etcd on its own node.
fn asks_itself(api: &StaticPod) -> bool {
    let own = api.advertise_address();
    let here = |url: &&str| {
        manifest::endpoint(url).is_some_and(|at| {
            let loopback = at.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            loopback || at.host == "localhost" || Some(at.host.as_str()) == own
        })
    };
    api.etcd_servers().iter().any(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(servers: &str) -> StaticPod {
        let flags = [("etcd-servers", servers), ("advertise-address", "10.0.0.2")];
        let flags = flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        StaticPod { flags, ..StaticPod::default() }
    }

    #[test]
    fn an_etcd_of_the_node_is_told_from_one_elsewhere() {
        for (servers, own) in [
            ("https://127.0.0.1:2379", true),
            ("https://[::1]:2379", true),
            ("https://localhost:2379", true),
            ("https://10.0.0.3:2379,https://10.0.0.2:2379", true),
            ("https://10.0.0.3:2379,https://10.0.0.20:2379", false),
            ("https://etcd.example:2379", false),
            ("", false),
        ] {
            assert_eq!(asks_itself(&api(servers)), own, "{servers}");
        }
    }
}
