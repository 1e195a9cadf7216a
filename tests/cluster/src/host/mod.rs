//! A cluster: three control-plane hosts and a workstation, each in namespaces of its own.
//!
//! ```text
//! workstation: bridge br0, 10.200.0.254 and the load balancer's 10.200.0.1
//!     ├── veth ── cp-1 10.200.0.2
//!     ├── veth ── cp-2 10.200.0.3
//!     └── veth ── cp-3 10.200.0.4
//! ```
//!
//! Each has its own network, mounts, processes and name; nothing of it is in the machine's own network, so several
//! clusters with the same addresses live side by side. Invariant: everything ends with the process that started it.

mod cluster;
mod files;
mod machine;
mod network;
mod objects;
mod seed;
mod spec;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

pub use cluster::{Cluster, Programs, Said};
pub use files::OURS;
pub use machine::Machine;
pub use spec::{Balancing, SecretIs, Spec};

/// Why a cluster does not come up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The files of its nodes cannot be made.
    #[error("make the cluster's files")]
    Lab(#[from] certwright_steps::lab::LabError),
    /// A file.
    #[error("{action} `{}`", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program of the machine cannot be run.
    #[error("run {program}: {remedy}", remedy = "tests/run installs what is needed")]
    Program {
        /// Which.
        program: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{command}: {said}")]
    Failed {
        /// What was run.
        command: String,
        /// What it said.
        said: String,
    },
    /// Something did not happen in time.
    #[error("{host}: {what} did not happen within {seconds} s: {said}")]
    Late {
        /// Where.
        host: String,
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// What is known.
        said: String,
    },
}

impl HostError {
    fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// Starts a cluster for exploring: runs with the arguments after the name.
pub fn up(args: &[String]) -> ExitCode {
    up::main(args)
}
