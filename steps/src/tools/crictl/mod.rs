//! crictl: looking at containers and stopping them.
//!
//! Facts (fixtures `healthy/crictl-*`, `crictl-stop`): `stop` exits 0 for an unknown id and for an exited container,
//! so only `inspect` proves anything; a timeout is not a failure, the runtime may finish the stop later; `--name` is a
//! regular expression, so names are compared here, exactly. `--timeout` is the deadline of the RPC (2 s by default),
//! `stop --timeout` the grace before SIGKILL (0 by default: immediate).

mod containers;

mod failure;

mod inspection;

use std::time::Duration;

use certwright_engine::host::Command;

pub use containers::{
    Container, ContainerState, Sandbox, latest, parse_containers, parse_sandboxes, running, select,
};
pub use failure::{Failure, classify, step_error};
pub use inspection::{Inspection, parse_inspection};

/// Added to the grace of a stop for the deadline of its RPC: the runtime needs time of its own.
pub const STOP_MARGIN: Duration = Duration::from_secs(30);

/// crictl with a runtime endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crictl {
    /// `unix:///run/containerd/containerd.sock`; None leaves it to crictl's own configuration.
    pub endpoint: Option<String>,
}

/// Which containers `ps` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that run.
    Running,
    /// Exited ones too (`-a`).
    All,
}

impl Crictl {
    /// crictl asking the runtime at `endpoint`.
    pub fn new(endpoint: Option<String>) -> Self {
        Self { endpoint }
    }

    /// `crictl --timeout 10s version`: whether the runtime answers.
    pub fn version(&self) -> Command {
        self.reads(&["version"])
    }

    /// `crictl --timeout 10s ps [-a] -o json`.
    pub fn ps(&self, which: Which) -> Command {
        match which {
            Which::Running => self.reads(&["ps", "-o", "json"]),
            Which::All => self.reads(&["ps", "-a", "-o", "json"]),
        }
    }

    /// `crictl --timeout 10s pods -o json`.
    pub fn pods(&self) -> Command {
        self.reads(&["pods", "-o", "json"])
    }

    /// `crictl --timeout 10s inspect ID`.
    pub fn inspect(&self, id: &str) -> Command {
        self.reads(&["inspect", checked(id)])
    }

    /// `crictl --timeout 10s logs --tail N ID`; the container's streams come on stdout and stderr.
    pub fn logs(&self, id: &str, tail: u32) -> Command {
        self.reads(&["logs", "--tail", &tail.to_string(), checked(id)])
    }

    /// `crictl --timeout 10s exec -s ID PROGRAM ARGS...`: a program of the container's own that only looks.
    pub fn exec(&self, id: &str, words: impl IntoIterator<Item = String>) -> Command {
        let mut command = self.reads(&["exec", "-s", checked(id)]);
        command.argv.extend(words);
        command
    }

    /// `crictl --timeout T stop --timeout GRACE ID`, T being the grace and [`STOP_MARGIN`]; grace in whole seconds,
    /// rounded up.
    pub fn stop(&self, id: &str, grace: Duration) -> Command {
        let (rpc, grace) = deadlines(grace);
        self.mutates(rpc, &["stop", "--timeout", &grace.to_string(), checked(id)])
    }

    /// `crictl --timeout T stopp ID`: stops a pod sandbox and all in it.
    pub fn stopp(&self, id: &str) -> Command {
        let (rpc, _) = deadlines(Duration::from_secs(30));
        self.mutates(rpc, &["stopp", checked(id)])
    }

    fn reads(&self, words: &[&str]) -> Command {
        Command::reads(self.argv(Duration::from_secs(10), words))
    }

    fn mutates(&self, rpc: Duration, words: &[&str]) -> Command {
        // Our own clock is the last of the three to end the call.
        Command::mutates(self.argv(rpc, words)).deadline(rpc + Duration::from_secs(30))
    }

    fn argv(&self, rpc: Duration, words: &[&str]) -> Vec<String> {
        let mut argv = vec!["crictl".to_owned()];
        if let Some(endpoint) = &self.endpoint {
            argv.extend(["--runtime-endpoint".to_owned(), endpoint.clone()]);
        }
        argv.extend(["--timeout".to_owned(), format!("{}s", rpc.as_secs())]);
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv
    }
}

/// The RPC deadline and the grace in whole seconds.
fn deadlines(grace: Duration) -> (Duration, u64) {
    let grace = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    (Duration::from_secs(grace) + STOP_MARGIN, grace)
}

/// The id of a container or sandbox.
///
/// # Panics
/// When it is not hex digits and the like: the parsers let no other id through, so this is a bug.
fn checked(id: &str) -> &str {
    assert!(is_id(id), "`{}` is no container id", id.escape_debug());
    id
}

/// True for what runtimes use as ids; never an option, never empty.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
