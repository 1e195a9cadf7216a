//! What the kubeconfigs of one cluster are to each other: the workstation's, the secret's, those of the nodes.
//!
//! Invariant: one comparison and one set of words. `certs` tells with it what is the same, what differs and which is newer;
//! `replace-kubeconfig` takes by it what is the first of use. Pure: what they hold is handed in, and whether one works is
//! asked by who can. Deliberately absent: reading, and whom to ask.

mod source;

mod held;

mod judged;

#[cfg(test)]
mod tests;

pub use held::{Difference, Held, Unfit};
pub use judged::{Judged, Newer, Reference, order};
pub use source::Source;

pub(crate) use held::normal as normal_server;
