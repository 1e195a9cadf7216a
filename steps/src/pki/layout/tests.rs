//! The layout against the files of a real node.

use super::*;
use crate::tools::testing::fixture;

#[test]
fn every_file_of_the_layout_lies_on_a_real_node_and_every_certificate_of_that_node_is_in_it() {
    let tree = fixture("healthy/tree");
    let tree = tree.stdout.lossy();
    let on_node: Vec<&str> =
        tree.lines().filter(|line| line.starts_with('-')).filter_map(|line| line.split(' ').nth(3)).collect();
    let mut known: Vec<String> =
        LEAVES.iter().flat_map(|l| [l.file(CERT_DIR), l.key_file(CERT_DIR)]).collect();
    known.extend(Authority::ALL.iter().flat_map(|ca| [ca.certificate(CERT_DIR), ca.key(CERT_DIR)]));
    for path in &known {
        assert!(on_node.contains(&path.as_str()), "{path}");
    }
    let others = ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/pki/sa.pub"];
    for path in on_node.iter().filter(|p| p.starts_with(KUBERNETES) && !p.contains("/manifests/")) {
        assert!(known.iter().any(|k| k == path) || others.contains(path), "{path}");
    }
}

#[test]
fn the_flags_of_a_real_nodes_components_name_the_certificates_they_are_said_to_read() {
    for component in Component::ALL {
        let manifest = fixture(&format!("healthy/manifests/{}.yaml", component.name()));
        let manifest = manifest.stdout.lossy();
        for leaf in &LEAVES {
            let named =
                manifest.lines().any(|l| l.starts_with("    - --") && l.ends_with(&leaf.file(CERT_DIR)));
            assert_eq!(named, leaf.readers.contains(&component), "{} {}", component.name(), leaf.name);
        }
    }
    assert_eq!(Component::Etcd.reads().map(|l| l.name).collect::<Vec<_>>(), ["etcd-peer", "etcd-server"]);
    assert_eq!(Component::from_name("etcd-defrag"), None);
}

#[test]
fn only_super_admin_is_optional_and_an_external_etcd_takes_its_four() {
    let with =
        |presence| LEAVES.iter().filter(|l| l.presence == presence).map(|l| l.name).collect::<Vec<_>>();
    assert_eq!(with(Presence::Optional), ["super-admin.conf"]);
    assert_eq!(
        with(Presence::LocalEtcd),
        ["apiserver-etcd-client", "etcd-healthcheck-client", "etcd-peer", "etcd-server"]
    );
    assert!(LEAVES.iter().map(|l| l.name).is_sorted(), "kubeadm's order is that of the names");
}
