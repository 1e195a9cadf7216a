//! Whether the certificates that would be renewed are those that the static pods read.

use certwright_engine::host::{Command, Host};
use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use super::pods::Pods;
use crate::kinds::finding::Finding;
use crate::kinds::node::run;
use crate::pki::Component;
use crate::pki::layout::{Form, Leaf, Presence, leaf};
use crate::tools::manifest::StaticPod;

/// A file that a component reads in the place of a leaf of kubeadm's.
struct Read<'a> {
    component: Component,
    leaf: &'static Leaf,
    file: &'a str,
}

/// Files that the static pods read and a renewal of `cert_dir` would not write.
pub(super) async fn others(host: &dyn Host, pods: &Pods, cert_dir: &str) -> Result<Vec<Finding>, StepError> {
    let local_etcd = pods.get(Component::Etcd).is_some();
    let mut others = Vec::new();
    for (component, pod) in pods.iter() {
        for read in reads(component, pod) {
            let ours = read.leaf.file(cert_dir);
            let is_kubeadms = local_etcd || read.leaf.presence != Presence::LocalEtcd;
            // One folder may be a link to the other.
            if is_kubeadms
                && read.file != ours
                && resolved(host, read.file).await? != resolved(host, &ours).await?
            {
                others.push(read);
            }
        }
    }
    // All of them in one other folder: it is kubeadm's.
    let folder = others.first().and_then(|read| folder_of(read.leaf, read.file));
    if let Some(folder) = folder
        && others.iter().all(|read| folder_of(read.leaf, read.file) == Some(folder))
    {
        let (folder, ours) = (escape(folder), escape(cert_dir));
        return Ok(vec![Finding::new(
            format!(
                "the static pods read the certificates of {folder}, and those of {ours} would be renewed"
            ),
            format!("set `with.cert-dir = \"{folder}\"` in the plan's steps that have it"),
        )]);
    }
    let finding = |read: &Read<'_>| {
        let (name, file, ours) =
            (read.component.name(), escape(read.file), escape(&read.leaf.file(cert_dir)));
        Finding::new(
            format!("{name} reads {file}, and kubeadm renews {ours}"),
            format!("renew {file} where it comes from, or let the manifest of {name} name {ours} again"),
        )
    };
    Ok(others.iter().map(finding).collect())
}

/// What flags name of kubeadm's leaves.
fn reads(component: Component, pod: &StaticPod) -> Vec<Read<'_>> {
    let named: &[(&str, &str)] = match component {
        Component::Etcd => &[("cert-file", "etcd-server"), ("peer-cert-file", "etcd-peer")],
        Component::KubeApiserver => &[
            ("tls-cert-file", "apiserver"),
            ("etcd-certfile", "apiserver-etcd-client"),
            ("kubelet-client-certificate", "apiserver-kubelet-client"),
            ("proxy-client-cert-file", "front-proxy-client"),
        ],
        Component::KubeControllerManager => &[("kubeconfig", "controller-manager.conf")],
        Component::KubeScheduler => &[("kubeconfig", "scheduler.conf")],
    };
    let read = |(flag, name): &(&str, &str)| {
        let file = pod.flag(flag).filter(|file| file.starts_with('/'))?;
        Some(Read { component, leaf: leaf(name).expect("a leaf of kubeadm's"), file })
    };
    named.iter().filter_map(read).collect()
}

/// The `certificatesDir` in which this file would be that leaf's.
fn folder_of<'f>(leaf: &Leaf, file: &'f str) -> Option<&'f str> {
    match leaf.form {
        Form::Pem => file.strip_suffix(".crt")?.strip_suffix(leaf.path)?.strip_suffix('/'),
        Form::Kubeconfig => None,
    }
}

/// The path without links; None where nothing is there.
async fn resolved(host: &dyn Host, path: &str) -> Result<Option<String>, StepError> {
    let output = run(host, &Command::reads(["readlink", "-f", "--", path])).await?;
    Ok(output.success().then(|| output.stdout.lossy().trim_end_matches('\n').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_leaf_is_what_stands_before_its_own_path() {
        let of = |name: &str, file| folder_of(leaf(name).unwrap(), file);
        assert_eq!(of("apiserver", "/etc/ssl/apiserver.crt"), Some("/etc/ssl"));
        assert_eq!(of("etcd-peer", "/etc/ssl/etcd/peer.crt"), Some("/etc/ssl"));
        assert_eq!(of("etcd-peer", "/etc/ssl/etcd/server.crt"), None);
        assert_eq!(of("etcd-peer", "/etc/etcd-peer.crt"), None);
        assert_eq!(of("scheduler.conf", "/etc/scheduler.conf"), None);
    }
}
