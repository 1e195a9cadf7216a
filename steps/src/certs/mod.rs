//! Every certificate of a cluster as rows, and what is to be said of them as findings.
//!
//! Invariant: looks only. A row is one certificate at one place; where it is looked for stands in the node's own
//! configuration ([`crate::tools::wanted`]). Findings are pure functions over the rows of all hosts. Deliberately
//! absent: text for people but for the one line of a finding, and any certificate that no kubeadm node has.

mod row;

mod place;

mod chain;

mod contents;

mod passed_over;

mod node;

mod look;

mod running;

mod workstation;

mod kubeconfigs;

mod finding;

mod judge;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod recorded;

pub use finding::{Finding, IDS, Severity, Subject};
pub use judge::{Wanted, judge};
pub use kubeconfigs::{Compared, compared};
pub use look::{Ask, look, tree, tree_with};
pub use node::{Error, Report};
pub use row::{Key, Kind, Row, Running, Served, State, residual};
pub use workstation::{Kubeconfigs, workstation};
