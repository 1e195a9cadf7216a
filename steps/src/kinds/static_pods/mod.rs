//! Restarting static pods, for the kinds that must: looking, stopping and waiting for the new container.
//!
//! Invariant: a container is stopped only when it is older than a file it reads or serves another certificate
//! than its file's; a fresh one never is, however often this is called, and none that etcd's quorum hangs on. The
//! kubelet starts the new one.
//! Deliberately absent: the order among nodes (the plan's), and deleting mirror pods (it restarts nothing).

mod look;

mod health;

mod files;

mod restart;

mod answers;

mod rungs;

mod patience;

mod gate;

mod quorum;

mod prospect;

mod leader;

pub(crate) use files::ports;
pub(super) use gate::Gate;
pub(super) use look::{Look, Restarts, State, Written, look};
pub(super) use quorum::outage;
pub(super) use restart::{Proof, Restart};
