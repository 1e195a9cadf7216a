//! The warning that a renewal leaves nodes of the control plane out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use certwright_engine::plan::{HostIndex, Plan};

use crate::terminal::{Terminal, Tone, wrap};

/// The group of the nodes that hold the certificates, as the kinds have it by default.
const CONTROL_PLANE: &str = "control-plane";
/// The kind that renews them.
const RENEWS: &str = "kubeadm-renew";

/// The nodes of the control plane on which a plan that renews certificates does nothing.
pub(crate) fn left_out(plan: &Plan) -> Vec<&str> {
    let renewing = plan.task_ids().filter(|id| plan.step(*id).kind == RENEWS);
    let hosts: BTreeSet<HostIndex> = renewing.map(|id| plan.task(id).host).collect();
    if hosts.is_empty() {
        return Vec::new();
    }
    let nodes = plan.hosts.iter().enumerate();
    nodes
        .filter(|(_, host)| host.groups.iter().any(|group| group == CONTROL_PLANE))
        .filter(|(at, _)| hosts.iter().all(|index| index.0 as usize != *at))
        .map(|(_, host)| host.name.as_str())
        .collect()
}

/// What is said of them; empty when there are none.
pub(crate) fn warning(plan: &Plan, terminal: Terminal) -> String {
    let left_out = left_out(plan);
    if left_out.is_empty() {
        return String::new();
    }
    let (keeps, its) =
        if left_out.len() == 1 { ("keeps its", "that one has") } else { ("keep their", "those have") };
    let text = format!(
        "Left out: {} {keeps} old certificates. Where {its} expired and etcd has no quorum, a run on the other \
         nodes alone cannot finish: renew all of them, without --limit.",
        left_out.join(", "),
    );
    wrap(&text, terminal.width).iter().fold(String::new(), |mut out, line| {
        let _infallible = writeln!(out, "{}", terminal.paint.tone(Tone::Warn, line));
        out
    })
}
