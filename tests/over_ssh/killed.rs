//! `kill -9` of certwright while it writes its journal, over ssh, then `resume`: the same final state, nothing done twice.
//!
//! strace delivers the signal as the process enters its k-th fdatasync: all it decided in that turn is lost or durable, and
//! whatever it had started on the nodes goes on without it.

#![expect(clippy::disallowed_methods, reason = "tests start strace and flock themselves")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::cluster::Cluster;
use crate::openssl::{self, Expected};

pub(crate) const RUN: &str = "run renew-control-plane --inventory inventory.toml --yes=lab --output json";
const RESUME: &str = "resume --output json";

#[test]
fn a_run_whose_every_process_is_killed_at_its_third_to_fifth_sync_still_ends_renewed_with_nothing_done_twice()
{
    let cluster = Cluster::expired();
    let mut kills = 0;
    // Two nodes' probes may be a sync each: a run killed at its third one again and again would never act.
    while next(&cluster).is_some() && killed_at(&cluster, 3 + kills % 3) {
        kills += 1;
        assert!(kills < 500, "it makes no progress");
        settle(&cluster);
    }
    assert!(kills >= 10, "the run is longer than {kills} kills");
    is_renewed(&cluster);
    println!("over ssh: one run, {kills} kill points, each followed by a resume");
}

#[test]
#[ignore = "a campaign of a quarter of an hour: cargo nextest run --test over_ssh --run-ignored only every_sync --no-capture"]
fn a_run_killed_at_every_sync_in_turn_is_resumed_to_the_same_state() {
    let cluster = Cluster::expired();
    cluster.keep();
    let mut point = 1;
    loop {
        let killed = killed_at(&cluster, point);
        settle(&cluster);
        if let Some(next) = next(&cluster).filter(|_| killed) {
            let before = renewed_files(&cluster);
            let ran = cluster.run(next);
            assert_eq!(ran.code, Some(0), "killed at sync {point}: {}", ran.whole());
            for (file, bytes) in before {
                assert_eq!(
                    fs::read(&file).ok(),
                    Some(bytes),
                    "killed at sync {point}: {file} was renewed twice"
                );
            }
        }
        is_renewed(&cluster);
        if !killed {
            break;
        }
        cluster.restore();
        point += 1;
    }
    assert!(point > 40, "the run has more syncs than {point}");
    println!("over ssh: {} kill points, one run each", point - 1);
}

/// Starts or resumes the run and kills it as it enters its `sync`-th fdatasync; false when it ended before that.
fn killed_at(cluster: &Cluster, sync: u32) -> bool {
    let next = next(cluster).expect("something is left to do");
    let inject = format!("inject=fdatasync:signal=KILL:when={sync}");
    let strace =
        ["-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject, env!("CARGO_BIN_EXE_certwright")];
    let output = cluster.under(Path::new("strace"), &strace, next).output().expect("strace is installed");
    let killed = output.status.signal() == Some(9);
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        killed || output.status.success(),
        "{}\n{words}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    killed
}

/// What an operator types: the run, or, where its first record is durable, a resume; None when the run has ended.
pub(crate) fn next(cluster: &Cluster) -> Option<&'static str> {
    let runs = cluster.run("runs --output json");
    assert_eq!(runs.code, Some(0), "{}", runs.whole());
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).expect("one JSON document");
    match runs["runs"].as_array().expect("a list of runs").as_slice() {
        [] => Some(RUN),
        [run] if run["state"] == "changed" => None,
        [_open] => Some(RESUME),
        more => panic!("one run became {}", more.len()),
    }
}

/// Waits until nothing that certwright started runs on a node any more.
pub(crate) fn settle(cluster: &Cluster) {
    for node in cluster.nodes() {
        let lock = cluster.path("lab").join(&node).join("var/lib/certwright/lock");
        if lock.exists() {
            let status = Command::new("flock").args(["-w", "60"]).arg(&lock).arg("true").status();
            assert!(status.expect("flock is installed").success(), "{node} is still busy");
        }
    }
}

/// The files of nodes on which everything is renewed, with their content.
pub(crate) fn renewed_files(cluster: &Cluster) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for node in cluster.nodes() {
        let pki = cluster.path("lab").join(node).join("etc/kubernetes/pki");
        // kubeadm renews in the alphabet's order: with the last pki file renewed, all of them are.
        if openssl::lasts(&pki.join("front-proxy-client.crt")) {
            for name in ["apiserver.crt", "apiserver.key", "etcd/peer.crt", "front-proxy-client.crt"] {
                let file = pki.join(name);
                files.insert(file.display().to_string(), fs::read(&file).expect("a renewed file"));
            }
        }
    }
    files
}

pub(crate) fn is_renewed(cluster: &Cluster) {
    let checked = openssl::check_nodes(&cluster.path("lab"), Expected::Valid);
    assert!(checked >= 3 * 14, "openssl checked {checked} certificates");
    for (component, attempt) in cluster.attempts() {
        let restarted = u64::from(!component.contains("etcd-defrag"));
        assert!(attempt <= restarted, "{component} was stopped {attempt} times");
    }
}
