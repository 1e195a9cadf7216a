//! The certificate authorities of a node.

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
