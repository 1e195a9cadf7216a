//! etcd's members as they tell of themselves: who they are, who leads, and who of them is no host of the run.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::host::dial::{Dial, Endpoint};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;
use futures_util::future::join_all;

use crate::kinds::facts::Warning;
use crate::kinds::node::dial;
use crate::kinds::peers::{Group, Peer};
use crate::pki::Component;
use crate::tools::etcd::{self, Told};
use crate::tools::manifest::{self, StaticPod};

/// The members that run on hosts of the run.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// How many hosts were asked.
    asked: usize,
    by_host: BTreeMap<String, Told>,
}

impl Membership {
    /// Asks the member of every peer; one that does not answer is not told of. A line that broke is an error.
    pub(super) async fn look(group: &Group<'_>) -> Result<Self, StepError> {
        let mut by_host = BTreeMap::new();
        let told = join_all(group.iter().map(ask)).await;
        for (peer, told) in group.iter().zip(told) {
            match told {
                Ok(Some(member)) => drop(by_host.insert(peer.host.name().to_owned(), member)),
                Err(error) if error.class == ErrorClass::Unknown => return Err(error),
                // One that cannot be asked says so in its own preflight.
                Ok(None) | Err(_) => {}
            }
        }
        Ok(Self { asked: group.len(), by_host })
    }

    /// Who leads whom, in a few words; None where no member told anything.
    pub(super) fn summary(&self) -> Option<String> {
        let hosts: Vec<&str> = self.by_host.keys().map(String::as_str).collect();
        let leader = self.by_host.iter().find(|(_, member)| member.leads == Some(true));
        let others = |leader: &str| {
            let others: Vec<&str> = hosts.iter().copied().filter(|host| *host != leader).collect();
            if others.is_empty() {
                "it is alone".to_owned()
            } else {
                format!("followed by {}", others.join(", "))
            }
        };
        match leader {
            _ if hosts.is_empty() => None,
            Some((leader, _)) => Some(format!("etcd's leader is {leader}, {}", others(leader))),
            None if self.foreign().is_none() => Some("no etcd member leads".to_owned()),
            None => Some(format!("etcd's leader is none of {}", hosts.join(", "))),
        }
    }

    /// Members that others know and that run on no host of the run.
    fn strangers(&self) -> BTreeSet<&str> {
        let own: BTreeSet<&str> = self.by_host.values().filter_map(|member| member.id.as_deref()).collect();
        let known = self.by_host.values().flat_map(|member| &member.peers).map(String::as_str);
        known.filter(|id| !own.contains(id)).collect()
    }

    /// The warning about members that are no hosts of the run.
    pub(super) fn foreign(&self) -> Option<Warning> {
        let strangers = self.strangers();
        // Each host that tells nothing may be one of those that seem to be strange.
        let silent =
            self.asked.saturating_sub(self.by_host.values().filter(|member| member.id.is_some()).count());
        if strangers.len() <= silent {
            return None;
        }
        let ids: Vec<&str> = strangers.into_iter().collect();
        Some(Warning::new(
            format!("etcd has members that are no hosts of this run: {}", ids.join(", ")),
            "this run neither renews nor asks them: see `etcdctl member list` which nodes they are, and add them to the \
             inventory",
        ))
    }
}

async fn ask(peer: &Peer<'_>) -> Result<Option<Told>, StepError> {
    let node = peer.node().await?;
    let Some(pod) = node.static_pod(Component::Etcd)? else { return Ok(None) };
    let Ok(served) = dial(peer.host, &Dial::http(metrics(pod), "/metrics")).await? else { return Ok(None) };
    let answer = served.answer.filter(|answer| answer.code == 200);
    Ok(answer.map(|answer| etcd::parse_metrics(&answer.body)).filter(|member| *member != Told::default()))
}

/// Where a member serves its metrics: a loopback address where there is one.
fn metrics(pod: &StaticPod) -> Endpoint {
    let urls = pod.listen_metrics_urls();
    let all: Vec<Endpoint> = urls
        .iter()
        .filter(|url| url.starts_with("http://"))
        .filter_map(|url| manifest::endpoint(url))
        .collect();
    let is_loopback =
        |at: &&Endpoint| at.host == "localhost" || at.host.starts_with("127.") || at.host == "::1";
    match all.iter().find(is_loopback).or(all.first()) {
        Some(at) if matches!(at.host.as_str(), "0.0.0.0" | "::" | "") => Endpoint::new("127.0.0.1", at.port),
        Some(at) => at.clone(),
        None => Endpoint::new("127.0.0.1", 2381),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, leads: bool, peers: &[&str]) -> Told {
        let peers = peers.iter().map(|peer| (*peer).to_owned()).collect();
        Told { id: Some(id.to_owned()), leads: Some(leads), peers }
    }

    fn of(members: &[(&str, Told)]) -> Membership {
        Membership {
            asked: members.len(),
            by_host: members.iter().map(|(host, member)| ((*host).to_owned(), member.clone())).collect(),
        }
    }

    #[test]
    fn the_leader_and_members_elsewhere_are_told() {
        let three = of(&[
            ("cp-1", member("a", false, &["b", "c"])),
            ("cp-2", member("b", true, &["a", "c"])),
            ("cp-3", member("c", false, &["a", "b"])),
        ]);
        assert_eq!(three.summary().as_deref(), Some("etcd's leader is cp-2, followed by cp-1, cp-3"));
        assert_eq!(three.foreign(), None);
        let two = of(&[("cp-1", member("a", false, &["b", "c"])), ("cp-3", member("c", false, &["a", "b"]))]);
        assert_eq!(two.summary().as_deref(), Some("etcd's leader is none of cp-1, cp-3"));
        assert!(two.foreign().is_some_and(|warning| warning.what.ends_with("no hosts of this run: b")));
        assert_eq!(
            Membership { asked: 3, ..two }.foreign(),
            None,
            "the host that tells nothing is the one that is missing"
        );
        let lost = of(&[("cp-1", member("a", false, &[]))]);
        assert_eq!(lost.summary().as_deref(), Some("no etcd member leads"));
        assert_eq!(
            of(&[("cp-1", member("a", true, &[]))]).summary().as_deref(),
            Some("etcd's leader is cp-1, it is alone")
        );
        assert_eq!(of(&[]).summary(), None);
    }

    #[test]
    fn metrics_are_asked_for_where_no_certificate_is_wanted() {
        for (urls, expected) in [
            ("http://127.0.0.1:2381", "127.0.0.1:2381"),
            ("http://10.0.0.2:2381,http://127.0.0.1:2391", "127.0.0.1:2391"),
            ("http://0.0.0.0:2381", "127.0.0.1:2381"),
            ("https://10.0.0.2:2381", "127.0.0.1:2381"),
            ("", "127.0.0.1:2381"),
        ] {
            let flags = [("listen-metrics-urls".to_owned(), urls.to_owned())].into_iter().collect();
            assert_eq!(metrics(&StaticPod { flags, ..StaticPod::default() }).to_string(), expected, "{urls}");
        }
    }
}
