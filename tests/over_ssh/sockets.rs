//! A run of which one call on the control socket of its ssh is struck: the process dies in it, or the call fails for a broken
//! connection. The run goes on by itself, or a resume does, to the same final state with nothing done twice.
//!
//! By these calls certwright asks ssh for a channel to a node, hands it the ends of three pipes, and hears of its end. What
//! passes through the pipes is cut by other suites.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use crate::cluster::Cluster;
use crate::killed::{is_renewed, next, renewed_files, settle};

/// Calls on the socket.
const CALLS: [&str; 4] = ["connect", "writev", "sendmsg", "recvfrom"];
/// What happens to one: the process dies, or the connection is broken.
const KILL: &str = "signal=KILL";
const ERRORS: [&str; 2] = ["error=EIO", "error=ECONNRESET"];
/// Of each call so many are struck in the campaign, the first ones of a process: it makes a few connections to each node.
const DEEP: usize = 9;
/// Exit codes of `--help` with which such a run may end: done all the same, failed, refused before it began.
const ENDS: [i32; 3] = [0, 10, 14];

/// One call, and what happens to it.
#[derive(Debug, Clone, Copy)]
struct Point {
    call: &'static str,
    nth: usize,
    strike: &'static str,
}

/// What was met.
#[derive(Debug, Default)]
struct Met {
    fired: BTreeMap<(&'static str, &'static str), usize>,
    /// Exit codes of the processes that were struck; None: killed.
    ended: BTreeMap<Option<i32>, usize>,
    runs: usize,
}

impl Met {
    fn tried(&self) -> usize {
        self.fired.values().sum()
    }
}

#[test]
fn a_run_whose_calls_on_the_control_sockets_are_struck_ends_renewed_with_nothing_done_twice() {
    let cluster = Cluster::expired();
    let mut met = Met::default();
    for (at, call) in CALLS.into_iter().enumerate() {
        // The look before the run makes three connections.
        strike(&cluster, &[Point { call, nth: 3 + at, strike: KILL }], &mut met);
    }
    let broken = |(at, call)| Point { call, nth: 2 + at, strike: ERRORS[at % 2] };
    strike(&cluster, &CALLS.into_iter().enumerate().map(broken).collect::<Vec<_>>(), &mut met);
    to_the_end(&cluster, &mut met);
    println!("over ssh: control sockets, {} strikes: {met:?}", met.tried());
    // One may fall on the same call of another connection.
    assert!(
        met.tried() >= 6 && CALLS.iter().all(|call| met.fired.keys().any(|(own, _)| own == call)),
        "{met:?}"
    );
}

#[test]
#[ignore = "a campaign of ten minutes: cargo nextest run --test over_ssh --run-ignored only every_call_on_a_control_socket --no-capture"]
fn every_call_on_a_control_socket_that_is_struck_leaves_a_run_that_goes_on() {
    let cluster = Cluster::expired();
    cluster.keep();
    let mut met = Met::default();
    for nth in 1..=DEEP {
        let each = |strike| CALLS.map(|call| Point { call, nth, strike });
        for point in each(KILL) {
            anew(&cluster, &mut met);
            strike(&cluster, &[point], &mut met);
        }
        for error in ERRORS {
            anew(&cluster, &mut met);
            strike(&cluster, &each(error), &mut met);
        }
        println!("{nth}: {met:?}");
    }
    to_the_end(&cluster, &mut met);
    println!("over ssh: control sockets, {} strikes: {met:?}", met.tried());
    // What one error breaks leaves the calls behind it out.
    assert!(met.tried() >= DEEP * CALLS.len(), "{met:?}");
}

/// Puts everything back where the run has ended.
fn anew(cluster: &Cluster, met: &mut Met) {
    if next(cluster).is_none() {
        to_the_end(cluster, met);
        cluster.restore();
    }
}

/// Begins or resumes the run, and strikes these calls of it.
fn strike(cluster: &Cluster, points: &[Point], met: &mut Met) {
    let Some(args) = next(cluster) else { return };
    let trace = cluster.path("trace");
    let calls: Vec<&str> = points.iter().map(|point| point.call).collect();
    let mut strace: Vec<String> = ["-qq", "-yy", "-e", "signal=none", "-o"].map(str::to_owned).to_vec();
    strace.extend([trace.display().to_string(), "-e".to_owned(), format!("trace={}", calls.join(","))]);
    for Point { call, nth, strike } in points {
        strace.extend(["-e".to_owned(), format!("inject={call}:{strike}:when={nth}")]);
    }
    strace.push(env!("CARGO_BIN_EXE_certwright").to_owned());
    let strace: Vec<&str> = strace.iter().map(String::as_str).collect();
    let before = renewed_files(cluster);
    let output = cluster.under(Path::new("strace"), &strace, args).output().expect("strace is installed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let killed = output.status.signal() == Some(9);
    let text = fs::read(&trace).expect("strace wrote");
    let text = String::from_utf8_lossy(&text);
    for Point { call, strike, .. } in points {
        let mut own = text.lines().filter(|line| line.starts_with(&format!("{call}(")));
        let line = if *strike == KILL {
            own.next_back().filter(|_| killed)
        } else {
            own.find(|line| line.ends_with("(INJECTED)"))
        };
        // The same call on another connection is none of these.
        if line.is_some_and(|line| line.contains("UNIX")) {
            *met.fired.entry((*call, *strike)).or_default() += 1;
        }
    }
    *met.ended.entry(output.status.code()).or_default() += 1;
    match output.status.code() {
        Some(code) => {
            assert!(ENDS.contains(&code) && !said.contains("panicked"), "{points:?}: {code}\n{said}");
        }
        None => assert!(killed && points[0].strike == KILL, "{points:?}: {}\n{said}", output.status),
    }
    settle(cluster);
    unchanged(&before, points);
}

/// Goes on until nothing is left to do.
fn to_the_end(cluster: &Cluster, met: &mut Met) {
    let before = renewed_files(cluster);
    if let Some(args) = next(cluster) {
        let ran = cluster.run(args);
        assert_eq!(ran.code, Some(0), "{}", ran.whole());
    }
    unchanged(&before, "the end");
    is_renewed(cluster);
    met.runs += 1;
}

/// What was renewed before is the same now.
fn unchanged(before: &BTreeMap<String, Vec<u8>>, when: impl std::fmt::Debug) {
    for (file, bytes) in before {
        assert_eq!(fs::read(file).ok().as_ref(), Some(bytes), "{when:?}: {file} was renewed twice");
    }
}
