//! Whether a node's kubelet can bring a stopped container back, and the way out where it cannot.
//!
//! A kubelet whose client certificate has expired goes on as long as no API server answers; once one does it exits,
//! and no start succeeds. With it dead `crictl stop` reports success and nothing comes back: a renewal that begins
//! like this ends the control plane by its own success. Invariant: reads only. The cure is the kind `kubelet-client`;
//! here it is said in commands, for a human.

mod client;

mod issue;

mod cure;

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

use super::finding::Finding;
use super::node::{Node, kubelet_word};
use crate::pki::layout::CERT_DIR;
use crate::tools::systemctl::UnitState;

pub(super) use client::end_of_trust;
pub(super) use client::{CONF, ROTATED};
pub(crate) use client::{Client, first};
pub(super) use issue::{Issue, NEW, plain};

/// How long a whole run may take: a certificate that ends within it could end between the first stop and the last.
pub(super) const RUN: Duration = Duration::from_secs(60 * 60);

/// How long the restart of one node's components may take; the step's own limit.
const RESTART: Duration = Duration::from_secs(15 * 60);

/// What helps where the kubelet does not run and its client certificate is not why.
pub(super) const NOT_ACTIVE: &str = "see `journalctl -u kubelet` on that node, mend it, then go on";

/// What a preflight finds of a kubelet.
#[derive(Default)]
pub(super) struct Condition {
    /// Why a run must not begin on this node: nothing that certwright does brings its kubelet back.
    pub(super) findings: Vec<Finding>,
    /// What `kubelet-client` mends.
    pub(super) curable: Option<String>,
}

/// Whether the kubelet is active and is going to stay, and whether it can be helped.
pub(super) async fn condition(node: &Node<'_>, cert_dir: &str, now: i64) -> Result<Condition, StepError> {
    let client = Client::look(node.host).await?;
    let state = node.kubelet().await?;
    if let Some(what) = client.trouble(RUN, now) {
        let issue = Issue::of(node, &client, cert_dir)?;
        if issue.node_name.is_some() {
            return Ok(Condition { curable: Some(what), ..Condition::default() });
        }
        let what = format!(
            "{what}: the kubelet ends once an API server answers, and nothing brings a stopped container back"
        );
        let finding = Finding::new(what, cure::remedy(node, &issue));
        return Ok(Condition { findings: vec![finding], ..Condition::default() });
    }
    let mut condition = Condition::default();
    if state != UnitState::Active {
        let what = format!("the kubelet is {}", kubelet_word(&state));
        condition.findings.push(Finding::new(what, NOT_ACTIVE));
    }
    Ok(condition)
}

/// Refuses to stop `component` where the kubelet would not bring it back.
pub(super) async fn brings_back(node: &Node<'_>, component: &str, now: i64) -> Result<(), StepError> {
    let client = Client::look(node.host).await?;
    if let Some(what) = client.trouble(RESTART, now) {
        let issue = Issue::of(node, &client, CERT_DIR)?;
        let by_hand = cure::remedy(node, &issue);
        return Err(refused(node, &what, component).remedy(format!(
            "let a step of kind kubelet-client come before this one in the plan, or {by_hand}"
        )));
    }
    is_active(node, component).await
}

/// The same where its certificate has just been found to last.
pub(super) async fn is_active(node: &Node<'_>, component: &str) -> Result<(), StepError> {
    match node.kubelet().await? {
        UnitState::Active => Ok(()),
        state @ (UnitState::Activating | UnitState::Inactive | UnitState::Failed | UnitState::Other(_)) => {
            let what = format!("the kubelet is {}", kubelet_word(&state));
            Err(refused(node, &what, component).remedy(NOT_ACTIVE))
        }
    }
}

fn refused(node: &Node<'_>, what: &str, component: &str) -> StepError {
    let message = format!("{}: {what}: a stopped {component} would not come back", node.host.name());
    StepError::new(ErrorClass::Refused, message)
}
