//! What an etcd member tells of itself and of its peers on its metrics port, which wants no certificate.
//!
//! Facts (etcd 3.4.23 and 3.6, measured): `etcd_server_id` and the peers' `Remote` are member ids in hexadecimal without
//! leading zeros; all of these stand in the first 40 KiB of the 150 that a member prints. `known_peers` came later than
//! 3.4, whose `active_peers` counts those that are connected.

use std::collections::BTreeSet;

use certwright_engine::text::Untrusted;

/// A member as its metrics have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its id; None where it does not tell it.
    pub id: Option<String>,
    /// Whether it leads; None where it does not tell it.
    pub leads: Option<bool>,
    /// Ids of the members it knows, its own not among them.
    pub peers: BTreeSet<String>,
}

/// Reads what `/metrics` answers; what it does not hold is not told.
pub fn parse_metrics(body: &Untrusted) -> Told {
    let text = body.lossy();
    let mut member = Told::default();
    for line in text.lines().filter(|line| line.starts_with("etcd_")) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let is_one = value.parse::<f64>().is_ok_and(|value| value >= 1.0);
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let label = |key: &str| {
            let (_, rest) = labels.split_once(&format!("{key}=\""))?;
            rest.split('"').next().filter(|id| is_id(id)).map(str::to_owned)
        };
        match name {
            "etcd_server_is_leader" => member.leads = Some(is_one),
            "etcd_server_id" if is_one => member.id = label("server_id"),
            "etcd_network_known_peers" | "etcd_network_active_peers" if is_one => {
                member.peers.extend(label("Remote"));
            }
            _ => {}
        }
    }
    if let Some(id) = &member.id {
        member.peers.remove(id);
    }
    member
}

/// Whether this is a member id as etcd prints it.
fn is_id(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_tells_its_id_its_peers_and_whether_it_leads() {
        // As etcd 3.4.23 prints them.
        let text = "\
# HELP etcd_network_active_peers The current number of active peer connections.
etcd_network_active_peers{Local=\"8ddab73534be950c\",Remote=\"5c76a90ae78bcee7\"} 1
etcd_network_active_peers{Local=\"8ddab73534be950c\",Remote=\"628170c800dbcee\"} 0
etcd_network_known_peers{Local=\"8ddab73534be950c\",Remote=\"628170c800dbcff\"} 1
etcd_server_has_leader 1
etcd_server_id{server_id=\"8ddab73534be950c\"} 1
etcd_server_is_leader 0
";
        let member = parse_metrics(&Untrusted::new(text.into()));
        assert_eq!(member.id.as_deref(), Some("8ddab73534be950c"));
        assert_eq!(member.leads, Some(false));
        assert_eq!(member.peers.iter().collect::<Vec<_>>(), ["5c76a90ae78bcee7", "628170c800dbcff"]);
        let leader = parse_metrics(&Untrusted::new(text.replace("is_leader 0", "is_leader 1").into()));
        assert_eq!(leader.leads, Some(true));
    }

    #[test]
    fn nonsense_tells_nothing() {
        for text in
            ["", "404 page not found", "etcd_server_id{server_id=\"\u{1b}[2J\"} 1\netcd_server_is_leader"]
        {
            assert_eq!(parse_metrics(&Untrusted::new(text.into())), Told::default(), "{text}");
        }
    }
}
