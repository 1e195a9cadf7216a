//! Stopping containers and waiting for their successors: the API server and etcd together, then one after the other.
//!
//! A stop that times out is not a failure: the runtime may finish it later. So the same id is looked at, and only
//! while it still runs is the attempt given up; the next attempt looks again before it stops anything.

use std::time::Duration;

use certwright_engine::clock::Mono;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use futures_util::future::join;

use super::gate::Gate;
use super::holder::Leases;
use super::look::{Known, Look, Restarts, State, Written, known, look_at};
use super::quorum::Peers;
use super::rungs::with_rungs;
use super::{leader, quorum};
use crate::kinds::kubelet;
use crate::kinds::node::{Node, now, run};
use crate::kinds::peers::Group;
use crate::pki::Component;
use crate::tools::crictl::{self, Container, ContainerState, Failure};

/// How long a server that reads new files by itself may take to serve them: 3 s were measured (Kubernetes 1.36).
const READS_BY_ITSELF: Duration = Duration::from_secs(10);

/// How old what was seen of the peers may be at a stop.
const GATE_LASTS: Duration = Duration::from_secs(2);

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
    /// The nodes that it belongs with.
    pub(crate) group: &'a Group<'a>,
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

/// Components that may be stopped.
struct Prepared {
    looks: Vec<Look>,
    /// When their peers were seen.
    at: Mono,
}

impl Restart<'_> {
    /// Restarts those of `components` that need it; returns the names of those it stopped, each with what more it took.
    ///
    /// A node's API server and its etcd go together, the API server first: its requests would hang on an etcd that
    /// ends, and what etcd takes to come back hides in what the API server takes. Where the API server answers, the
    /// controller-manager and the scheduler go together before those two, so that they find one when they start; where it
    /// does not, or does not serve its new file, after them: they are ready only with it. One of them that holds the lease of
    /// its kind goes just before its API server: its successor would else take the lease that is given back before a peer
    /// does, which asks every 2 s, and then have no API server to renew it with (measured for the scheduler: 6.3 to 6.6 s,
    /// against 2 to 4 s).
    pub(crate) async fn run(&self, components: &[Component]) -> Result<Vec<String>, StepError> {
        let mut front = known(self.node, components, self.restarts, self.since).await?;
        if self.since.is_some() && self.is_held_up(&front).await? {
            front = known(self.node, components, Restarts::Needed, self.since).await?;
        }
        let behind = front.split_off(front.iter().filter(|known| known.component.is_front()).count());
        let mut leases = Leases::default();
        let [first, second] = if self.api_answers(&front).await? {
            // Nothing is stopped for a restart that would then wait for the peers.
            if !self.taken.is_some_and(|taken| taken.is_open(self.host())) {
                self.gate(&look_at(self.node, &front).await?).await?;
            }
            leases = self.leases().await?;
            let stops_front = self.taken.is_none_or(|taken| !taken.is_empty());
            let goes_with_it = |known: &Known| stops_front && leases.of(known.component).is_some();
            let (with_it, behind): (Vec<Known>, _) = behind.into_iter().partition(goes_with_it);
            // The controller-manager is stopped first: between the scheduler and its API server nothing may take time.
            front.extend(with_it.into_iter().rev());
            [behind, front]
        } else {
            [front, behind]
        };
        let before = self.prepare(&first).await?;
        self.stop_stale(&before, &leases).await?;
        // Looking at the others takes as long as those take to come back.
        let (stopped, prepared) = join(self.wait_for_all(&first, &before), self.prepare(&second)).await;
        let mut stopped = stopped?;
        let before = match prepared? {
            prepared if self.is_recent(prepared.at) => prepared,
            _too_old => self.prepare(&second).await?,
        };
        self.stop_stale(&before, &leases).await?;
        stopped.extend(self.wait_for_all(&second, &before).await?);
        if let Some(taken) = self.taken.filter(|_| !stopped.is_empty()) {
            taken.restored(self.cx, self.group, self.within).await?;
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

    /// What they are like, once those that need it may be stopped; a leadership has been moved away.
    async fn prepare(&self, known: &[Known]) -> Result<Prepared, StepError> {
        let looks = if known.is_empty() { Vec::new() } else { self.settled(known).await? };
        self.let_go(&looks).await?;
        Ok(Prepared { looks, at: self.cx.clock.mono() })
    }

    /// Waits until those that need it may be stopped, and moves a leadership away.
    async fn let_go(&self, looks: &[Look]) -> Result<(), StepError> {
        if let Some(members) = self.gate(looks).await? {
            leader::move_away(self.cx, self.node, &members).await?;
        }
        Ok(())
    }

    /// Whether what was seen of the peers then is still taken for what they are.
    fn is_recent(&self, at: Mono) -> bool {
        self.cx.clock.mono().since(at) <= milliseconds(GATE_LASTS)
    }

    /// Stops those that need it, the last one first. Where one takes long to end the peers are looked at once more before
    /// the API server or etcd is stopped.
    async fn stop_stale(&self, before: &Prepared, leases: &Leases) -> Result<(), StepError> {
        let mut seen = before.at;
        let stale = before.looks.iter().rev().filter_map(|look| Some((look.component, to_stop(look)?)));
        for (nth, (component, (reason, container))) in stale.enumerate() {
            if component.is_front() && !self.is_recent(seen) {
                self.let_go(&before.looks).await?;
                seen = self.cx.clock.mono();
            }
            // With a dead kubelet the stop would succeed, and nothing would come back.
            match nth {
                0 => kubelet::brings_back(self.node, component.name(), now(self.cx)).await?,
                _ => kubelet::is_active(self.node, component.name()).await?,
            }
            self.cx.progress.tell(&format!("stopping {}: {reason}", component.name()));
            self.stop(component, container).await?;
            if component == Component::KubeControllerManager
                && let Some(holder) = leases.of(component)
            {
                self.give_back(holder, container).await?;
            }
        }
        Ok(())
    }

    /// Waits for all, the first one first; the names of those that were stopped, each with what more it took.
    async fn wait_for_all(&self, known: &[Known], before: &Prepared) -> Result<Vec<String>, StepError> {
        let mut done = Vec::new();
        for (known, look) in known.iter().zip(&before.looks) {
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
        let stale = looks.iter().filter(|look| to_stop(look).is_some()).map(|look| look.component);
        let stale: Vec<Component> = stale.filter(|component| component.is_front()).collect();
        if self.proof == Proof::Ready && !stale.is_empty() {
            let none = Gate::default();
            let taken = self.taken.unwrap_or(&none);
            return quorum::may_stop(self.cx, self.group, &stale, taken, self.within).await;
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
    pub(super) async fn has_ended(&self, container: &Container) -> Result<bool, StepError> {
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

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
