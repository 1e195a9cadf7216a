//! The nodes that a step's own node belongs with.

use std::collections::BTreeMap;
use std::sync::Arc;

use certwright_engine::host::Host;
use certwright_engine::plan::WORKSTATION;
use certwright_engine::step::Context;

/// Every host of the run that shares a group with the step's own, itself among them, in the order of their names; never
/// the workstation.
pub(super) fn peers(cx: &Context) -> Vec<Arc<dyn Host>> {
    let own = cx.host.name();
    let groups = cx.hosts.spec(own).map(|spec| spec.groups.as_slice()).unwrap_or_default();
    let mut peers = BTreeMap::from([(own, &cx.host)]);
    peers.extend(groups.iter().flat_map(|group| cx.hosts.group(group)).map(|host| (host.name(), host)));
    peers.into_values().filter(|host| host.name() != WORKSTATION).map(Arc::clone).collect()
}
