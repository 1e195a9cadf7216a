//! Leader election by a Lease, with the times of the real ones.
//!
//! ```text
//! waiting ──free, or not renewed for 15 s as seen from here──> leading ──10 s without a renewal──> lost
//! ```
//!
//! Invariant: whose lease it is, is judged by how long ago this process saw it change, never by the times in it: so the
//! lease of a holder that was killed is taken over no sooner than 15 s after.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::program::Role;
use crate::wire::client::{AskError, Client};
use crate::wire::klog::{self, Level};
use crate::wire::{moment, random};

/// How long a lease holds without a renewal.
const DURATION: Duration = Duration::from_secs(15);

/// How long the holder tries to renew before it gives up.
const DEADLINE: Duration = Duration::from_secs(10);

/// From one try to the next.
const RETRY: Duration = Duration::from_secs(2);

/// The lease is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

/// Whether a try got or kept the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Holds,
    Waits,
}

/// One that wants to lead.
pub(super) struct Candidate {
    role: Role,
    client: Client,
    identity: String,
    /// The lease as it was seen last, and when it was first seen so.
    seen: Option<(Value, Instant)>,
}

impl Candidate {
    pub(super) fn new(role: Role, client: Client) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let identity = format!("{}_{}", host.trim(), random::uid());
        Self { role, client: client.within(Duration::from_secs(5)), identity, seen: None }
    }

    /// Waits until the lease is this candidate's.
    pub(super) async fn acquire(&mut self) {
        self.say(Level::Info, "leaderelection.go:258", "\"Attempting to acquire leader lease...\"");
        while self.attempt().await == Tried::Waits {
            tokio::time::sleep(RETRY).await;
        }
        self.say(Level::Info, "leaderelection.go:272", "\"Successfully acquired lease\"");
    }

    /// Renews the lease until that fails for too long.
    pub(super) async fn keep(&mut self) -> Lost {
        loop {
            tokio::time::sleep(RETRY).await;
            let renewed = async {
                while self.attempt().await == Tried::Waits {
                    tokio::time::sleep(RETRY).await;
                }
            };
            if tokio::time::timeout(DEADLINE, renewed).await.is_err() {
                let text = "\"Failed to renew lease\" err=\"context deadline exceeded\"";
                self.say(Level::Info, "leaderelection.go:297", text);
                return Lost;
            }
        }
    }

    /// Gives the lease back, so that the next candidate need not wait. It is read once more first, as client-go does it: a
    /// renewal that was under way when the end came may have changed it.
    pub(super) async fn release(&mut self) {
        let mut lease = match self.client.get(&self.path()).await {
            Ok(lease) => lease,
            Err(error) => {
                let text = format!("\"Error retrieving lease lock\" err={:?}", error.to_string());
                return self.say(Level::Error, "leaderelection.go:314", &text);
            }
        };
        if lease["spec"]["holderIdentity"] != *self.identity {
            return;
        }
        lease["spec"]["holderIdentity"] = "".into();
        lease["spec"]["leaseDurationSeconds"] = 1.into();
        lease["spec"]["renewTime"] = moment::micros().into();
        let path = self.path();
        match self.client.put(&path, &lease).await {
            Ok(_) => self.say(Level::Info, "leaderelection.go:322", "\"Released lease\""),
            Err(error) => {
                let text = format!("\"Failed to release lease\" err={:?}", error.to_string());
                self.say(Level::Error, "leaderelection.go:318", &text);
            }
        }
    }

    fn path(&self) -> String {
        format!("{LEASES}/{}", self.role.name())
    }

    async fn attempt(&mut self) -> Tried {
        match self.read_and_write().await {
            Ok(tried) => tried,
            Err((what, error)) => {
                let text = format!("\"Error {what} lease lock\" err={:?}", error.to_string());
                self.say(Level::Error, "leaderelection.go:461", &text);
                Tried::Waits
            }
        }
    }

    async fn read_and_write(&mut self) -> Result<Tried, (&'static str, AskError)> {
        let path = self.path();
        let asked = format!("{path}?timeout=5s");
        let old = match self.client.get(&asked).await {
            Ok(lease) => lease,
            Err(error) if error.code().is_some_and(|code| code.as_u16() == 404) => {
                let new = json!({
                    "metadata": {"name": self.role.name()},
                    "spec": self.spec(&moment::micros(), 0),
                });
                let made = self.client.post(LEASES, &new).await.map_err(|error| ("creating", error))?;
                self.saw(made);
                return Ok(Tried::Holds);
            }
            Err(error) => return Err(("retrieving", error)),
        };
        let holder = old["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
        let mine = holder == self.identity;
        let since = self.saw(old.clone());
        if !mine && !holder.is_empty() && since.elapsed() < DURATION {
            return Ok(Tried::Waits);
        }
        let transitions = old["spec"]["leaseTransitions"].as_u64().unwrap_or(0);
        let mut new = old.clone();
        new["spec"] = if mine {
            self.spec(old["spec"]["acquireTime"].as_str().unwrap_or_default(), transitions)
        } else {
            self.spec(&moment::micros(), transitions + 1)
        };
        // Written over what was read: two candidates cannot both succeed.
        let written = self.client.put(&format!("{path}?timeout=5s"), &new).await;
        self.saw(written.map_err(|error| ("updating", error))?);
        Ok(Tried::Holds)
    }

    fn spec(&self, acquired: &str, transitions: u64) -> Value {
        json!({
            "acquireTime": acquired,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION.as_secs(),
            "leaseTransitions": transitions,
            "renewTime": moment::micros(),
        })
    }

    /// Notes what a lease is; since when it has been seen so.
    fn saw(&mut self, lease: Value) -> Instant {
        match &self.seen {
            Some((seen, since)) if seen["spec"] == lease["spec"] => *since,
            Some(_) | None => {
                let now = Instant::now();
                self.seen = Some((lease, now));
                now
            }
        }
    }

    fn say(&self, level: Level, place: &str, text: &str) {
        klog::say(level, place, &format!("{text} lock=\"kube-system/{}\"", self.role.name()));
    }
}

/// Where the leases are.
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
