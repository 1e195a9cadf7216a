//! The load finds what is planted: a gap, a lost write, a lost quorum; and nothing where nothing is.

use std::time::Duration;

use certwright_cluster::load::report::{
    LEASE_SCHEDULER, QUORUM, READ_KEPT, READ_NEW, Report, SOME_API, WRITE_KEPT, WRITE_NEW,
};
use rustix::process::Signal;
use serde_json::json;

use crate::ask::block_on;
use crate::ground::{Ground, eventually};

/// How long what is planted lasts.
const PLANTED: Duration = Duration::from_secs(2);

/// A cluster of three with everything that the load looks at.
fn up() -> Ground {
    let mut ground = Ground::up(3);
    ground.start_balancer("tcp", 3);
    ground.start_manager(1);
    ground.start_scheduler(1);
    ground
}

#[expect(clippy::print_stdout, reason = "the figures are what a load is for")]
fn show(report: &Report) {
    println!("{}", report.table());
}

fn within(report: &Report, name: &str, from: f64, to: f64) {
    let longest = report.longest(name);
    assert!((from..to).contains(&longest), "{name}: {longest} s is not in {from}..{to}");
}

/// The one thing here that waits for time to pass: that is what a gap is.
fn let_pass(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn a_planted_gap_and_a_planted_lost_write_are_found_and_nothing_else() {
    let mut ground = up();
    ground.start_load();
    let configmaps = "/api/v1/namespaces/load/configmaps";
    let mut client = ground.client(2);
    let mut list =
        || block_on(client.get(configmaps)).expect("a list")["items"].as_array().expect("items").clone();
    eventually("there are some writes", || (list().len() >= 20).then_some(()));
    let name = list()[7]["metadata"]["name"].as_str().expect("a name").to_owned();
    ground.signal(1, "balancer", Signal::STOP);
    let_pass(PLANTED);
    ground.signal(1, "balancer", Signal::CONT);
    let before = list().len();
    eventually("writes go on", || (list().len() >= before + 20).then_some(()));
    block_on(client.delete(&format!("{configmaps}/{name}"))).expect("it is deleted");
    let report = ground.end_load();
    show(&report);
    for name in [READ_NEW, READ_KEPT, WRITE_NEW, WRITE_KEPT] {
        within(&report, name, 1.9, 4.0);
    }
    within(&report, SOME_API, 0.1, 1.5);
    within(&report, QUORUM, 0.1, 1.5);
    within(&report, LEASE_SCHEDULER, 1.5, 5.0);
    assert_eq!(report.lost, [name]);
    assert!(report.written >= 40, "{}", report.written);
}

#[test]
fn a_lost_quorum_is_told_from_a_server_and_a_member_that_are_gone_alone() {
    let mut ground = up();
    ground.start_load();
    // One API server and one member: the others carry on.
    ground.kill(3, "kube-apiserver");
    ground.kill(3, "etcd");
    let_pass(2 * PLANTED);
    let gone = ground.end_load();
    show(&gone);
    within(&gone, "API server cp-3", 3.9, 8.0);
    within(&gone, "member cp-3", 3.9, 8.0);
    // An election may be in it: the member that went may have led.
    within(&gone, QUORUM, 0.1, 3.5);
    within(&gone, SOME_API, 0.1, 3.5);
    assert_eq!(gone.lost, [""; 0]);
    std::fs::remove_file(ground.path(1, "load.log")).expect("the log of the first load");
    ground.start_etcd(3);
    ground.start_api(3);
    ground.wait_ready(3);
    // Two members of three: the majority is gone.
    ground.start_load();
    ground.kill(2, "etcd");
    ground.kill(3, "etcd");
    let_pass(2 * PLANTED);
    ground.start_etcd(2);
    ground.start_etcd(3);
    let new = json!({"metadata": {"generateName": "a-"}});
    eventually("the cluster takes writes again", || {
        block_on(ground.client(1).post("/api/v1/namespaces/default/configmaps", &new)).ok()
    });
    let lost = ground.end_load();
    show(&lost);
    within(&lost, QUORUM, 3.9, 15.0);
    within(&lost, WRITE_NEW, 3.9, 20.0);
    assert_eq!(lost.lost, [""; 0], "what was acknowledged is there");
}
