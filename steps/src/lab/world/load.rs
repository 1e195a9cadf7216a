//! What processes read of a node's files, and when they notice that a file has changed.

use std::sync::Arc;

use super::{Touched, World};
use crate::lab::build::KUBELET_CURRENT;
use crate::lab::files::Files;
use crate::lab::kubeconf;
use crate::lab::mint::Seen;
use crate::lab::state::{Container, Loaded, Node};
use crate::pki::layout::{CERT_DIR, Component, Form, Leaf, leaf};

/// Between a file's change and its use by an API server or an etcd member, ms. Measured: within 3 s.
const RELOAD: u64 = 2_000;

/// A certificate as a process holds it; None when the PEM is not one.
pub(in crate::lab) fn loaded(pem: &str, ca: &str, stamp: String) -> Option<Loaded> {
    let seen = Seen::read(pem)?;
    Some(Loaded {
        pem: pem.to_owned(),
        not_before: seen.dates.from,
        not_after: seen.dates.to,
        trusted: seen.is_signed_by(ca),
        stamp,
        reload_at: None,
    })
}

/// Reads a leaf with its key as its component does at its start.
pub(in crate::lab) fn leaf_of(files: &Files, node: &str, leaf: &Leaf) -> Option<Loaded> {
    let (certificate, key) = match leaf.form {
        Form::Pem => (files.text(node, &leaf.file(CERT_DIR))?, files.text(node, &leaf.key_file(CERT_DIR))?),
        Form::Kubeconfig => {
            let text = files.text(node, &leaf.file(CERT_DIR))?;
            (kubeconf::data(&text, "client-certificate-data")?, kubeconf::data(&text, "client-key-data")?)
        }
    };
    if !Seen::read(&certificate)?.has_key(&key) {
        return None;
    }
    let ca = files.text(node, &leaf.authority.certificate(CERT_DIR))?;
    loaded(&certificate, &ca, files.stamp(node, &paths(leaf)))
}

/// The kubelet's client certificate: what kubelet.conf embeds or points at.
pub(in crate::lab) fn kubelet_client(files: &Files, node: &str) -> Option<Loaded> {
    let conf = files.text(node, "/etc/kubernetes/kubelet.conf")?;
    let (certificate, key) = match kubeconf::value(&conf, "client-certificate") {
        Some(path) => {
            let pem = files.text(node, path)?;
            (pem.clone(), key_block(&pem)?)
        }
        None => {
            (kubeconf::data(&conf, "client-certificate-data")?, kubeconf::data(&conf, "client-key-data")?)
        }
    };
    if !Seen::read(&certificate)?.has_key(&key) {
        return None;
    }
    let ca = files.text(node, "/etc/kubernetes/pki/ca.crt")?;
    let stamp = files.stamp(node, &["/etc/kubernetes/kubelet.conf".into(), KUBELET_CURRENT.into()]);
    loaded(&certificate, &ca, stamp)
}

fn key_block(pem: &str) -> Option<String> {
    let start = pem.lines().position(|l| l.starts_with("-----BEGIN") && l.contains("PRIVATE KEY"))?;
    Some(pem.lines().skip(start).collect::<Vec<_>>().join("\n"))
}

fn paths(leaf: &Leaf) -> Vec<String> {
    vec![leaf.file(CERT_DIR), leaf.key_file(CERT_DIR)]
}

/// The leaves a pod's container reads, by their kubeadm names.
pub(in crate::lab) fn reads(pod: &str) -> Vec<&'static Leaf> {
    match Component::from_name(pod) {
        Some(component) => component.reads().collect(),
        // It talks to etcd with the API server's client certificate, mounted from the host.
        None => leaf("apiserver-etcd-client").into_iter().collect(),
    }
}

/// Whether a running process of this pod reads changed files again.
fn reloads(pod: &str) -> bool {
    match Component::from_name(pod) {
        Some(Component::Etcd | Component::KubeApiserver) => true,
        Some(Component::KubeControllerManager | Component::KubeScheduler) | None => false,
    }
}

impl World<'_> {
    /// Sets the time at which a changed file will have been read again.
    ///
    /// The files of all nodes are looked at twice in the time that a process takes to notice: who looked at them for
    /// every command would look at more the more nodes there are, for more commands.
    pub(super) fn notice_files(&mut self, now: u64, touched: Touched<'_>) {
        let since = self.state.now;
        let delay = self.state.delay(RELOAD);
        let files = self.files;
        let period = (delay / 2).max(1);
        let of_all = touched == Touched::Any || since / period != now / period;
        let is_looked_at = |name: &str| of_all || touched == Touched::Host(name);
        for (name, node) in self.state.nodes.iter_mut().filter(|(name, _)| is_looked_at(name)) {
            let mut changed = Vec::new();
            for (pod, entry) in node.pods.iter().filter(|(pod, _)| reloads(pod)) {
                let Some(container) = entry.running() else { continue };
                for leaf in reads(pod) {
                    let Some(loaded) = container.loaded.get(leaf.name) else { continue };
                    let paths = paths(leaf);
                    if loaded.reload_at.is_none() && files.stamp(name, &paths) != loaded.stamp {
                        changed.push((pod.clone(), leaf, files.newest(name, &paths).clamp(since, now)));
                    }
                }
            }
            for (pod, leaf, at) in changed {
                let container = Arc::make_mut(node).running_mut(&pod).expect("it was found");
                container.loaded.get_mut(leaf.name).expect("it was found").reload_at = Some(at + delay);
            }
        }
    }

    /// Reads changed files whose time has come; a pair that does not match is left for later.
    pub(super) fn reload(&mut self, at: u64) {
        let files = self.files;
        let is_due = |loaded: &Loaded| loaded.reload_at.is_some_and(|due| due <= at);
        let of_container = |container: &Container| container.loaded.values().any(is_due);
        let of_node =
            |node: &Arc<Node>| node.pods.values().any(|pod| pod.running().is_some_and(of_container));
        for (name, node) in self.state.nodes.iter_mut().filter(|(_, node)| of_node(node)) {
            for (pod, entry) in &mut Arc::make_mut(node).pods {
                let Some(container) = entry.containers.last_mut().filter(|c| c.ended.is_none()) else {
                    continue;
                };
                for leaf in reads(pod) {
                    let Some(old) = container.loaded.get_mut(leaf.name) else { continue };
                    if is_due(old) {
                        old.reload_at = None;
                        match leaf_of(files, name, leaf) {
                            Some(new) => *old = new,
                            None => old.stamp = files.stamp(name, &paths(leaf)),
                        }
                    }
                }
            }
        }
    }
}
