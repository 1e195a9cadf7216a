//! Whether a node's kubelet can bring a stopped container back, and the way out where it cannot.
//!
//! A kubelet whose client certificate has expired goes on as long as no API server answers; once one does it exits,
//! and no start succeeds. With it dead `crictl stop` reports success and nothing comes back: a renewal that begins
//! like this ends the control plane by its own success. Invariant: reads only. Deliberately absent: the cure itself;
//! it is said in commands.

mod client;

mod cure;

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

use super::finding::Finding;
use super::node::{Node, kubelet_word};
use crate::pki::layout::CERT_DIR;
use crate::tools::systemctl::UnitState;

pub(super) use client::CONF;
pub(crate) use client::{Client, first};

/// How long a whole run may take: a certificate that ends within it could end between the first stop and the last.
const RUN: Duration = Duration::from_secs(60 * 60);

/// How long the restart of one node's components may take; the step's own limit.
const RESTART: Duration = Duration::from_secs(15 * 60);

/// What helps where the kubelet does not run and its client certificate is not why.
pub(super) const NOT_ACTIVE: &str = "see `journalctl -u kubelet` on that node, mend it, then go on";

/// Why a run must not begin on this node: its kubelet is not active, or is not going to stay.
pub(super) async fn findings(node: &Node<'_>, cert_dir: &str, now: i64) -> Result<Vec<Finding>, StepError> {
    let client = Client::look(node.host).await?;
    let mut findings = Vec::new();
    if let Some(what) = client.trouble(RUN, now) {
        let remedy = cure::remedy(node, &client, cert_dir).await?;
        let what = format!(
            "{what}: the kubelet ends once an API server answers, and nothing brings a stopped container back"
        );
        findings.push(Finding::new(what, remedy));
    }
    let state = node.kubelet().await?;
    if state != UnitState::Active {
        findings.push(Finding::new(format!("the kubelet is {}", kubelet_word(&state)), NOT_ACTIVE));
    }
    Ok(findings)
}

/// Refuses to stop `component` where the kubelet would not bring it back.
pub(super) async fn brings_back(node: &Node<'_>, component: &str, now: i64) -> Result<(), StepError> {
    let host = node.host.name();
    let refused = |what: &str| {
        StepError::new(
            ErrorClass::Refused,
            format!("{host}: {what}: a stopped {component} would not come back"),
        )
    };
    let client = Client::look(node.host).await?;
    if let Some(what) = client.trouble(RESTART, now) {
        return Err(refused(&what).remedy(cure::remedy(node, &client, CERT_DIR).await?));
    }
    match node.kubelet().await? {
        UnitState::Active => Ok(()),
        state @ (UnitState::Activating | UnitState::Inactive | UnitState::Failed | UnitState::Other(_)) => {
            Err(refused(&format!("the kubelet is {}", kubelet_word(&state))).remedy(NOT_ACTIVE))
        }
    }
}
