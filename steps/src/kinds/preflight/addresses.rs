//! Certificates that do not name the node that serves them: a renewal copies the names, and the run would fail where it
//! asks that node.

use certwright_engine::text::escape;

use super::pods::Pods;
use crate::kinds::facts::Warning;
use crate::kinds::finding::Finding;
use crate::kinds::holdings::{Holdings, remake};
use crate::pki::Component;
use crate::tools::manifest::{self, StaticPod};

/// Where a component says that it is reached, and the file that must name it.
pub(super) fn unnamed(pods: &Pods, holdings: &Holdings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (component, pod) in pods.iter() {
        for (address, file) in advertised(component, pod) {
            let Some((leaf, certificate)) = holdings.at(file) else { continue };
            if certificate.covers(&address) {
                continue;
            }
            let (name, shown) = (component.name(), escape(&address));
            findings.push(Finding::new(
                format!("{file} does not name {shown}, where {name} of this node is reached"),
                format!(
                    "if it came from another node, make it anew on this one (move it and its key away, then `{}`); a \
                     renewal copies the names",
                    remake(leaf)
                ),
            ));
        }
    }
    findings
}

/// Certificates without the node's own name, which etcd's manifest tells, and an API server's without the virtual IP of
/// the inventory: who asks by these is refused.
pub(super) fn nameless(pods: &Pods, holdings: &Holdings, virtual_ip: Option<&str>) -> Vec<Warning> {
    let own = pods.get(Component::Etcd).and_then(|etcd| etcd.flag("name"));
    let served = |(component, pod)| advertised(component, pod).into_iter().map(|(_, file)| file);
    let of_own = pods.iter().flat_map(served).filter_map(|file| Some((file, own?, "the node's own name")));
    let api = pods.get(Component::KubeApiserver).and_then(StaticPod::tls_cert_file);
    let of_all = api.zip(virtual_ip).map(|(file, address)| (file, address, "the cluster's virtual IP"));
    let mut warnings = Vec::new();
    for (file, name, whose) in of_own.chain(of_all) {
        let Some((leaf, certificate)) = holdings.at(file) else { continue };
        if !certificate.covers(name) {
            let name = escape(name);
            warnings.push(Warning::new(
                format!("{file} does not name {name}, {whose}"),
                format!(
                    "a renewal copies the names; where something asks by this one, make it anew (move it and its key away, \
                     then `{}`)",
                    remake(leaf)
                ),
            ));
        }
    }
    warnings
}

fn advertised(component: Component, pod: &StaticPod) -> Vec<(String, &str)> {
    let of_first = |urls: Vec<&str>| Some(manifest::endpoint(urls.first()?)?.host);
    let pairs = match component {
        Component::Etcd => vec![
            (of_first(pod.advertise_client_urls()), pod.cert_file()),
            (of_first(pod.initial_advertise_peer_urls()), pod.peer_cert_file()),
        ],
        Component::KubeApiserver => vec![(pod.advertise_address().map(str::to_owned), pod.tls_cert_file())],
        Component::KubeControllerManager | Component::KubeScheduler => Vec::new(),
    };
    pairs.into_iter().filter_map(|(address, file)| Some((address?, file?))).collect()
}
