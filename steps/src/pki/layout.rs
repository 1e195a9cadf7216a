//! The certificates kubeadm keeps on a control-plane node: names, places, authorities, readers.
//!
//! Order and words are kubeadm's own (`certs renew all`, 1.20 to 1.36). Deliberately absent: the kubelet's
//! certificates (it rotates them itself) and `sa.key`.

mod authority;

mod component;

#[cfg(test)]
mod tests;

pub use authority::Authority;
pub use component::Component;

/// Where kubeadm keeps kubeconfigs and, in `pki` below it, certificates.
pub const KUBERNETES: &str = "/etc/kubernetes";

/// kubeadm's default `--cert-dir`.
pub const CERT_DIR: &str = "/etc/kubernetes/pki";

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
