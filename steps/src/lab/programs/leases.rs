//! The leases of the schedulers and of the controller-managers, and giving one back.
//!
//! The container that has run longest holds it. A scheduler gives it back when it ends; a controller-manager does not: its
//! lease stands for 15 s after its end, unless it is given back in its name.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::lab::exec::{Answer, Shell};
use crate::lab::state::Container;
use crate::pki::layout::Component;

/// How long a lease stands that nobody renews, ms.
const STANDS: u64 = 15_000;

/// Whose lease it is, by where the API has it.
pub(super) fn at(path: &str) -> Option<Component> {
    of(path.strip_prefix("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/")?)
}

/// The same by its name.
pub(super) fn of(name: &str) -> Option<Component> {
    [Component::KubeScheduler, Component::KubeControllerManager].into_iter().find(|c| c.name() == name)
}

/// `get --raw` of it.
pub(super) fn get(shell: &Shell<'_>, component: Component) -> Answer {
    Answer::ok(object(component, &holder(shell, component)).to_string())
}

fn object(component: Component, holder: &str) -> Value {
    json!({
        "kind": "Lease",
        "apiVersion": "coordination.k8s.io/v1",
        "metadata": {"name": component.name(), "namespace": "kube-system"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
    })
}

fn holder(shell: &Shell<'_>, component: Component) -> String {
    let (state, now) = (shell.state(), shell.now());
    let holds = |container: &Container| match container.ended {
        None => true,
        Some((at, _)) => component == Component::KubeControllerManager && now < at + state.delay(STANDS),
    };
    let containers = state.nodes.iter().flat_map(|(node, entry)| {
        let pod = entry.pods.get(component.name()).into_iter();
        pod.flat_map(|pod| &pod.containers).map(move |container| (container, identity(node, container)))
    });
    containers
        .filter(|(container, identity)| {
            holds(container) && state.objects.given_back.as_ref() != Some(identity)
        })
        .min_by_key(|(container, _)| container.started)
        .map_or(String::new(), |(_, identity)| identity)
}

/// A process's name for itself: `NODE_UID`, new with each start.
fn identity(node: &str, container: &Container) -> String {
    let part = |range| container.id.get(range).unwrap_or_default();
    format!("{node}_{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    path: String,
    value: String,
}

/// `patch lease NAME --type=json -p PATCH`: gives it back, where it is still that holder's.
pub(super) fn give_back(shell: &mut Shell<'_>, component: Component, patch: Option<&str>) -> Answer {
    let operations: Option<Vec<Operation>> = patch.and_then(|patch| serde_json::from_str(patch).ok());
    let Some([test, replace]) = operations.as_deref() else {
        return Answer::gap("kubectl patch lease with another patch than a test and a replacement");
    };
    let is = |operation: &Operation, op| operation.op == op && operation.path == "/spec/holderIdentity";
    if !is(test, "test") || !is(replace, "replace") || !replace.value.is_empty() {
        return Answer::gap("kubectl patch lease but to give one back");
    }
    if test.value != holder(shell, component) {
        let why = "The request is invalid: the server rejected our request due to an error in our request\n";
        return Answer::fail(1, why);
    }
    let given_back = test.value.clone();
    shell.change().state.objects.given_back = Some(given_back);
    Answer::ok(format!("lease.coordination.k8s.io/{} patched\n", component.name()))
}
