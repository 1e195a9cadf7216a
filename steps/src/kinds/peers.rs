//! The nodes that a step's own node belongs with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use certwright_engine::host::Host;
use certwright_engine::plan::{ErrorClass, WORKSTATION};
use certwright_engine::step::{Context, StepError};
use futures_util::future::join_all;

use super::node::Node;

/// Every host of the run that shares a group with the step's own, itself among them, in the order of their names; never
/// the workstation.
pub(super) fn peers(cx: &Context) -> Vec<Arc<dyn Host>> {
    let own = cx.host.name();
    let groups = cx.hosts.spec(own).map(|spec| spec.groups.as_slice()).unwrap_or_default();
    let mut peers = BTreeMap::from([(own, &cx.host)]);
    peers.extend(groups.iter().flat_map(|group| cx.hosts.group(group)).map(|host| (host.name(), host)));
    peers.into_values().filter(|host| host.name() != WORKSTATION).map(Arc::clone).collect()
}

/// Peers, each looked at once however often it is asked something: where its ports and files are does not change while an
/// attempt lasts.
pub(super) struct Group<'h> {
    peers: Vec<Peer<'h>>,
}

/// One of them.
pub(super) struct Peer<'h> {
    /// The host itself.
    pub(super) host: &'h dyn Host,
    /// None where it could not be looked at.
    node: Option<Node<'h>>,
}

impl<'h> Group<'h> {
    /// Looks at these hosts side by side, but for the one that is known. A line that broke is an error.
    pub(super) async fn look(hosts: &'h [Arc<dyn Host>], known: &Node<'h>) -> Result<Self, StepError> {
        let look = async |host: &'h Arc<dyn Host>| {
            if host.name() == known.host.name() { Ok(known.clone()) } else { Node::look(host.as_ref()).await }
        };
        let mut peers = Vec::new();
        for (host, node) in hosts.iter().zip(join_all(hosts.iter().map(look)).await) {
            let node = match node {
                Ok(node) => Some(node),
                Err(error) if error.class == ErrorClass::Unknown => return Err(error),
                Err(_) => None,
            };
            peers.push(Peer { host: host.as_ref(), node });
        }
        Ok(Self { peers })
    }

    /// All of them, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer<'h>> {
        self.peers.iter()
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }
}

impl<'h> Peer<'h> {
    /// What it was found to be; one that could not be looked at is looked at now.
    pub(super) async fn node(&self) -> Result<Cow<'_, Node<'h>>, StepError> {
        match &self.node {
            Some(node) => Ok(Cow::Borrowed(node)),
            None => Node::look(self.host).await.map(Cow::Owned),
        }
    }
}
