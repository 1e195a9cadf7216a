//! Every certificate a run saw: when it ended before, and when it ends now.
//!
//! Before is what the first probe of any task saw, now what was seen last; an undo puts back what was before.

use std::collections::BTreeMap;

use certwright_engine::machine::Facts;
use certwright_engine::plan::HostIndex;

use super::{Phase, RunView};

/// One certificate over a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Change {
    /// The host that holds it.
    pub(crate) host: String,
    /// Its name, as kubeadm names it.
    pub(crate) certificate: String,
    /// NotAfter when the run first saw it, ms since 1970; None when it was not there.
    pub(crate) before_ms: Option<u64>,
    /// NotAfter when the run last saw it, ms since 1970; None when it was not there.
    pub(crate) after_ms: Option<u64>,
}

/// Every certificate of every host: hosts in plan order, nodes first, certificates in the order they were seen.
pub(crate) fn changes(view: &RunView) -> Vec<Change> {
    let mut seen: BTreeMap<HostIndex, Vec<Change>> = BTreeMap::new();
    for (id, task) in view.tasks_with_ids() {
        let host = view.plan().task(id).host;
        let name = &view.plan().host(id).name;
        let of_host = seen.entry(host).or_default();
        let restored = task.phase == Phase::Undone;
        for (certificate, not_after) in task.first.iter().flat_map(dates) {
            let place = place(of_host, name, &certificate, not_after);
            place.before_ms = place.before_ms.or(not_after);
            place.after_ms = not_after;
        }
        let last = if restored { &task.first } else { &task.last };
        for (certificate, not_after) in last.iter().flat_map(dates) {
            place(of_host, name, &certificate, None).after_ms = not_after;
        }
    }
    let workstation = seen.remove(&HostIndex(0)).unwrap_or_default();
    seen.into_values().flatten().chain(workstation).collect()
}

fn place<'a>(
    of_host: &'a mut Vec<Change>,
    host: &str,
    certificate: &str,
    before_ms: Option<u64>,
) -> &'a mut Change {
    let at = of_host.iter().position(|change| change.certificate == certificate).unwrap_or_else(|| {
        of_host.push(Change {
            host: host.to_owned(),
            certificate: certificate.to_owned(),
            before_ms,
            after_ms: None,
        });
        of_host.len() - 1
    });
    &mut of_host[at]
}

/// Names and ends of the certificates that facts speak of.
fn dates(facts: &Facts) -> Vec<(String, Option<u64>)> {
    let Some(list) = facts.0.get("certificates").and_then(serde_json::Value::as_array) else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|fact| {
            let name = fact.get("name")?.as_str()?.to_owned();
            let end = fact.get("not_after").and_then(serde_json::Value::as_i64);
            Some((name, end.map(|seconds| u64::try_from(seconds).unwrap_or(0) * 1000)))
        })
        .collect()
}
