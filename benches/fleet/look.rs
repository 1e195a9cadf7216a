//! Looks of `certwright certs`: whole, or the benchmark fails.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::costs::timed;

/// Between two looks of a watch.
const PAUSE: Duration = Duration::from_secs(1);

/// The arguments of a watch.
pub(crate) const WATCH: &str = "--watch=1s";

/// The second look of a watch.
pub(crate) struct Kept {
    /// From the end of the pause to the answer of the last node, ms.
    pub(crate) wall_ms: f64,
    /// Most memory that the process held (VmHWM), KiB.
    pub(crate) peak_kib: u32,
}

/// Fails unless one document tells of so many nodes, each with its certificates.
pub(crate) fn check(document: &str, nodes: u32) {
    let json: serde_json::Value = serde_json::from_str(document).expect("one JSON document");
    let hosts = json["hosts"].as_array().expect("hosts");
    assert_eq!(hosts.len(), usize::try_from(nodes).expect("few"), "each node is told");
    for host in hosts {
        assert!(host["error"].is_null(), "{}", host["error"]);
        assert_eq!(host["certificates"].as_array().map(Vec::len), Some(17), "{}", host["host"]);
    }
}

/// Runs a watch until its second look.
pub(crate) fn kept(command: &mut Command, nodes: u32) -> Kept {
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("certwright starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || {
        let (took, line) = timed(|| lines.next().expect("a look").expect("UTF-8"));
        check(&line, nodes);
        took
    };
    let _cold = next();
    let second = next().saturating_sub(PAUSE);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    let peak_kib = peak.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number");
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a child has an id");
    kill_process(pid, Signal::INT).expect("it runs");
    child.wait().expect("it ends");
    Kept { wall_ms: second.as_secs_f64() * 1e3, peak_kib }
}
