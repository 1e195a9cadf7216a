//! A member of etcd that dies between the restarts of two nodes: the run stops before the next etcd does, and goes on to its
//! end once the member is back.
//!
//! The plan has a gate behind its restarts, closed on the first node: there the run stops, and the member dies.

use std::collections::BTreeMap;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};
use serde_json::Value;

use crate::openssl::{self, Expected};
use crate::program::{Place, Ran};

const PLAN: &str = include_str!("../../plans/renew-control-plane.toml");
const GATE: &str = "\n[[stage.step]]\nid = \"gate\"\nkind = \"command\"\n\
                    with.argv = [\"readlink\", \"-f\", \"--\", \"/gates/restart/x\"]\nwith.creates = \"/gates/restart\"\n";

/// The shipped plan with a gate behind its restarts.
fn gated() -> String {
    let (before, behind) = PLAN.split_once("kind = \"restart-static-pods\"").expect("it restarts");
    let (step, rest) = behind.split_once("\n\n").expect("more follows");
    format!("{before}kind = \"restart-static-pods\"{step}\n{GATE}\n{rest}")
}

/// A program of a node of the lab.
fn typed(place: &Place, node: &str, words: &str) -> String {
    let mut program = place.under(env!("CARGO_BIN_EXE_certwright-lab"), words);
    program.env("CERTWRIGHT_LAB_DIR", place.path("lab")).env("CERTWRIGHT_LAB_NODE", node);
    let output = program.output().expect("the lab's programs start");
    assert!(output.status.success(), "{node}: {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The running containers of a node, by name.
fn containers(place: &Place, node: &str) -> BTreeMap<String, String> {
    let list: Value = serde_json::from_str(&typed(place, node, "crictl ps -o json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let all = list["containers"].as_array().expect("containers").iter();
    all.map(|container| (text(&container["metadata"]["name"]), text(&container["id"]))).collect()
}

/// The tasks of the last run that failed, and why.
fn failed(ran: &Ran) -> Vec<(String, String)> {
    let end = ran.json().pop().expect("a summary");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tasks = end["tasks"].as_array().expect("tasks").iter();
    let failed = tasks.filter(|task| task["state"] == "failed");
    failed.map(|task| (text(&task["task"]), text(&task["error"]["message"]))).collect()
}

#[test]
fn a_member_that_dies_between_two_restarts_stops_the_run_before_the_next_one_until_it_is_back() {
    let place = Place::new();
    let spec = LabSpec::default().certificates(Validity::Expiring);
    let lab = Lab::create(place.path("lab"), &spec, &Clock::real()).expect("a lab");
    place.write("gated.toml", gated());
    let ran = place.run("rehearse gated.toml --lab lab --fault none --output json").exits(10);
    assert_eq!(failed(&ran)[0].0, "restart/gate@cp-1");
    for node in ["cp-1", "cp-2", "cp-3"] {
        place.write(&format!("lab/{node}/gates/restart"), "open");
    }
    lab.inject("container-stays-down=etcd@cp-3".parse().expect("a fault")).expect("a fault of this lab");
    let etcd = containers(&place, "cp-3").remove("etcd").expect("it runs");
    typed(&place, "cp-3", &format!("crictl --timeout 30s stop --timeout 0 {etcd}"));
    assert_eq!(lab.faults_fired().expect("the lab's memory").len(), 1, "it stays down");
    let (first, second) = (containers(&place, "cp-1"), containers(&place, "cp-2"));

    let stopped = place.run("resume --output json").exits(10);
    let (task, why) = failed(&stopped).remove(0);
    assert_eq!(task, "restart/static-pods@cp-2");
    let words = "stopping etcd on cp-2 would leave 1 of 3 ready, 2 must be: cp-3: etcd is not ready";
    assert!(why.contains(words), "{why}");
    assert_eq!(lab.faults_fired().expect("the lab's memory").len(), 1);
    assert_eq!(
        (containers(&place, "cp-1"), containers(&place, "cp-2")),
        (first, second.clone()),
        "one was stopped"
    );

    typed(&place, "cp-3", "systemctl restart kubelet");
    drop(place.run("resume --output json").exits(0));
    let now = containers(&place, "cp-2");
    let components = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    assert!(components.iter().all(|name| now[*name] != second[*name]), "{now:?}");
    let checked = openssl::check_nodes(&place.path("lab"), Expected::Valid);
    println!("stopped at {task} by a dead member, resumed to the end: {checked} certificates checked");
}
