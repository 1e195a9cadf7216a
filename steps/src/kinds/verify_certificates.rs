//! `verify-certificates`: every certificate kubeadm covers is there, valid, chained to its CA and matches its key.
//!
//! Deliberately absent: what ports serve (that is `restart-static-pods`).

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Kind, Probe, Step, StepError};

use super::fields::{BEFORE, CERT_DIR, unchecked};
use super::finding::shorten;
use super::holdings::{CertificatesFacts, Holdings};
use super::node::{Node, now};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "verify-certificates",
        doc: "Checks that every certificate kubeadm covers is valid, signed by its CA and matches its key.",
        fields: &[BEFORE, CERT_DIR],
        on: On::Nodes,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 2 * 60 * 1000,
        check: unchecked,
    },
    |with| Box::new(VerifyCertificates::new(with)),
);

/// A step of this kind.
struct VerifyCertificates {
    before: Duration,
    cert_dir: String,
}

impl VerifyCertificates {
    fn new(with: &Params) -> Self {
        Self { before: with.duration("before"), cert_dir: with.str("cert-dir").to_owned() }
    }
}

#[async_trait]
impl Step for VerifyCertificates {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let holdings = Holdings::survey(&node, &self.cert_dir).await?;
        let due = holdings.due(self.before, now(cx));
        let facts = CertificatesFacts { certificates: holdings.facts() };
        let probe = if due.is_empty() {
            Probe::satisfied(holdings.summary(now(cx)))
        } else {
            Probe::drifted(shorten(&due))
        };
        Ok(probe.facts(&facts))
    }
}
