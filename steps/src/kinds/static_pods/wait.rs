//! Waiting for what was stopped: a new container that is as good as the proof asks.

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

use super::look::{Known, Look, State, look_at};
use super::restart::{Proof, Restart, milliseconds};
use super::rungs::{RUNG, Rung};
use crate::kinds::kubelet;
use crate::kinds::node::kubelet_word;
use crate::pki::Component;
use crate::tools::crictl::Container;
use crate::tools::systemctl::UnitState;

/// How long the runtime may take, beyond the grace, to end a container it said it stopped.
const WITHOUT_EFFECT: Duration = Duration::from_secs(15);

/// How long after a look in vain the next one comes; later a twentieth of the time that was waited: what comes back is seen
/// at most that much late. Most components are back within a second or two, an API server within five, and a look costs the
/// node tens of milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long a kubelet that lives is believed to.
const KUBELET_LIVES: Duration = Duration::from_secs(2);

/// Looks are never further apart.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Restart<'_> {
    async fn look(&self, known: &Known) -> Result<Look, StepError> {
        let looks = look_at(self.node, [known]).await?;
        Ok(looks.into_iter().next().expect("one look at one component"))
    }

    /// Waits until the component is as good as the proof asks; the kubelet backs off after repeated stops, so
    /// this may take minutes. Where nothing comes back for longer than its longest back-off, what may help is done, one
    /// rung after the other; returns those that were.
    pub(super) async fn wait(
        &self,
        known: &Known,
        stopped: Option<&Container>,
    ) -> Result<Vec<Rung>, StepError> {
        let component = known.component;
        let start = self.cx.clock.mono();
        let mut deadline = start.plus(milliseconds(self.within));
        let end_of_old = start.plus(milliseconds(self.grace + WITHOUT_EFFECT));
        let (mut rungs, mut lived) = (Vec::new(), None);
        loop {
            let (look, reason) = match self.look(known).await {
                Ok(look) => {
                    let old = stopped.filter(|old| look.container.as_ref().is_some_and(|c| c.id == old.id));
                    if old.is_some() && self.cx.clock.mono() >= end_of_old {
                        return Err(self.without_effect(component));
                    }
                    match self.missing(component, &look, old)? {
                        None => match self.unanswered(component, stopped).await? {
                            None => return Ok(rungs),
                            Some(reason) => (Some(look), reason),
                        },
                        Some(reason) => (Some(look), reason),
                    }
                }
                // The runtime is busy; a lost line ends the attempt.
                Err(error) if error.class == ErrorClass::DeadlineExceeded => (None, error.message),
                Err(error) => return Err(error),
            };
            let left = deadline.since(self.cx.clock.mono());
            if left == 0 {
                let Some(rung) = self.climb(component, look.as_ref(), stopped, rungs.len()).await? else {
                    return Err(self.gave_up(component, &reason, look.as_ref(), stopped, &rungs).await);
                };
                rungs.push(rung);
                deadline = self.cx.clock.mono().plus(milliseconds(RUNG));
                continue;
            }
            let now = self.cx.clock.mono();
            let is_due = lived.is_none_or(|at| now.since(at) >= milliseconds(KUBELET_LIVES));
            if is_due && look.as_ref().is_none_or(|look| look.container.is_none()) {
                self.kubelet_lives(component).await?;
                lived = Some(now);
            }
            let shown = humantime::format_duration(Duration::from_secs(left / 1000));
            self.cx.progress.tell(&format!("waiting: {reason}; {shown} left"));
            let waited = Duration::from_millis(self.cx.clock.mono().since(start));
            let pause = (waited / 20).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.cx.clock.sleep(pause.min(Duration::from_millis(left))).await;
        }
    }

    fn without_effect(&self, component: Component) -> StepError {
        let (host, name) = (self.host(), component.name());
        let message = format!("{host}: crictl stop of {name} exited with 0, yet its container still runs");
        StepError::new(ErrorClass::Unavailable, message).remedy(
            "if it happens again: `crictl stopp` of its sandbox, and see the log of the container runtime",
        )
    }

    /// What is still missing; None when nothing is. `stopped` is the old container while it still runs.
    fn missing(
        &self,
        component: Component,
        look: &Look,
        stopped: Option<&Container>,
    ) -> Result<Option<String>, StepError> {
        if stopped.is_some() {
            return Ok(Some(format!("{}: its stopped container still runs", component.name())));
        }
        match (&look.state, self.proof) {
            (State::Fresh, _) => Ok(None),
            (State::Coming(_), Proof::Started) if look.has_restarted() => Ok(None),
            (State::Coming(reason), _) => Ok(Some(reason.clone())),
            // Not the container that was stopped, and yet older than what it reads.
            (State::Stale(reason), _) => Err(self.stale_again(component, look, reason)),
        }
    }

    fn stale_again(&self, component: Component, look: &Look, reason: &str) -> StepError {
        let (host, name) = (self.host(), component.name());
        let ahead = match (&look.container, &look.newest) {
            (Some(container), Some(newest)) if container.created_ns <= newest.ns => Some(&newest.path),
            (Some(_) | None, _) => None,
        };
        match ahead {
            Some(path) => StepError::new(
                ErrorClass::Unavailable,
                format!("{host}: the new container of {name} is older than {path}"),
            )
            .remedy(format!(
                "if {path} was not written just now, its time is wrong: check the node's clock, touch it"
            )),
            None => {
                StepError::new(ErrorClass::Unavailable, format!("{host}: {reason}, even after a restart"))
            }
        }
    }

    /// While nothing runs only a living kubelet can bring it back; one that is being restarted may.
    async fn kubelet_lives(&self, component: Component) -> Result<(), StepError> {
        let state = self.node.kubelet().await?;
        match state {
            UnitState::Active | UnitState::Activating | UnitState::Other(_) => Ok(()),
            UnitState::Inactive | UnitState::Failed => {
                let (host, name, word) = (self.host(), component.name(), kubelet_word(&state));
                let message =
                    format!("{host}: {name} is stopped and the kubelet is {word}: nothing brings it back");
                Err(StepError::new(ErrorClass::Refused, message).remedy(kubelet::NOT_ACTIVE))
            }
        }
    }
}
