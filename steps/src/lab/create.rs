//! Makes a lab: its files, and the processes that have been running there since they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use certwright_engine::plan::WORKSTATION;

use super::LabError;
use super::build::{Build, issued};
use super::files::Files;
use super::spec::{LabSpec, NodeSpec, Peers, Validity};
use super::state::{DaemonSet, Kubelet, Links, Node, Objects, State};
use super::store;
use super::world::{World, load, logs, pods};
use crate::pki::layout::Component;

/// From the making of its certificates to the start of a node's containers, ms.
const INIT: u64 = 60_000;
/// How long ago etcd members that refuse each other were restarted, ms.
const RESTARTED: u64 = 3_600_000;

/// Makes the lab in `dir`, which must not hold one yet.
pub(super) fn create(files: &Files, spec: &LabSpec, now: u64) -> Result<(), LabError> {
    check(spec)?;
    let mut state = empty(spec, now);
    let folders: Vec<String> =
        spec.nodes.iter().map(|node| node.name.clone()).chain([WORKSTATION.to_owned()]).collect();
    let making = store::Making::begin(files.dir(), &folders)?;
    Build::new(files, &mut state).all()?;
    for node in &spec.nodes {
        processes(files, &mut state, node);
    }
    state.leader = state.names().into_iter().next();
    // What is wrong has been so for a while: the logs say it from the first look on.
    World { state: &mut state, files }.write_logs(now.saturating_sub(logs::STRETCH), now);
    making.end(&state)
}

fn check(spec: &LabSpec) -> Result<(), LabError> {
    let bad = |why: String| Err(LabError::Spec { why });
    if spec.nodes.is_empty() {
        return bad("it has no node".into());
    }
    let mut seen = BTreeSet::new();
    for node in &spec.nodes {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".:_-".contains(c);
        if node.name.is_empty() || node.name.starts_with('.') || !node.name.chars().all(plain) {
            return bad(format!("`{}` is not a name for a node", node.name));
        }
        if node.name == WORKSTATION || !seen.insert(&node.name) {
            return bad(format!("two machines are called `{}`", node.name));
        }
    }
    Ok(())
}

pub(super) fn empty(spec: &LabSpec, now: u64) -> State {
    State {
        format: store::FORMAT,
        spec: Arc::new(spec.clone()),
        issued: 0,
        now,
        run: None,
        nodes: BTreeMap::new(),
        links: Links::default(),
        leader: None,
        election_at: None,
        objects: Objects {
            kubeconfig: None,
            kubeconfig_not_after: 0,
            kubeconfig_at: None,
            defrag: None,
            admin: None,
            requests: Vec::new(),
            given_back: None,
        },
        busy: BTreeMap::new(),
        faults: Vec::new(),
        fired: Vec::new(),
    }
}

/// The processes of a node, as they have been running since its certificates were issued.
fn processes(files: &Files, state: &mut State, node: &NodeSpec) {
    let spec = Arc::clone(&state.spec);
    let validity = node.certificates.unwrap_or(spec.certificates);
    let started = issued(validity, state.now) + INIT;
    let entry = Node {
        address: node.address.clone(),
        pods: BTreeMap::new(),
        kubelet: Kubelet {
            active: true,
            since: started,
            client: load::kubelet_client(files, &node.name),
            rotates_at: None,
        },
        posted: BTreeMap::new(),
        heartbeat: state.now,
    };
    state.nodes.insert(node.name.clone(), Arc::new(entry));
    for component in Component::ALL {
        let pod = pods::sandbox(state, &format!("{}-{}", component.name(), node.name), started);
        state.node_mut(&node.name).pods.insert(component.name().to_owned(), pod);
        pods::start(state, files, &node.name, component.name(), started);
    }
    if spec.etcd_defrag {
        state.objects.defrag.get_or_insert(DaemonSet {
            generation: 1,
            created: started,
            restarted: None,
            step_at: None,
        });
        pods::new_defrag(state, files, &node.name, started);
    }
    let refuses = validity == Validity::Expired && spec.peers == Peers::Refusing;
    for component in Component::ALL {
        let now = state.now;
        let container = state.node_mut(&node.name).running_mut(component.name());
        let container = container.expect("a new pod has a running container");
        if refuses && component == Component::Etcd {
            container.started = now.saturating_sub(RESTARTED);
        }
        container.ready_at = container.started;
        container.came_up = true;
        container.connected = match component {
            Component::KubeApiserver => !refuses,
            Component::Etcd => false,
            Component::KubeControllerManager | Component::KubeScheduler => validity != Validity::Expired,
        };
    }
    if !refuses {
        connect(state, &node.name);
    }
}

/// Connections with all members before it, as they were made when all certificates were valid.
fn connect(state: &mut State, name: &str) {
    for other in state.names().into_iter().filter(|n| n != name) {
        state.links.connect(name, &other);
    }
}
