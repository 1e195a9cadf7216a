//! Every certificate a run saw: when it ended before, and when it ends now.
//!
//! Before is what was seen first, now what was seen last, whichever task looked; an undo puts back what its
//! task had seen first.

use std::collections::BTreeMap;

use certwright_engine::machine::Facts;
use certwright_engine::plan::{HostIndex, Plan};

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
    /// Whether an undo put it back, or it was another one in between.
    pub(crate) restored: bool,
    /// Whether nobody has looked since a change of it was begun.
    pub(crate) unsure: bool,
}

/// The certificates of all hosts, each host's in the order they were first seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Certificates {
    by_host: BTreeMap<HostIndex, Vec<Dates>>,
}

#[derive(Debug, Clone)]
struct Dates {
    name: String,
    before_ms: Option<u64>,
    after_ms: Option<u64>,
    moved: bool,
    unsure: bool,
}

impl Certificates {
    /// Takes in what was seen on a host.
    pub(super) fn saw(&mut self, host: HostIndex, facts: &Facts) {
        for (name, end) in ends(facts) {
            let of_host = self.by_host.entry(host).or_default();
            match of_host.iter_mut().find(|dates| dates.name == name) {
                Some(dates) => {
                    dates.moved |= dates.after_ms != end;
                    dates.after_ms = end;
                    dates.unsure = false;
                }
                None => {
                    of_host.push(Dates { name, before_ms: end, after_ms: end, moved: false, unsure: false });
                }
            }
        }
    }

    /// An undo put back what these facts speak of. Whether its change was ever seen does not matter: a renewal that
    /// died half-way was not.
    pub(super) fn restored(&mut self, host: HostIndex, facts: &Facts) {
        self.saw(host, facts);
        let of_host = self.by_host.entry(host).or_default();
        for (name, _) in ends(facts) {
            for dates in of_host.iter_mut().filter(|dates| dates.name == name) {
                dates.moved = true;
            }
        }
    }

    /// A change of what these facts speak of begins: until somebody looks again nothing is sure.
    pub(super) fn begin_change(&mut self, host: HostIndex, facts: &Facts) {
        let of_host = self.by_host.entry(host).or_default();
        for (name, _) in ends(facts) {
            for dates in of_host.iter_mut().filter(|dates| dates.name == name) {
                dates.unsure = true;
            }
        }
    }

    /// Every certificate: the nodes in plan order, then the workstation.
    pub(crate) fn changes(&self, plan: &Plan) -> Vec<Change> {
        let of = |index: &HostIndex, dates: &[Dates]| -> Vec<Change> {
            let host = &plan.hosts[index.0 as usize].name;
            dates
                .iter()
                .map(|dates| Change {
                    host: host.clone(),
                    certificate: dates.name.clone(),
                    before_ms: dates.before_ms,
                    after_ms: dates.after_ms,
                    restored: dates.moved && dates.before_ms == dates.after_ms,
                    unsure: dates.unsure,
                })
                .collect()
        };
        let mut all: Vec<Change> =
            self.by_host.iter().skip_while(|(host, _)| host.0 == 0).flat_map(|(h, d)| of(h, d)).collect();
        all.extend(self.by_host.get(&HostIndex(0)).into_iter().flat_map(|dates| of(&HostIndex(0), dates)));
        all
    }
}

/// Names and ends of the certificates that facts speak of.
fn ends(facts: &Facts) -> Vec<(String, Option<u64>)> {
    let facts: serde_json::Value = facts.read().unwrap_or_default();
    let Some(list) = facts.get("certificates").and_then(serde_json::Value::as_array) else {
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
