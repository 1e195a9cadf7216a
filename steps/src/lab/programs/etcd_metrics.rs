//! `/metrics` of an etcd member: what it tells of itself and its peers, as far as anybody asks.

use super::gateway;
use crate::lab::state::State;

/// The body of the answer.
pub(super) fn metrics(state: &State, node: &str, healthy: bool) -> String {
    let own = member_id(node);
    let peers: Vec<&String> = state.nodes.keys().filter(|peer| *peer != node).collect();
    let of_peers = |value: &dyn Fn(&str) -> bool| -> Vec<(String, bool)> {
        let labels = |peer: &str| format!("{{Local=\"{own}\",Remote=\"{}\"}}", member_id(peer));
        peers.iter().map(|peer| (labels(peer), value(peer))).collect()
    };
    let alone = |value| vec![(String::new(), value)];
    let leads = state.leader.as_deref() == Some(node) && healthy;
    [
        gauge(
            "etcd_network_active_peers",
            "The current number of active peer connections.",
            &of_peers(&|peer| state.links.has(node, peer)),
        ),
        gauge("etcd_network_known_peers", "The current number of known peers.", &of_peers(&|_| true)),
        gauge(
            "etcd_server_has_leader",
            "Whether or not a leader exists. 1 is existence, 0 is not.",
            &alone(healthy),
        ),
        gauge(
            "etcd_server_id",
            "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
            &[(format!("{{server_id=\"{own}\"}}"), true)],
        ),
        gauge(
            "etcd_server_is_leader",
            "Whether or not this member is a leader. 1 if is, 0 otherwise.",
            &alone(leads),
        ),
    ]
    .concat()
}

fn gauge(name: &str, help: &str, series: &[(String, bool)]) -> String {
    let line = |(labels, value): &(String, bool)| format!("{name}{labels} {}\n", u8::from(*value));
    let lines: Vec<String> = series.iter().map(line).collect();
    format!("# HELP {name} {help}\n# TYPE {name} gauge\n{}", lines.concat())
}

/// The id of a node's member: hexadecimal without leading zeros, as etcd prints it here.
fn member_id(node: &str) -> String {
    format!("{:x}", gateway::id(node))
}
