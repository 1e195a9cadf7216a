//! What a cluster is made from.

use certwright_steps::lab::{LabSpec, Validity};

/// What a cluster is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Nodes, certificates, pace: as the lab knows them. The cluster is its own admin cluster.
    pub lab: LabSpec,
    /// Whom the load balancer sends new connections to.
    pub balancer: Balancing,
    /// Whether the controller keeps the kubeconfig in the cluster's secret fresh.
    pub secret: SecretIs,
}

/// Whom the load balancer sends new connections to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancing {
    /// The next server that accepts.
    Tcp,
    /// The next server that says it is ready.
    Readyz,
}

/// What becomes of the kubeconfig in the cluster's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretIs {
    /// A controller renews it.
    Refreshed,
    /// It goes stale.
    Left,
}

impl Spec {
    /// Three nodes whose certificates are in this state, with valid ones for the kubelets; real delays.
    pub fn new(certificates: Validity) -> Self {
        let mut lab = LabSpec::default().certificates(certificates);
        lab.cluster.admin_kubeconfig = None;
        Self { lab, balancer: Balancing::Tcp, secret: SecretIs::Refreshed }
    }

    /// The same with delays that are so much shorter than a real machine's.
    #[must_use]
    pub fn pace(mut self, pace: u32) -> Self {
        self.lab.pace = pace;
        self
    }

    /// The same with the kubelets' certificates in this state.
    #[must_use]
    pub fn kubelets(mut self, kubelets: Validity) -> Self {
        self.lab.kubelet = kubelets;
        self
    }

    /// The same with the certificates of one node in another state.
    #[must_use]
    pub fn but(mut self, node: &str, certificates: Validity) -> Self {
        for spec in self.lab.nodes.iter_mut().filter(|spec| spec.name == node) {
            spec.certificates = Some(certificates);
        }
        self
    }

    /// The same with another load balancer.
    #[must_use]
    pub fn balancer(self, balancer: Balancing) -> Self {
        Self { balancer, ..self }
    }
}

impl Balancing {
    /// The balancer's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Readyz => "readyz",
        }
    }
}
