//! What a runtime has: sandboxes and containers, and the ids that nothing else has.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::call::{Container, Listing, Sandbox};
use crate::said::now_ms;

/// Everything it has, under one lock; whoever waits for an end is woken by it.
#[derive(Debug, Default)]
pub(super) struct Store {
    listing: Mutex<Listing>,
    ends: Condvar,
}

impl Store {
    /// Everything, to look at or to change.
    pub(super) fn lock(&self) -> MutexGuard<'_, Listing> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that a container has ended.
    pub(super) fn ended(&self, id: &str, status: i32) {
        let mut listing = self.lock();
        if let Some(container) = listing.containers.iter_mut().find(|c| c.id == id) {
            container.ended = Some((now_ms(), status));
        }
        drop(listing);
        self.ends.notify_all();
    }

    /// Waits until a container has ended; false when it has not in this time.
    pub(super) fn wait(&self, id: &str, within: Duration) -> bool {
        let runs = |listing: &mut Listing| listing.containers.iter().any(|c| c.id == id && c.ended.is_none());
        let waited = self.ends.wait_timeout_while(self.lock(), within, runs);
        let (_listing, result) = waited.unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }
}

impl Listing {
    /// The container with this id, or the only one whose id begins so.
    pub fn container(&self, id: &str) -> Option<&Container> {
        self.containers.iter().find(|c| !id.is_empty() && c.id.starts_with(id))
    }

    /// The sandbox with this id, or the only one whose id begins so.
    pub fn sandbox(&self, id: &str) -> Option<&Sandbox> {
        self.sandboxes.iter().find(|s| !id.is_empty() && s.id.starts_with(id))
    }
}

/// 64 hex digits that nothing else has.
pub(super) fn id() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(certwright_steps::pki::Digest::of(&bytes).to_string())
}
