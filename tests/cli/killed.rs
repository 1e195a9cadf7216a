//! `kill -9` of a rehearsal at every write of its journal, then `certwright resume`: the same end, and nothing
//! repeated that a probe shows as done.
//!
//! The kill comes from strace, at the entry of the n-th system call: `fdatasync` is where the records of a batch
//! are written and not yet acknowledged, `pwrite64` where what they tell has happened and is not yet written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec};
use serde_json::Value;

use crate::openssl;
use crate::program::Place;

type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn killed_where_a_batch_is_written_and_not_acknowledged() {
    kill_at_every("fdatasync");
}

#[test]
fn killed_where_a_batch_has_happened_and_is_not_written() {
    kill_at_every("pwrite64");
}

fn kill_at_every(call: &str) {
    let place = Place::new();
    drop(Lab::create(place.path("new"), &LabSpec::default(), &Clock::real()).expect("a lab"));
    let untouched = certificates(&place.path("new"));
    let mut kills = 0;
    for n in 1.. {
        for name in ["lab", "home/.local"] {
            drop(fs::remove_dir_all(place.path(name)));
        }
        let copied = place.under("cp", "-a new lab").status().expect("cp starts");
        assert!(copied.success());
        if !killed(&place, call, n) {
            break;
        }
        kills += 1;
        let at_death = certificates(&place.path("lab"));
        goes_on(&place, &format!("killed at {call} {n}"));
        for (file, bytes) in &at_death {
            if untouched.get(file) != Some(bytes) {
                let now = fs::read(file).unwrap_or_default();
                assert_eq!(&now, bytes, "killed at {call} {n}: {file} was renewed, and again by the resume");
            }
        }
        if n % 10 == 0 {
            assert!(openssl::check_nodes(&place.path("lab"), openssl::Expected::Valid) > 0);
        }
    }
    println!("{kills} kills at {call}, each resumed to the same end");
    assert!(kills >= 30, "{kills}: the rehearsal has fewer writes than it should");
}

/// Runs a rehearsal that dies at the n-th of these calls; false when it came to its end without it.
fn killed(place: &Place, call: &str, n: u32) -> bool {
    let program = env!("CARGO_BIN_EXE_certwright");
    let args = format!(
        "-f -qq -o trace -e trace={call} -e inject={call}:signal=KILL:when={n} \
         {program} rehearse --lab lab --fault deadline-exceeded@cp-2"
    );
    let output = place.under("strace", &args).output().expect("strace is installed (tests/run does it)");
    match (output.status.signal(), output.status.code()) {
        (Some(9), _) => true,
        (None, Some(0)) => false,
        other => panic!("{call} {n}: {other:?}\n{}", String::from_utf8_lossy(&output.stdout)),
    }
}

/// Resumes what is there, or begins where nothing is, and checks the end.
pub(crate) fn goes_on(place: &Place, when: &str) {
    let runs = place.run("runs --output json").exits(0).json();
    let begun = !runs[0]["runs"].as_array().unwrap().is_empty();
    if !begun {
        let summary = last(place.run("rehearse --lab lab --output json").exits(0).json());
        assert_eq!(summary["outcome"], "changed", "{when}");
        return;
    }
    let shown = place.run("show --output json").exits(0).json();
    let done: Vec<String> = tasks(&shown[0]["run"])
        .filter(|task| ["changed", "unchanged"].contains(&task["state"].as_str().unwrap()))
        .map(|task| task["task"].as_str().unwrap().to_owned())
        .collect();
    if shown[0]["run"]["outcome"] == "changed" {
        return;
    }
    let resumed = place.run("resume --output json").exits(0).json();
    let names: Vec<Value> = tasks(&last(resumed.clone())).map(|task| task["task"].clone()).collect();
    for object in &resumed {
        let started = &object["record"]["body"]["step-started"]["task"];
        if let Some(id) = started.as_u64() {
            let name = names[usize::try_from(id).unwrap()].as_str().unwrap();
            assert!(!done.iter().any(|task| task == name), "{when}: {name} was done and is begun again");
        }
    }
    let summary = last(resumed);
    assert_eq!(summary["outcome"], "changed", "{when}");
    for task in tasks(&summary) {
        assert!(["changed", "unchanged"].contains(&task["state"].as_str().unwrap()), "{when}: {task}");
    }
    let renewed = summary["certificates"].as_array().unwrap();
    let renewed = renewed.iter().filter(|c| c["after_ms"].as_u64() > c["before_ms"].as_u64()).count();
    assert!(renewed <= 32 && summary["resumable"] == false, "{when}: {renewed} renewed");
}

fn tasks(run: &Value) -> impl Iterator<Item = &Value> {
    run["tasks"].as_array().expect("a run has tasks").iter()
}

fn last(objects: Vec<Value>) -> Value {
    objects.into_iter().next_back().expect("a run says something")
}

/// The files of every node that a renewal writes.
pub(crate) fn certificates(lab: &Path) -> Files {
    let mut files = Files::new();
    for node in ["cp-1", "cp-2", "cp-3"] {
        let base = lab.join(node).join("etc/kubernetes");
        for folder in [base.clone(), base.join("pki"), base.join("pki/etcd")] {
            for entry in fs::read_dir(folder).expect("a node's folder").flatten() {
                let path = entry.path();
                if path.is_file() {
                    let name = path.display().to_string().replace("/new/", "/lab/");
                    files.insert(name, fs::read(&path).expect("a node's file"));
                }
            }
        }
    }
    files
}
