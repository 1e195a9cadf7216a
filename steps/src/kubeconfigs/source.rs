//! Where a kubeconfig of a cluster stands beside the workstation's.

use std::fmt;

/// A place of a kubeconfig; in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The cluster's secret.
    Secret {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// kubeadm's kubeconfig of administrators on a node.
    AdminConf {
        /// The node.
        host: String,
    },
    /// kubeadm's kubeconfig beside RBAC, on the node that ran `init`.
    SuperAdminConf {
        /// The node.
        host: String,
    },
}

impl Source {
    /// Its name for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "secret",
            Self::AdminConf { .. } => "admin.conf",
            Self::SuperAdminConf { .. } => "super-admin.conf",
        }
    }

    /// The host that it stands on; None for the secret.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Secret { .. } => None,
            Self::AdminConf { host } | Self::SuperAdminConf { host } => Some(host),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { namespace, name } => write!(f, "the secret {namespace}/{name}"),
            Self::AdminConf { host } => write!(f, "admin.conf of {host}"),
            Self::SuperAdminConf { host } => write!(f, "super-admin.conf of {host}"),
        }
    }
}
