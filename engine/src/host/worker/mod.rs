//! The worker: one constant sh program that serves many commands over one set of pipes, and who speaks with it.
//!
//! ```text
//!   Client (claim, fence) -> Caller (one retry) -> Pool -> Worker (one request at a time) -> Pipes <- Connect (ssh, local, tests)
//! ```
//!
//! Invariants: a request that arrives cut starts nothing; a result is known only by final marks with the nonce of
//! its request; a mutating command starts only under the host's lock and only while the owner file holds the
//! client's own token, so that what arrives late on a line that everybody gave up starts nothing. A worker whose
//! request ended without final marks is never used again.
//!
//! Deliberately absent: more than one request in flight on a worker, and locks that are held between requests.

mod quote;

mod frame;

mod stream;

mod line;

mod serve;

mod pool;

mod owner;

mod hold;

mod caller;

mod client;

mod needs;

pub use client::Client;
pub use frame::{Job, Limit, NODE_BASE, PROGRAM};
pub use line::{Connect, Ended, Line, OpenError, Pipes};
pub use needs::NEEDS;
pub use owner::{Claim, Owner};
pub use serve::{Answer, Lost, Worker};
pub use stream::Nonce;

pub(super) use frame::whole_secs;

#[cfg(test)]
mod tests;
