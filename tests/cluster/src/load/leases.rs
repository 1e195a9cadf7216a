//! The leases of the controller-manager and the scheduler: the longest time between two renewals, by the times in them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::report::{Gap, LEASE_MANAGER, LEASE_SCHEDULER};
use crate::wire::client::Client;
use crate::wire::moment;

/// From one look to the next.
const TICK: Duration = Duration::from_millis(200);

/// A lease that is watched. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct LeaseTrack {
    name: &'static str,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    renewed: Option<OffsetDateTime>,
    renewals: u64,
    longest: time::Duration,
}

/// Starts watching both.
pub(super) fn start(work: &mut JoinSet<()>, client: &Client, end: &watch::Receiver<bool>) -> Vec<LeaseTrack> {
    let both = [LEASE_MANAGER, LEASE_SCHEDULER];
    both.map(|name| {
        let track = LeaseTrack { name, seen: Arc::default() };
        work.spawn(look(client.another().within(Duration::from_secs(1)), track.clone(), end.clone()));
        track
    })
    .into()
}

async fn look(client: Client, track: LeaseTrack, end: watch::Receiver<bool>) {
    let lease = track.name.trim_start_matches("lease ");
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{lease}");
    while !*end.borrow() {
        // What cannot be read now is read later: the times are in the lease.
        if let Ok(lease) = client.another().get(&path).await {
            track.note(&lease);
        }
        sleep(TICK).await;
    }
}

impl LeaseTrack {
    pub(super) fn name(&self) -> &str {
        self.name
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a lease; one that nobody holds was given back, not renewed.
    fn note(&self, lease: &Value) {
        let is_held = lease["spec"]["holderIdentity"].as_str().is_some_and(|holder| !holder.is_empty());
        let renewed = lease["spec"]["renewTime"].as_str().and_then(moment::parse);
        let Some(renewed) = renewed.filter(|_| is_held) else { return };
        let mut seen = self.seen();
        if seen.renewed == Some(renewed) {
            return;
        }
        if let Some(before) = seen.renewed {
            seen.longest = seen.longest.max(renewed - before);
        }
        seen.renewed = Some(renewed);
        seen.renewals += 1;
    }

    pub(super) fn is_warm(&self) -> bool {
        self.seen().renewed.is_some()
    }

    /// Forgets what was before now, but for the last renewal.
    pub(super) fn begin(&self) {
        let mut seen = self.seen();
        *seen = Seen { renewed: seen.renewed, ..Seen::default() };
    }

    /// Begins where nobody can renew it yet.
    pub(super) fn begin_cold(&self) {
        *self.seen() = Seen::default();
    }

    /// What was seen until now; the time since the last renewal counts.
    pub(super) fn end(&self) -> Gap {
        let seen = self.seen();
        let since = seen.renewed.map_or(time::Duration::ZERO, |last| OffsetDateTime::now_utc() - last);
        Gap {
            name: self.name.to_owned(),
            tries: seen.renewals,
            failures: 0,
            longest_s: seen.longest.max(since).as_seconds_f64(),
            first_s: None,
            first_failure: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LeaseTrack, Seen};

    #[test]
    fn the_time_between_renewals_is_measured_across_holders_and_what_was_given_back() {
        let track = LeaseTrack { name: "lease x", seen: std::sync::Arc::default() };
        let note = |holder: &str, time: &str| {
            track.note(&json!({"spec": {"holderIdentity": holder, "renewTime": time}}));
        };
        note("a", "2026-11-24T20:45:00.5Z");
        note("a", "2026-11-24T20:45:02.5Z");
        note("", "2026-11-24T20:45:03.5Z");
        note("b", "2026-11-24T20:45:06.9Z");
        note("b", "2026-11-24T20:45:06.9Z");
        let Seen { renewals, longest, .. } = &*track.seen();
        assert_eq!((*renewals, longest.as_seconds_f64()), (3, 4.4));
    }
}
