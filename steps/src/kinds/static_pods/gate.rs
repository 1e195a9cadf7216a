//! The gate of a restart: which peers of a node were ready when it was looked at, before anything of it was stopped.
//!
//! Invariant: while a peer that was ready then is not, no etcd and no API server of the node is stopped, and the next node is
//! not begun: the cluster is worse than the one that the restart was begun on. What was lost before holds nothing up here;
//! what that means for the quorum is told elsewhere. Deliberately absent: one gate for the whole run. Each attempt takes its
//! own, so whoever resumes takes the cluster as it is then.

use std::collections::BTreeMap;
use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use serde::{Deserialize, Serialize};

use super::quorum::{PAUSE, Peers, ask};
use crate::kinds::peers::Group;
use crate::pki::Component;

/// Who was ready: by the name of a component, by host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Gate(BTreeMap<String, BTreeMap<String, bool>>);

impl Gate {
    /// Looks at the peers of a node of which these components are to be stopped.
    pub(crate) async fn take(group: &Group<'_>, components: &[Component]) -> Result<Self, StepError> {
        let asked = ask(group, components).await?;
        Ok(Self(
            asked
                .into_iter()
                .map(|(component, peers)| (component.name().to_owned(), peers.readiness()))
                .collect(),
        ))
    }

    /// Whether it was taken of nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the host might stop its own when the gate was taken; not where too few were ready for anything to be told.
    pub(super) fn is_open(&self, own: &str) -> bool {
        self.components().all(|(component, ready)| {
            let peers = Peers::seen(ready);
            peers.lacks(component).is_none() && peers.keeps(component, own).is_ok()
        })
    }

    fn components(&self) -> impl Iterator<Item = (Component, &BTreeMap<String, bool>)> {
        self.0.iter().filter_map(|(name, ready)| Some((Component::from_name(name)?, ready)))
    }

    /// Who of the others was ready and is not, and why.
    pub(super) fn worse(&self, own: &str, component: Component, now: &Peers) -> Vec<String> {
        let name = component.name();
        let ready = self.0.get(name).into_iter().flatten();
        let others = ready.filter(|(host, ready)| **ready && *host != own);
        let lost = others.filter_map(|(host, _)| Some((host, now.why_not(host)?)));
        lost.map(|(host, why)| {
            format!("{name} of {host} was ready before anything was stopped on {own}, and is not: {why}")
        })
        .collect()
    }

    /// Waits until everybody is ready who was.
    pub(super) async fn restored(
        &self,
        cx: &Context,
        group: &Group<'_>,
        within: Duration,
    ) -> Result<(), StepError> {
        let components: Vec<Component> = self.components().map(|(component, _)| component).collect();
        if components.is_empty() {
            return Ok(());
        }
        let start = cx.clock.mono();
        loop {
            let asked = ask(group, &components).await?;
            let worse: Vec<String> = asked
                .iter()
                .flat_map(|(component, peers)| self.worse(cx.host.name(), *component, peers))
                .collect();
            if worse.is_empty() {
                return Ok(());
            }
            if Duration::from_millis(cx.clock.mono().since(start)) >= within {
                return Err(stopped(&worse));
            }
            cx.progress.tell(&format!("waiting: {}", worse.join("; ")));
            cx.clock.sleep(PAUSE).await;
        }
    }
}

/// The end of a run that the cluster became worse under. It is not tried again: the next attempt would take that for given.
pub(super) fn stopped(worse: &[String]) -> StepError {
    StepError::new(ErrorClass::Refused, worse.join("; ")).remedy(
        "bring it back first (its container, its disk, its network); whatever goes on then, a resume or an undo, takes the cluster as it is",
    )
}
