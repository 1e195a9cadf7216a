//! `restart-static-pods`: every component of a node runs with the certificates that are on its disk.
//!
//! Satisfied when each container started after the newest file it reads was written, its ports serve that file
//! (the port alone is not enough: newer servers reload by themselves, the controller-manager and the scheduler
//! never do) and it is ready. Only what needs it is restarted, so a resume never stops a fresh container. Nothing is
//! stopped, nor begun, under a kubelet that would not bring it back, nor where etcd's quorum hangs on it, nor while a peer
//! is gone that was there when the node was looked at; a member of etcd that leads hands the leadership over first.

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Done, Facts, Kind, Outlook, Probe, Step, StepError};
use serde::{Deserialize, Serialize};

use super::facts::read_facts;
use super::fields::{COMPONENTS, unchecked};
use super::kubelet;
use super::node::{Node, now};
use super::peers::{Group, peers};
use super::static_pods::{Gate, Look, Proof, Restart, Restarts, State, look};
use crate::pki::Component;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "restart-static-pods",
        doc: "Restarts the control-plane containers that hold on to old certificates; etcd keeps its quorum.",
        fields: &[
            COMPONENTS,
            Field {
                name: "restart",
                ty: FieldType::OneOf(&["all", "needed"]),
                default: Some("\"all\""),
                doc: "`needed` spares an etcd and an API server that serve their new files already; whether they also \
                      took up new client certificates, no port shows.",
            },
            Field {
                name: "grace",
                ty: FieldType::Duration,
                default: Some("\"5s\""),
                doc: "Time a container has to end by itself before it is killed.",
            },
            Field {
                name: "ready-within",
                ty: FieldType::Duration,
                default: Some("\"6m\""),
                doc: "How long a component may take to be ready again; the kubelet's back-off reaches 5 min.",
            },
            Field {
                name: "balancer-time",
                ty: FieldType::Duration,
                default: Some("\"0s\""),
                doc: "Time a load balancer is given to see that the node's API server is ready again, before the next \
                      node; twice what its checks take to let a server in, where they are slower than a restart.",
            },
        ],
        on: On::Nodes,
        nature: Nature::Acting,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 15 * 60 * 1000,
        check: unchecked,
    },
    |with| Box::new(RestartStaticPods::new(with)),
);

/// A step of this kind.
struct RestartStaticPods {
    components: Vec<Component>,
    restarts: Restarts,
    grace: Duration,
    within: Duration,
    balancer_time: Duration,
}

/// What a probe saw.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestartFacts {
    components: Vec<ComponentFacts>,
    /// Who of the peers was ready, where an etcd or an API server is to be stopped.
    #[serde(default, skip_serializing_if = "Gate::is_empty")]
    gate: Gate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentFacts {
    name: String,
    /// Id of the running container.
    container: Option<String>,
    /// When it was made, ms since 1970 by the node's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_ms: Option<u64>,
    /// What is wrong; None when nothing is.
    reason: Option<String>,
    /// Whether its container must be stopped, or only waited for.
    stale: bool,
    /// The command that stops its container.
    stop: Option<String>,
}

impl RestartStaticPods {
    fn new(with: &Params) -> Self {
        let named = components(with);
        let restarts = match with.str("restart") {
            "needed" => Restarts::Needed,
            _all => Restarts::All,
        };
        Self {
            components: named,
            restarts,
            grace: with.duration("grace"),
            within: with.duration("ready-within"),
            balancer_time: with.duration("balancer-time"),
        }
    }

    fn facts(&self, node: &Node<'_>, looks: &[Look], gate: Gate) -> RestartFacts {
        let one = |look: &Look| {
            let container = look.container.as_ref().map(|container| container.id.clone());
            let stop = container.as_ref().map(|id| node.crictl.stop(id, self.grace).display());
            let (reason, stale) = match &look.state {
                State::Fresh => (None, false),
                State::Stale(reason) => (Some(reason.clone()), true),
                State::Coming(reason) => (Some(reason.clone()), false),
            };
            let made_ms = look.container.as_ref().and_then(|c| u64::try_from(c.created_ns / 1_000_000).ok());
            ComponentFacts { name: look.component.name().to_owned(), container, made_ms, reason, stale, stop }
        };
        RestartFacts { components: looks.iter().map(one).collect(), gate }
    }
}

/// What a command that stops a component is for.
fn noted(name: &str) -> String {
    match Component::from_name(name) {
        Some(Component::Etcd) => format!("{name}, when it does not lead any more"),
        Some(Component::KubeControllerManager) => format!("{name}; a lease that it held is then given back"),
        Some(_) | None => name.to_owned(),
    }
}

/// The components that a step names, in the order in which a node restarts them.
pub(super) fn components(with: &Params) -> Vec<Component> {
    let named = with.strings("components");
    Component::ALL.into_iter().filter(|c| named.iter().any(|name| name == c.name())).collect()
}

#[async_trait]
impl Step for RestartStaticPods {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let looks = look(&node, &self.components, self.restarts, None).await?;
        let stale = looks.iter().filter(|look| matches!(look.state, State::Stale(_)));
        let stale: Vec<Component> = stale.map(|look| look.component).collect();
        if let Some(first) = stale.first() {
            kubelet::brings_back(&node, first.name(), now(cx)).await?;
        }
        let front: Vec<Component> = stale.into_iter().filter(|component| component.is_front()).collect();
        let gate = match front.as_slice() {
            [] => Gate::default(),
            front => Gate::take(&Group::look(&peers(cx), &node).await?, front).await?,
        };
        let facts = self.facts(&node, &looks, gate);
        let reasons: Vec<&str> = facts.components.iter().filter_map(|c| c.reason.as_deref()).collect();
        let probe = if reasons.is_empty() {
            Probe::satisfied(match looks.len() {
                1 => "1 component runs with the certificates on disk".to_owned(),
                n => format!("{n} components run with the certificates on disk"),
            })
        } else {
            Probe::drifted(reasons.join("; "))
        };
        Ok(probe.facts(&facts))
    }

    async fn apply(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        let gate = read_facts::<RestartFacts>(facts)?.gate;
        let (hosts, node) = (peers(cx), Node::look(cx.host.as_ref()).await?);
        let restart = Restart {
            cx,
            node: &node,
            group: &Group::look(&hosts, &node).await?,
            grace: self.grace,
            within: self.within,
            restarts: self.restarts,
            proof: Proof::Ready,
            since: None,
            taken: Some(&gate),
        };
        let stopped = restart.run(&self.components).await?;
        if stopped.is_empty() {
            return Ok(Done::new("nothing had to be stopped"));
        }
        let api_server = Component::KubeApiserver.name();
        if !self.balancer_time.is_zero() && stopped.iter().any(|name| name.starts_with(api_server)) {
            let time = humantime::format_duration(self.balancer_time);
            cx.progress.tell(&format!("waiting: {time} for a load balancer to see {api_server} ready"));
            cx.clock.sleep(self.balancer_time).await;
        }
        Ok(Done::new(format!("restarted {}", stopped.join(", "))))
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        let Ok(facts) = read_facts::<RestartFacts>(facts) else {
            return Vec::new();
        };
        let within = humantime::format_duration(self.within);
        let one = |component: ComponentFacts| {
            let name = component.name;
            match (component.stop, component.reason) {
                (Some(stop), Some(_)) if component.stale => Some(format!("{stop}   # {}", noted(&name))),
                (Some(_) | None, Some(_)) => {
                    Some(format!("crictl ps -a -o json   # until {name} is ready, at most {within}"))
                }
                (Some(_) | None, None) => None,
            }
        };
        facts.components.into_iter().filter_map(one).collect()
    }

    fn outlook(&self, facts: &Facts) -> Option<Outlook> {
        let components = read_facts::<RestartFacts>(facts).ok()?.components;
        let spared = |c: &ComponentFacts| {
            let component = Component::from_name(&c.name);
            self.restarts == Restarts::Needed && component.is_some_and(Component::is_front)
        };
        let (perhaps, surely): (Vec<_>, Vec<_>) = components.iter().partition(|c| spared(c));
        let names =
            |of: &[&ComponentFacts]| of.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
        let mut summary = format!("has written new files: stops and waits for {}", names(&surely));
        if !perhaps.is_empty() {
            summary = format!("{summary}; and for {} if its new files are not served", names(&perhaps));
        }
        let stop = |c: &&ComponentFacts| Some(format!("{}   # {}", c.stop.as_ref()?, noted(&c.name)));
        let commands = surely.iter().filter_map(stop).collect();
        Some(Outlook { summary, commands })
    }
}
