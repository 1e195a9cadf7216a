//! kube-controller-manager and kube-scheduler, as far as leases and the procedure know them.
//!
//! Invariant: each reads its kubeconfig once, at its start, and keeps what it read until it ends; one that loses its lease
//! ends. Absent: scheduling, and every controller but those that a renewal has to do with.

mod program;

mod lease;

mod health;

mod manager;

mod daemonsets;

mod requests;

mod nodes;

mod secrets;

pub(crate) mod signer;

use std::process::ExitCode;

use program::Role;

/// Runs with the arguments after the name.
pub fn manager(args: &[String]) -> ExitCode {
    program::main(Role::Manager, args)
}

/// Runs with the arguments after the name.
pub fn scheduler(args: &[String]) -> ExitCode {
    program::main(Role::Scheduler, args)
}
