//! Objects behind the API of the lab's cluster, and its admin cluster.

use serde::{Deserialize, Serialize};

use super::Loaded;
use crate::lab::world::requests::SigningAsk;

/// Objects behind the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Objects {
    /// The kubeconfig in the cluster's secret; None when there is no secret.
    pub(in crate::lab) kubeconfig: Option<String>,
    /// NotAfter of its client certificate, s since 1970.
    pub(in crate::lab) kubeconfig_not_after: i64,
    /// When its controller will have renewed it.
    pub(in crate::lab) kubeconfig_at: Option<u64>,
    /// The DaemonSet etcd-defrag.
    pub(in crate::lab) defrag: Option<DaemonSet>,
    /// The admin cluster's own certificate authority (PEM) where there is an admin cluster.
    pub(in crate::lab) admin: Option<AdminCluster>,
    /// Requests for kubelets' serving certificates, oldest first.
    #[serde(default)]
    pub(in crate::lab) requests: Vec<Request>,
    /// Who of the controller-managers had its lease given back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::lab) given_back: Option<String>,
}

/// A request for a kubelet's serving certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Request {
    /// Its name.
    pub(in crate::lab) name: String,
    /// What it asks for, and who asks.
    pub(in crate::lab) asked: SigningAsk,
    /// PEM of the request.
    pub(in crate::lab) pem: String,
    /// Its key, PEM.
    pub(in crate::lab) key: String,
    /// When it was made.
    pub(in crate::lab) created: u64,
    /// When it was approved.
    pub(in crate::lab) approved: Option<u64>,
    /// Whether it was signed.
    pub(in crate::lab) signed: bool,
}

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct DaemonSet {
    /// Generation of its template, from 1.
    pub(in crate::lab) generation: u64,
    /// When it was made.
    pub(in crate::lab) created: u64,
    /// The annotation `kubectl.kubernetes.io/restartedAt`.
    pub(in crate::lab) restarted: Option<u64>,
    /// When the controller takes the next step of a rollout.
    pub(in crate::lab) step_at: Option<u64>,
}

/// The admin cluster: always healthy, holds the secret of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct AdminCluster {
    /// Its API server's address.
    pub(in crate::lab) address: String,
    /// PEM of its CA.
    pub(in crate::lab) ca: String,
    /// What its API server serves.
    pub(in crate::lab) serving: Loaded,
}
