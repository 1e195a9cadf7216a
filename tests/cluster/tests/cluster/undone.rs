//! What a run changed is put back, byte for byte, and runs again: after a whole run, and after one that failed.
//!
//! The plan has a gate behind one of its steps, which is closed on one node: the run stops there, with some nodes done with
//! that step and others not. Then it is undone, and real components must serve the restored files.

use std::time::Instant;

use certwright_cluster::host::{Cluster, Said, Spec};
use certwright_steps::lab::Validity;

use crate::proof::{Renewed, prove_renewed, prove_served};
use crate::support::{RUN, certwright, start, until_kubectl_answers};

/// Exit code of an undo that is done.
const UNDONE: i32 = 11;
/// Exit code where there is nothing to undo.
const NOTHING: i32 = 14;
/// Exit code of a run that failed.
const FAILED: i32 = 10;

const PLAN: &str = include_str!("../../../../plans/renew-control-plane.toml");
/// Which step of the plan restarts containers, counted from 0.
const RESTART: usize = 5;
/// Steps of the plan.
const STEPS: usize = 13;
/// The node whose gate is closed.
const CLOSED: &str = "cp-2";

/// Every file of a host that a run may change: content, mode, owner, links.
fn tree(cluster: &Cluster, node: &str) -> String {
    let script = "cd / && find etc/kubernetes var/lib/kubelet/pki -printf '%p %y %m %U %G %l\\n' | sort && \
                  find etc/kubernetes var/lib/kubelet/pki -type f -exec sha256sum {} + | sort";
    cluster.ssh(node, script).ok()
}

/// Those of all hosts.
fn trees(cluster: &Cluster) -> Vec<String> {
    let mut kubeconfig = cluster.workstation().command("sh");
    let script = "cd bmctl-workspace/lab && stat -c '%n %a %u %g' lab-kubeconfig && sha256sum lab-kubeconfig";
    let kubeconfig = Said::of(kubeconfig.args(["-c", script])).ok();
    cluster.nodes().iter().map(|node| tree(cluster, node.name())).chain([kubeconfig]).collect()
}

/// Undoes the last run, and proves that everything is as before; how many lines of the trees that is.
fn is_undone(cluster: &Cluster, before: &[String], when: &str, ends: i32) -> String {
    let undone = certwright(cluster, "undo --yes=lab");
    assert_eq!(undone.code, Some(ends), "{when}: {}", undone.whole());
    for (now, before) in trees(cluster).iter().zip(before) {
        assert_eq!(now, before, "{when}: {}", undone.whole());
    }
    let served = prove_served(cluster);
    until_kubectl_answers(cluster, 3);
    let lines = before.iter().map(|tree| tree.lines().count()).sum::<usize>();
    format!("exit {ends}, {lines} lines of the trees are the same, {served}")
}

#[test]
#[ignore = "a minute: cargo nextest run -p certwright-cluster --run-ignored only every_byte --no-capture"]
fn an_undo_of_a_whole_run_restores_every_byte_and_everything_runs() {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    let before = trees(&cluster);
    let since = certwright_cluster::said::now_ms() / 1000;
    let ran = certwright(&cluster, RUN);
    assert_eq!(ran.code, Some(0), "{}", ran.whole());
    let renewed = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    assert!(trees(&cluster).iter().zip(&before).all(|(now, before)| now != before));

    let began = Instant::now();
    let undone = is_undone(&cluster, &before, "a whole run", UNDONE);
    println!("{renewed}; undone in {:.1} s: {undone}", began.elapsed().as_secs_f64());
}

#[test]
fn an_undo_after_a_failure_in_the_middle_of_the_restarts_restores_every_byte_and_everything_runs() {
    fails_behind(RESTART);
}

#[test]
#[ignore = "a campaign of ten minutes: cargo nextest run -p certwright-cluster --run-ignored only every_byte --no-capture"]
fn an_undo_after_a_failure_behind_each_step_restores_every_byte_and_everything_runs() {
    (0..STEPS).for_each(fails_behind);
}

/// A run on a cluster of its own that fails behind this step, and its undo.
fn fails_behind(nth: usize) {
    let (plan, step, on) = gated(nth);
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    let before = trees(&cluster);
    let file = cluster.workstation().path("/root/gated.toml");
    std::fs::write(file, plan).expect("a plan");
    if on == "control-plane" {
        for node in cluster.nodes().iter().filter(|node| node.name() != CLOSED) {
            cluster.ssh(node.name(), "touch /tmp/gate").ok();
        }
    }
    let began = Instant::now();
    let ran = certwright(&cluster, "run gated.toml --inventory inventory.toml --yes=lab");
    assert_eq!(ran.code, Some(FAILED), "{step}: {}", ran.whole());
    assert!(ran.stdout.contains("/gate "), "{step}: another step failed: {}", ran.whole());
    let changed = trees(&cluster).iter().zip(&before).filter(|(now, before)| now != before).count();
    // The first node goes through its whole stage alone.
    assert_eq!(changed > 0, nth > 0, "{step}: {changed} hosts have changed");
    let undone = is_undone(&cluster, &before, &step, if nth > 0 { UNDONE } else { NOTHING });
    let took = began.elapsed().as_secs_f64();
    println!("failed behind {step} on {on}, {changed} hosts changed; undone: {undone}; {took:.1} s");
}

/// The shipped plan with a gate behind its nth step, that step's name, and what it is on.
fn gated(nth: usize) -> (String, String, String) {
    let value = |line: &str| line.split('"').nth(1).expect("a text in quotes").to_owned();
    let (mut plan, mut steps, mut step) = (String::new(), 0, String::new());
    let (mut stage, mut on, mut gate_on) = (String::new(), String::new(), String::new());
    let mut previous = "";
    for line in PLAN.lines().chain([""]) {
        if line.is_empty() && steps == nth + 1 && gate_on.is_empty() {
            gate_on.clone_from(&on);
            plan.push_str(
                "\n[[stage.step]]\nid = \"gate\"\nkind = \"command\"\nwith.argv = [\"test\", \"-e\", \"/tmp/gate\"]\n\
                 with.creates = \"/tmp/gate\"\n",
            );
        }
        match (previous, line.split_once(" = ")) {
            ("[[stage]]", Some(("id", id))) => stage = value(id),
            ("[[stage.step]]", Some(("id", id))) => {
                steps += 1;
                if steps == nth + 1 {
                    step = format!("{stage}/{}", value(id));
                }
            }
            (_, Some(("on", group))) => on = value(group),
            (_, Some(_) | None) => {}
        }
        previous = line;
        plan.extend([line, "\n"]);
    }
    (plan, step, gate_on)
}
