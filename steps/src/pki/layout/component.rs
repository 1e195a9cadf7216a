//! The static pods of a control-plane node.

use super::{LEAVES, Leaf};

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

    /// Whether others reach the cluster by it, at ports that serve a certificate of kubeadm's: etcd and the API server.
    /// Both read renewed files by themselves (measured, Kubernetes 1.36); the other two never do.
    pub fn is_front(self) -> bool {
        match self {
            Self::Etcd | Self::KubeApiserver => true,
            Self::KubeControllerManager | Self::KubeScheduler => false,
        }
    }

    /// The certificates it reads, in kubeadm's order.
    pub fn reads(self) -> impl Iterator<Item = &'static Leaf> {
        LEAVES.iter().filter(move |leaf| leaf.readers.contains(&self))
    }
}
