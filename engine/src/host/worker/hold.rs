//! What this process knows of its claim on a host.
//!
//! Invariant: a claim that was ours is only ever taken over from its own line. So one that somebody removed meanwhile
//! is noticed, whatever became of the commands before, and is not taken again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::owner::Owner;

/// How a claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not claimed by this process yet.
    None,
    /// Ours, by this line.
    Held(Owner),
    /// Ours by this line, but something of ours may come late: it is taken over before anything else is done.
    Lapsed(Owner),
    /// Somebody gave it up.
    GivenUp,
}

/// The claim.
pub(super) struct Hold(Mutex<Standing>);

impl Hold {
    /// Not claimed yet.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Standing::None))
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        self.slot().clone()
    }

    /// It stands so now.
    pub(super) fn set(&self, standing: Standing) {
        *self.slot() = standing;
    }

    fn slot(&self) -> MutexGuard<'_, Standing> {
        // Nothing that can panic is done under it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim with a command under way: lapses when this is dropped, unless it [stays](Kept::stays).
pub(super) struct Kept<'h> {
    /// The claim.
    pub(super) hold: &'h Hold,
    /// The line that the command was sent with.
    pub(super) owner: &'h Owner,
}

impl Kept<'_> {
    /// The command has a result, or was certainly not started.
    pub(super) fn stays(self) {
        std::mem::forget(self);
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let mut standing = self.hold.slot();
        match &*standing {
            Standing::Held(owner) if owner == self.owner => *standing = Standing::Lapsed(owner.clone()),
            Standing::None | Standing::Held(_) | Standing::Lapsed(_) | Standing::GivenUp => {}
        }
    }
}
