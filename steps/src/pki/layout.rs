//! The certificates kubeadm keeps on a control-plane node: names, places, authorities, readers.
//!
//! Order and words are kubeadm's own (`certs renew all`, 1.20 to 1.36). Deliberately absent: the kubelet's
//! certificates (it rotates them itself) and `sa.key`.

/// Where kubeadm keeps kubeconfigs and, in `pki` below it, certificates.
pub const KUBERNETES: &str = "/etc/kubernetes";

/// kubeadm's default `--cert-dir`.
pub const CERT_DIR: &str = "/etc/kubernetes/pki";

/// A certificate authority of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// The cluster's own.
    Ca,
    /// Of etcd members and their clients.
    EtcdCa,
    /// Of the aggregation layer's front proxy.
    FrontProxyCa,
}

impl Authority {
    /// All of them, in kubeadm's order.
    pub const ALL: [Self; 3] = [Self::Ca, Self::EtcdCa, Self::FrontProxyCa];

    /// The name `check-expiration` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::EtcdCa => "etcd-ca",
            Self::FrontProxyCa => "front-proxy-ca",
        }
    }

    /// The base name below cert-dir, which `renew` prints as `Detected external NAME, ...`.
    pub fn base_name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::EtcdCa => "etcd/ca",
            Self::FrontProxyCa => "front-proxy-ca",
        }
    }

    /// The path of its certificate.
    pub fn certificate(self, cert_dir: &str) -> String {
        format!("{cert_dir}/{}.crt", self.base_name())
    }

    /// The path of its private key; absent where the CA is external.
    pub fn key(self, cert_dir: &str) -> String {
        format!("{cert_dir}/{}.key", self.base_name())
    }
}

/// A static pod of a control-plane node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The local etcd member.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The controller-manager.
    KubeControllerManager,
    /// The scheduler.
    KubeScheduler,
}

impl Component {
    /// All of them, in the order of a restart on one node.
    pub const ALL: [Self; 4] =
        [Self::Etcd, Self::KubeApiserver, Self::KubeControllerManager, Self::KubeScheduler];

    /// The name of its container, and of its manifest without `.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
        }
    }

    /// The component with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// The certificates it reads, in kubeadm's order.
    pub fn reads(self) -> impl Iterator<Item = &'static Leaf> {
        LEAVES.iter().filter(move |leaf| leaf.readers.contains(&self))
    }
}

/// The form a certificate is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `NAME.crt` and `NAME.key` below cert-dir.
    Pem,
    /// Embedded in a kubeconfig in `/etc/kubernetes`.
    Kubeconfig,
}

/// On which nodes a certificate is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// On every control-plane node.
    Always,
    /// Where etcd runs as a static pod; with an external etcd these are not kubeadm's.
    LocalEtcd,
    /// Optional: super-admin.conf, from 1.29 on and only on the node that ran `init`.
    Optional,
}

/// One leaf certificate that kubeadm renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// kubeadm's name (`apiserver`, `etcd-peer`, `admin.conf`).
    pub name: &'static str,
    /// Without extension below cert-dir (`etcd/peer`), or the kubeconfig's file name in `/etc/kubernetes`.
    pub path: &'static str,
    /// How it is kept.
    pub form: Form,
    /// Who signs it.
    pub authority: Authority,
    /// The components that read it.
    pub readers: &'static [Component],
    /// Where it is expected.
    pub presence: Presence,
    /// What kubeadm calls it in the output of `renew` (`certificate for serving the Kubernetes API`).
    pub description: &'static str,
}

impl Leaf {
    /// The path of the file that holds the certificate.
    pub fn file(&self, cert_dir: &str) -> String {
        match self.form {
            Form::Pem => format!("{cert_dir}/{}.crt", self.path),
            Form::Kubeconfig => format!("{KUBERNETES}/{}", self.path),
        }
    }

    /// The path of the file that holds its private key: the same file for a kubeconfig.
    pub fn key_file(&self, cert_dir: &str) -> String {
        match self.form {
            Form::Pem => format!("{cert_dir}/{}.key", self.path),
            Form::Kubeconfig => format!("{KUBERNETES}/{}", self.path),
        }
    }
}

/// The leaf with this name.
pub fn leaf(name: &str) -> Option<&'static Leaf> {
    LEAVES.iter().find(|leaf| leaf.name == name)
}

/// Every leaf that `kubeadm certs renew all` renews, in its order.
pub const LEAVES: [Leaf; 11] = [
    kubeconfig(
        "admin.conf",
        &[],
        Presence::Always,
        "certificate embedded in the kubeconfig file for the admin to use and for kubeadm itself",
    ),
    pem(
        "apiserver",
        "apiserver",
        Authority::Ca,
        &[Component::KubeApiserver],
        "certificate for serving the Kubernetes API",
    ),
    pem(
        "apiserver-etcd-client",
        "apiserver-etcd-client",
        Authority::EtcdCa,
        &[Component::KubeApiserver],
        "certificate the apiserver uses to access etcd",
    ),
    pem(
        "apiserver-kubelet-client",
        "apiserver-kubelet-client",
        Authority::Ca,
        &[Component::KubeApiserver],
        "certificate for the API server to connect to kubelet",
    ),
    kubeconfig(
        "controller-manager.conf",
        &[Component::KubeControllerManager],
        Presence::Always,
        "certificate embedded in the kubeconfig file for the controller manager to use",
    ),
    pem(
        "etcd-healthcheck-client",
        "etcd/healthcheck-client",
        Authority::EtcdCa,
        &[],
        "certificate for liveness probes to healthcheck etcd",
    ),
    pem(
        "etcd-peer",
        "etcd/peer",
        Authority::EtcdCa,
        &[Component::Etcd],
        "certificate for etcd nodes to communicate with each other",
    ),
    pem("etcd-server", "etcd/server", Authority::EtcdCa, &[Component::Etcd], "certificate for serving etcd"),
    pem(
        "front-proxy-client",
        "front-proxy-client",
        Authority::FrontProxyCa,
        &[Component::KubeApiserver],
        "certificate for the front proxy client",
    ),
    kubeconfig(
        "scheduler.conf",
        &[Component::KubeScheduler],
        Presence::Always,
        "certificate embedded in the kubeconfig file for the scheduler manager to use",
    ),
    kubeconfig(
        "super-admin.conf",
        &[],
        Presence::Optional,
        "certificate embedded in the kubeconfig file for the super-admin",
    ),
];

const fn pem(
    name: &'static str,
    path: &'static str,
    authority: Authority,
    readers: &'static [Component],
    description: &'static str,
) -> Leaf {
    // With an external etcd kubeadm manages nothing that etcd's own CA signs.
    let presence = match authority {
        Authority::EtcdCa => Presence::LocalEtcd,
        Authority::Ca | Authority::FrontProxyCa => Presence::Always,
    };
    Leaf { name, path, form: Form::Pem, authority, readers, presence, description }
}

const fn kubeconfig(
    name: &'static str,
    readers: &'static [Component],
    presence: Presence,
    description: &'static str,
) -> Leaf {
    Leaf {
        name,
        path: name,
        form: Form::Kubeconfig,
        authority: Authority::Ca,
        readers,
        presence,
        description,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::fixture;

    #[test]
    fn every_file_of_the_layout_lies_on_a_real_node_and_every_certificate_of_that_node_is_in_it() {
        let tree = fixture("healthy/tree");
        let tree = tree.stdout.lossy();
        let on_node: Vec<&str> = tree
            .lines()
            .filter(|line| line.starts_with('-'))
            .filter_map(|line| line.split(' ').nth(3))
            .collect();
        let mut known: Vec<String> =
            LEAVES.iter().flat_map(|l| [l.file(CERT_DIR), l.key_file(CERT_DIR)]).collect();
        known.extend(Authority::ALL.iter().flat_map(|ca| [ca.certificate(CERT_DIR), ca.key(CERT_DIR)]));
        for path in &known {
            assert!(on_node.contains(&path.as_str()), "{path}");
        }
        let others =
            ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/pki/sa.pub"];
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
}
