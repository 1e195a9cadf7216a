//! Which containers a run replaced: what the first look at a component saw, and what the last one did.

use std::collections::BTreeMap;

use certwright_engine::machine::{Event, Facts, Record};
use certwright_engine::plan::{HostIndex, Plan};
use serde::Serialize;

/// A component of a node whose container is another one than before.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Restarted {
    /// The node.
    pub(crate) host: String,
    /// The component.
    pub(crate) component: String,
    /// Id of the container that was replaced; None where none ran.
    pub(crate) before: Option<String>,
    /// When that one was made, ms since 1970 by the node's clock, where it is known.
    pub(crate) before_made_ms: Option<u64>,
    /// Id of the one that runs now.
    pub(crate) now: String,
    /// When it was made.
    pub(crate) made_ms: Option<u64>,
}

#[derive(Debug, Clone)]
struct Seen {
    name: String,
    container: Option<String>,
    made_ms: Option<u64>,
}

/// Every component that was restarted, in the order in which the new containers were made.
pub(super) fn of(plan: &Plan, records: &[Record]) -> Vec<Restarted> {
    let mut seen: BTreeMap<(HostIndex, String), (Seen, Seen)> = BTreeMap::new();
    for record in records {
        let (Event::Probed { task, facts, .. } | Event::Verified { task, facts, .. }) = &record.body else {
            continue;
        };
        let Some(host) = plan.tasks.get(task.0 as usize).map(|task| task.host) else { continue };
        for component in components(facts) {
            let entry = seen
                .entry((host, component.name.clone()))
                .or_insert_with(|| (component.clone(), component.clone()));
            entry.1 = component;
        }
    }
    let mut all: Vec<Restarted> = seen
        .into_iter()
        .filter(|(_, (first, last))| last.container != first.container)
        .filter_map(|((host, component), (first, last))| {
            Some(Restarted {
                host: plan.hosts[host.0 as usize].name.clone(),
                component,
                before: first.container,
                before_made_ms: first.made_ms,
                now: last.container?,
                made_ms: last.made_ms,
            })
        })
        .collect();
    all.sort_by_key(|restarted| restarted.made_ms);
    all
}

/// The components that facts speak of.
fn components(facts: &Facts) -> Vec<Seen> {
    let facts: serde_json::Value = facts.read().unwrap_or_default();
    let list = facts.get("components").and_then(serde_json::Value::as_array);
    let text = |fact: &serde_json::Value, key: &str| fact.get(key)?.as_str().map(str::to_owned);
    list.into_iter()
        .flatten()
        .filter_map(|fact| {
            Some(Seen {
                name: text(fact, "name")?,
                container: text(fact, "container"),
                made_ms: fact.get("made_ms").and_then(serde_json::Value::as_u64),
            })
        })
        .collect()
}
