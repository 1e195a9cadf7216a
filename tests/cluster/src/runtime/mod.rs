//! The container runtime of a host: containers are processes of the host, images are programs.
//!
//! One process owns them all and answers over the socket where containerd has its own, so that a frozen runtime
//! (SIGSTOP) is a runtime that meets no deadline. Invariant: a container that the runtime calls exited has been waited
//! for. Absent: images, pod networks, cgroups, a memory of its own (when it ends, its containers end).

mod call;
mod command;
mod crictl;
mod exec;
mod log;
mod serve;
mod store;

use std::process::ExitCode;

pub use call::{Answer, Ask, CallError, Container, ENDPOINT, Listing, Sandbox, Start, ask};

/// The runtime: runs with the arguments after the name.
pub fn main(args: &[String]) -> ExitCode {
    serve::main(args)
}

/// A container that does nothing, until it is ended.
pub fn idle() -> ExitCode {
    loop {
        std::thread::park();
    }
}

/// crictl: runs with the arguments after the name.
pub fn crictl(args: &[String]) -> ExitCode {
    crictl::main(args)
}
