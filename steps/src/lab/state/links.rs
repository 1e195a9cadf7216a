//! Established connections between etcd members.
//!
//! Two members connect when both run and accept each other's certificate; a connection lives as long as both ends, even
//! when a certificate ends meanwhile. Time passes in small steps and members seldom change, so it is remembered who was
//! found connected with everyone: nothing is gone through pair by pair again until one of them changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The connections, from either end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "BTreeSet<(String, String)>", into = "BTreeSet<(String, String)>")]
pub(in crate::lab) struct Links {
    /// Of every member those that it is connected with.
    of: Arc<BTreeMap<String, BTreeSet<String>>>,
    /// Members all of which were found connected with each other: it follows from the connections.
    met: Arc<BTreeSet<String>>,
}

impl Links {
    /// True when two members are connected.
    pub(in crate::lab) fn has(&self, a: &str, b: &str) -> bool {
        self.of.get(a).is_some_and(|others| others.contains(b))
    }

    /// Those that a member is connected with.
    pub(in crate::lab) fn of(&self, member: &str) -> impl Iterator<Item = &String> {
        self.of.get(member).into_iter().flatten()
    }

    /// With how many a member is connected.
    pub(in crate::lab) fn count(&self, member: &str) -> usize {
        self.of.get(member).map_or(0, BTreeSet::len)
    }

    /// Connects two members.
    pub(in crate::lab) fn connect(&mut self, a: &str, b: &str) {
        if self.has(a, b) {
            return;
        }
        let of = Arc::make_mut(&mut self.of);
        for (one, other) in [(a, b), (b, a)] {
            of.entry(one.to_owned()).or_default().insert(other.to_owned());
        }
    }

    /// Ends all connections of a member.
    pub(in crate::lab) fn end(&mut self, member: &str) {
        if self.count(member) == 0 {
            return;
        }
        let of = Arc::make_mut(&mut self.of);
        for other in of.remove(member).into_iter().flatten() {
            if let Some(others) = of.get_mut(&other) {
                others.remove(member);
                if others.is_empty() {
                    of.remove(&other);
                }
            }
        }
        Arc::make_mut(&mut self.met).remove(member);
    }

    /// Connects all of these with each other.
    pub(in crate::lab) fn meet(&mut self, members: &BTreeSet<&str>) {
        if members.len() == self.met.len() && members.iter().all(|member| self.met.contains(*member)) {
            return;
        }
        for new in members.iter().filter(|member| !self.met.contains(**member)).copied().collect::<Vec<_>>() {
            for other in members.iter().filter(|other| **other != new) {
                self.connect(new, other);
            }
        }
        self.met = Arc::new(members.iter().map(|&member| member.to_owned()).collect());
    }
}

/// What was found out about them is not a part of them.
impl PartialEq for Links {
    fn eq(&self, other: &Self) -> bool {
        self.of == other.of
    }
}

/// On disk each pair stands once, in order.
impl From<Links> for BTreeSet<(String, String)> {
    fn from(links: Links) -> Self {
        let pairs =
            links.of.iter().flat_map(|(a, others)| others.iter().map(move |b| (a.clone(), b.clone())));
        pairs.filter(|(a, b)| a < b).collect()
    }
}

impl From<BTreeSet<(String, String)>> for Links {
    fn from(pairs: BTreeSet<(String, String)>) -> Self {
        let mut links = Self::default();
        for (a, b) in &pairs {
            links.connect(a, b);
        }
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(links: &Links) -> Vec<(String, String)> {
        BTreeSet::from(links.clone()).into_iter().collect()
    }

    #[test]
    fn members_that_meet_are_connected_until_one_of_them_ends() {
        let mut links = Links::default();
        links.meet(&BTreeSet::from(["b", "a"]));
        links.meet(&BTreeSet::from(["b", "c"]));
        assert_eq!(pairs(&links), [("a".into(), "b".into()), ("b".into(), "c".into())]);
        links.end("b");
        assert_eq!(pairs(&links), []);
        // It was among those that had met: it meets them anew.
        links.meet(&BTreeSet::from(["b", "c"]));
        assert!(links.has("c", "b") && links.has("b", "c") && !links.has("a", "b"));
        let again: Links = serde_json::from_str(&serde_json::to_string(&links).unwrap()).unwrap();
        assert_eq!(again, links);
    }
}
