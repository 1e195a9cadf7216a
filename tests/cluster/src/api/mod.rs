//! kube-apiserver: the verbs that kubectl, kubelets and controllers need here, on a real etcd.
//!
//! Invariant: it holds no state of its own; what it says is what etcd's quorum says. Absent: protobuf (but for
//! approvals), OpenAPI, admission,
//! server-side apply, every kind that nothing here asks for.

mod flags;

mod server;

mod serving;

mod route;

mod path;

mod caller;

mod kinds;

mod verbs;

mod filter;

mod patch;

mod protobuf;

mod follow;

mod answer;

mod columns;

mod discovery;

mod health;

mod bootstrap;

mod store;

mod etcd;

use std::process::ExitCode;

use crate::wire::klog::{self, Level};
pub(crate) use discovery::VERSION;
use flags::Flags;

/// Runs with the arguments after the name.
pub fn main(args: &[String]) -> ExitCode {
    let fails = |why: &str| {
        klog::say(Level::Error, "run.go:72", &format!("\"command failed\" err={why:?}"));
        ExitCode::FAILURE
    };
    let flags = match Flags::read(args) {
        Ok(flags) => flags,
        Err(error) => return fails(&error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fails(&error.to_string()),
    };
    match runtime.block_on(server::run(flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fails(&error.to_string()),
    }
}
