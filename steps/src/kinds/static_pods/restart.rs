//! Stopping containers and waiting for their successors: the API server and etcd together, then one after the other.
//!
//! A stop that times out is not a failure: the runtime may finish it later. So the same id is looked at, and only
//! while it still runs is the attempt given up; the next attempt looks again before it stops anything.

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};

use super::gate::Gate;
use super::look::{Known, Look, Restarts, State, Written, known, look_at};
use super::quorum::Peers;
use super::rungs::{RUNG, Rung, with_rungs};
use super::{leader, quorum};
use crate::kinds::kubelet;
use crate::kinds::node::{Node, kubelet_word, now, run};
use crate::pki::Component;
use crate::tools::crictl::{self, Container, ContainerState, Failure};
use crate::tools::systemctl::UnitState;

/// How long the runtime may take, beyond the grace, to end a container it said it stopped.
const WITHOUT_EFFECT: Duration = Duration::from_secs(15);

/// How long after a look in vain the next one comes; later a tenth of the time that was waited: what comes back is seen at
/// most that much late. Most components are back within a second or two, an API server within five, and a look costs the
/// node tens of milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long a server that reads new files by itself may take to serve them: 3 s were measured (Kubernetes 1.36).
const READS_BY_ITSELF: Duration = Duration::from_secs(10);

/// Looks are never further apart.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is waited for after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A new container that serves its files and is ready.
    Ready,
    /// A new container: more cannot come of files that have expired.
    Started,
}

/// A restart of components of one node.
pub(crate) struct Restart<'a> {
    /// What a step may use.
    pub(crate) cx: &'a Context,
    /// The node.
    pub(crate) node: &'a Node<'a>,
    /// Time a container has before it is killed.
    pub(crate) grace: Duration,
    /// How long a component may take to be ready.
    pub(crate) within: Duration,
    /// Which components new files call for a restart of.
    pub(crate) restarts: Restarts,
    /// What is waited for.
    pub(crate) proof: Proof,
    /// When files were put back, for an undo: one more file that every component reads.
    pub(crate) since: Option<&'a Written>,
    /// Who was ready before; an undo has taken none.
    pub(crate) taken: Option<&'a Gate>,
}

impl Restart<'_> {
    /// Restarts those of `components` that need it; returns the names of those it stopped, each with what more it took.
    ///
    /// A node's API server and its etcd go together, the API server first: its requests would hang on an etcd that
    /// ends, and what etcd takes to come back hides in what the API server takes. The controller-manager and the scheduler
    /// go together too: before those two where their API server answers, so that a lease is handed over to a node whose
    /// API server stays up (measured: 2 s without a holder, against 8 s), and after them where it does not, or does not
    /// serve its new file: they are ready only with it.
    pub(crate) async fn run(&self, components: &[Component]) -> Result<Vec<String>, StepError> {
        let mut front = known(self.node, components, self.restarts, self.since).await?;
        if self.since.is_some() && self.is_held_up(&front).await? {
            front = known(self.node, components, Restarts::Needed, self.since).await?;
        }
        let behind = front.split_off(front.iter().filter(|known| known.component.is_front()).count());
        let parts = if self.api_answers(&front).await? {
            // Nothing is stopped for a restart that would then wait for the peers.
            if !self.taken.is_some_and(|taken| taken.is_open(self.host())) {
                self.gate(&look_at(self.node, &front).await?).await?;
            }
            [behind, front]
        } else {
            [front, behind]
        };
        let mut stopped = Vec::new();
        for part in &parts {
            stopped.extend(self.together(part).await?);
        }
        if let Some(taken) = self.taken.filter(|_| !stopped.is_empty()) {
            taken.restored(self.cx, self.within).await?;
        }
        Ok(stopped)
    }

    /// Whether a stop has to wait for a peer that is down. An undo does not wait for it: what brings that peer back is its
    /// own undo, which comes later. An etcd and an API server that serve the files put back go on until then.
    async fn is_held_up(&self, known: &[Known]) -> Result<bool, StepError> {
        match self.gate(&look_at(self.node, known).await?).await {
            Ok(_) => Ok(false),
            Err(error) if error.class == ErrorClass::Unavailable => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether the node's API server is among them, serves its files and is ready.
    async fn api_answers(&self, front: &[Known]) -> Result<bool, StepError> {
        match front.iter().find(|known| known.component == Component::KubeApiserver) {
            Some(known) if self.proof == Proof::Ready => Ok(known.is_ready(self.node).await?),
            Some(_) | None => Ok(false),
        }
    }

    /// Stops those that need it, the last one first, and waits for all, the first one first.
    async fn together(&self, known: &[Known]) -> Result<Vec<String>, StepError> {
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.settled(known).await?;
        if let Some(members) = self.gate(&before).await? {
            leader::move_away(self.cx, self.node, &members).await?;
        }
        let stale = before.iter().rev().filter_map(|look| Some((look.component, to_stop(look)?)));
        for (nth, (component, (reason, container))) in stale.enumerate() {
            // With a dead kubelet the stop would succeed, and nothing would come back.
            match nth {
                0 => kubelet::brings_back(self.node, component.name(), now(self.cx)).await?,
                _ => kubelet::is_active(self.node, component.name()).await?,
            }
            self.cx.progress.tell(&format!("stopping {}: {reason}", component.name()));
            self.stop(component, container).await?;
        }
        let mut done = Vec::new();
        for (known, look) in known.iter().zip(&before) {
            let old = to_stop(look).map(|(_, container)| container);
            let rungs = self.wait(known, old).await?;
            if old.is_some() || !rungs.is_empty() {
                done.push(with_rungs(known.component, &rungs));
            }
        }
        Ok(done)
    }

    /// Waits until those that need it may be stopped; what was seen of etcd's members, where one is to be.
    async fn gate(&self, looks: &[Look]) -> Result<Option<Peers>, StepError> {
        let stale: Vec<Component> =
            looks.iter().filter(|look| to_stop(look).is_some()).map(|look| look.component).collect();
        if self.proof == Proof::Ready && stale.iter().any(|component| component.is_front()) {
            let none = Gate::default();
            return quorum::may_stop(self.cx, &stale, self.taken.unwrap_or(&none), self.within).await;
        }
        Ok(None)
    }

    /// What they are like; a server that reads new files by itself has had the time to.
    async fn settled(&self, known: &[Known]) -> Result<Vec<Look>, StepError> {
        let deadline = self.cx.clock.mono().plus(milliseconds(READS_BY_ITSELF));
        loop {
            let looks = look_at(self.node, known).await?;
            let serves_another = |look: &&Look| look.component.is_front() && to_stop(look).is_some();
            let Some(waited_for) = looks.iter().find(serves_another) else { return Ok(looks) };
            if self.restarts == Restarts::All || self.cx.clock.mono() >= deadline {
                return Ok(looks);
            }
            let name = waited_for.component.name();
            self.cx.progress.tell(&format!("waiting: whether {name} reads its new files by itself"));
            self.cx.clock.sleep(Duration::from_secs(1)).await;
        }
    }

    async fn look(&self, known: &Known) -> Result<Look, StepError> {
        let looks = look_at(self.node, [known]).await?;
        Ok(looks.into_iter().next().expect("one look at one component"))
    }

    async fn stop(&self, component: Component, container: &Container) -> Result<(), StepError> {
        let command = self.node.crictl.stop(&container.id, self.grace);
        let output = self.cx.run(&command).await?;
        let error = match crictl::classify(&output) {
            None | Some(Failure::NotFound) => return Ok(()),
            Some(Failure::DeadlineExceeded) => {
                let object = format!("{}: stopping {}", self.host(), component.name());
                crictl::step_error(&object, &command, &output)
            }
            Some(Failure::Unavailable | Failure::Other) => {
                let object = format!("{}: stopping {}", self.host(), component.name());
                return Err(crictl::step_error(&object, &command, &output));
            }
        };
        self.cx.progress.tell(&format!(
            "{}: crictl stop ran into its deadline; looking at the same container",
            component.name()
        ));
        for pause in [0, 1, 2] {
            self.cx.clock.sleep(Duration::from_secs(pause)).await;
            if self.has_ended(container).await? {
                return Ok(());
            }
        }
        Err(error)
    }

    /// Whether this very container runs no more.
    async fn has_ended(&self, container: &Container) -> Result<bool, StepError> {
        let command = self.node.crictl.inspect(&container.id);
        let output = run(self.node.host, &command).await?;
        match crictl::classify(&output) {
            None => {}
            Some(Failure::NotFound) => return Ok(true),
            Some(Failure::DeadlineExceeded | Failure::Unavailable | Failure::Other) => return Ok(false),
        }
        let inspection = crictl::parse_inspection(&output)
            .map_err(|error| error.step_error(self.host(), &command, &output))?;
        Ok(inspection.state == ContainerState::Exited)
    }

    /// Waits until the component is as good as the proof asks; the kubelet backs off after repeated stops, so
    /// this may take minutes. Where nothing comes back for longer than its longest back-off, what may help is done, one
    /// rung after the other; returns those that were.
    async fn wait(&self, known: &Known, stopped: Option<&Container>) -> Result<Vec<Rung>, StepError> {
        let component = known.component;
        let start = self.cx.clock.mono();
        let mut deadline = start.plus(milliseconds(self.within));
        let end_of_old = start.plus(milliseconds(self.grace + WITHOUT_EFFECT));
        let mut rungs = Vec::new();
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
            if look.as_ref().is_none_or(|look| look.container.is_none()) {
                self.kubelet_lives(component).await?;
            }
            let shown = humantime::format_duration(Duration::from_secs(left / 1000));
            self.cx.progress.tell(&format!("waiting: {reason}; {shown} left"));
            let waited = Duration::from_millis(self.cx.clock.mono().since(start));
            let pause = (waited / 10).clamp(FIRST_PAUSE, LONGEST_PAUSE);
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

    pub(super) fn host(&self) -> &str {
        self.node.host.name()
    }
}

/// The container that must be stopped, and why.
fn to_stop(look: &Look) -> Option<(&str, &Container)> {
    match (&look.state, &look.container) {
        (State::Stale(reason), Some(container)) => Some((reason, container)),
        (State::Stale(_) | State::Coming(_) | State::Fresh, _) => None,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
