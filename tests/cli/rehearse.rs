//! Rehearsals: the shipped plan on simulated nodes, and what it leaves for openssl to judge.

use std::fs;

use expect_test::expect;
use serde_json::Value;

use crate::openssl;
use crate::program::Place;

const YEAR_MS: u64 = 364 * 86_400_000;

/// The object that sums a run up.
fn summary(objects: Vec<Value>) -> Value {
    objects.into_iter().next_back().expect("a run says something")
}

#[test]
fn a_rehearsal_renews_every_certificate_and_survives_a_deadline_and_a_second_one_changes_nothing() {
    let place = Place::new();
    let first = place.run("rehearse --lab lab").exits(0).stdout;
    assert!(first.contains("(deadline-exceeded): cp-2: stopping "), "{first}");
    assert!(first.contains("fault deadline-exceeded@cp-2: met and survived"), "{first}");
    let dated = first.lines().filter(|line| line.contains(" 20") && !line.contains("unchanged")).count();
    assert!(dated >= 3 * 10, "a line for every renewed certificate:\n{first}");

    let checked = openssl::check_nodes(&place.path("lab"), openssl::Expected::Valid);
    println!("{checked} certificates checked by openssl");
    assert!(checked >= 3 * 11, "{checked}");

    let second = summary(place.run("rehearse --lab lab --output json").exits(0).json());
    assert_eq!(second["outcome"], "unchanged");
    for task in second["tasks"].as_array().unwrap() {
        assert_eq!(task["state"], "unchanged", "{task}");
    }
    place.run("runs").is(&expect![[r#"
        exit 0
        --- stdout
        RUN                   STATE      STARTED (UTC)     CLUSTER  PLAN
        RUN  unchanged  DATE  lab      renew-control-plane (rehearsal in ROOT/lab)
        RUN  changed    DATE  lab      renew-control-plane (rehearsal in ROOT/lab)
    "#]]);
}

#[test]
fn the_summary_has_every_certificate_and_fault_and_without_a_lab_nothing_is_left_behind() {
    let place = Place::new();
    fs::create_dir(place.path("tmp")).unwrap();
    let faults = "--fault deadline-exceeded@cp-2 --fault deadline-exceeded@workstation";
    let mut command = place.command(&format!("rehearse --output json {faults}"));
    let ran = place.ran(command.env("TMPDIR", place.path("tmp")).output().unwrap()).exits(0);
    assert!(place.tree("tmp").is_empty() && place.tree("home").is_empty());

    let summary = summary(ran.json());
    let certificates = summary["certificates"].as_array().unwrap();
    for host in ["cp-1", "cp-2", "cp-3"] {
        let renewed = |c: &&Value| {
            let (before, after) = (c["before_ms"].as_u64().unwrap(), c["after_ms"].as_u64().unwrap());
            c["host"] == host && after > before + YEAR_MS
        };
        assert!(certificates.iter().filter(renewed).count() >= 10, "{host}: {certificates:?}");
    }
    let of =
        |host: &str, name: &str| certificates.iter().any(|c| c["host"] == host && c["certificate"] == name);
    assert!(of("workstation", "kubeconfig") && of("cp-3", "kubelet-client"));
    let met: Vec<&Value> = summary["faults"].as_array().unwrap().iter().map(|fault| &fault["met"]).collect();
    assert_eq!(met, [true, false], "a fault that was not met is called out");
    let task = |name: &str| {
        summary["tasks"].as_array().unwrap().iter().find(|t| t["task"] == name).unwrap()["state"].clone()
    };
    assert_eq!(task("workstation/kubeconfig@workstation"), "changed");
    assert_eq!(task("consumers/etcd-defrag@workstation"), "changed");
}

#[test]
fn a_failed_rehearsal_is_resumed_and_undone_on_its_kept_lab() {
    let place = Place::new();
    let failed = place.run("rehearse --lab lab --fault renew-dies@cp-3").exits(10).stdout;
    for part in ["FAILED  cp-3: kubeadm certs renew all failed", "attempt   1 of 5, in its apply", "Next\n"] {
        assert!(failed.contains(part), "`{part}` is missing in\n{failed}");
    }
    let next: Vec<&str> = failed.lines().filter(|line| line.starts_with("  certwright ")).collect();
    assert_eq!(next.len(), 2, "{failed}");
    assert!(next[0].contains(" resume ") && next[1].contains(" undo "), "{next:?}");

    let resumed = summary(place.run("resume --output json").exits(0).json());
    assert_eq!(resumed["outcome"], "changed");
    assert!(openssl::check_nodes(&place.path("lab"), openssl::Expected::Valid) > 0);

    let undone = summary(place.run("undo --output json").exits(11).json());
    assert_eq!(undone["outcome"], "undone");
    for certificate in undone["certificates"].as_array().unwrap() {
        assert_eq!(certificate["restored"], certificate["certificate"] != "kubelet-client", "{certificate}");
    }
    assert!(openssl::check_nodes(&place.path("lab"), openssl::Expected::Expired) > 0);

    let shown = place.run("show --events --output json").exits(0).json();
    let walls =
        shown[0]["records"].as_array().unwrap().iter().map(|record| record["wall_ms"].as_u64().unwrap());
    assert!(walls.is_sorted(), "time goes back in a run that was taken up: {shown:?}");
}

#[test]
fn a_lab_is_shaped_like_the_inventory() {
    let place = Place::new();
    place.write(
        "inventory.toml",
        "[cluster]\nname = \"prod-7\"\nnamespace = \"cluster-prod-7\"\nkubeconfig = \"prod-7-kubeconfig\"\n\n\
         [[host]]\nname = \"alpha\"\naddress = \"192.0.2.1\"\ngroups = [\"control-plane\"]\n",
    );
    let summary =
        summary(place.run("rehearse -i inventory.toml --lab lab --fault none --output json").exits(0).json());
    assert_eq!(summary["cluster"], "prod-7");
    assert!(place.path("lab/alpha/etc/kubernetes/pki/apiserver.crt").exists());
}

#[test]
fn a_fault_that_does_not_exist_is_refused_before_a_lab_is_made() {
    let place = Place::new();
    place.run("rehearse --lab lab --fault renew-dies").is(&expect![[r#"
        exit 2
        --- stderr
        error: fault `renew-dies` names no host: write NAME@HOST
          `certwright rehearse --fault help` lists what can go wrong
    "#]]);
    place.run("rehearse --lab lab --fault meteor@cp-1").is(&expect![[r#"
        exit 2
        --- stderr
        error: there is no fault `meteor`; there are deadline-exceeded, deadline-exceeded-after, deadline-unknown, deadline-unknown-after, renew-dies, renew-lies, container-stays-down, drop-before, drop-after, slow, disk-full, kubelet-expired, clock-off
          `certwright rehearse --fault help` lists what can go wrong
    "#]]);
    assert!(place.tree("lab").is_empty());
}

#[test]
fn a_folder_that_holds_something_else_is_never_made_a_lab() {
    let place = Place::new();
    place.write("precious/thesis.tex", "all of it");
    place.run("rehearse --lab precious").is(&expect![[r#"
        exit 14
        --- stderr
        error: `ROOT/precious` is not a lab
          give --lab a folder that is not there yet, or an earlier lab
    "#]]);
    assert_eq!(place.tree("precious").len(), 1);
}

#[test]
fn every_example_plan_can_be_rehearsed_to_its_end() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut rehearsed = 0;
    for entry in fs::read_dir(examples).expect("the examples") {
        let path = entry.expect("an example").path();
        let is_plan = path.extension().is_some_and(|ending| ending == "toml");
        if !is_plan || path.file_name().is_some_and(|name| name == "inventory.toml") {
            continue;
        }
        let place = Place::new();
        place.write("plan.toml", fs::read(&path).expect("an example"));
        let said = place.run("rehearse plan.toml").exits(0).stdout;
        assert!(said.contains("met and survived"), "{}: {said}", path.display());
        rehearsed += 1;
    }
    assert!(rehearsed > 0);
    println!("{rehearsed} example plans rehearsed");
}

#[test]
fn what_can_go_wrong_is_listed_for_people_and_for_programs() {
    let place = Place::new();
    place.run("rehearse --fault help").is(&expect![[r#"
        exit 0
        --- stdout
        --fault NAME[=ARG]@HOST[*TIMES], may be repeated; `--fault none` lets nothing go wrong
        and takes back what an earlier rehearsal of the lab left over.

          FAULT                                      WHAT GOES WRONG
          deadline-exceeded[=stop|renew]@HOST        crictl stop (or kubeadm renew) reports DeadlineExceeded and does nothing
          deadline-exceeded-after[=stop|renew]@HOST  the same, but what was asked for happens all the same
          deadline-unknown@HOST                      crictl stop fails with `code = Unknown ... context deadline exceeded`
          deadline-unknown-after@HOST                the same, but the container ends
          renew-dies[=COUNT]@HOST                    kubeadm renew ends with status 1 after COUNT certificates (default 5)
          renew-lies@HOST                            kubeadm renew reports success and changes nothing
          container-stays-down[=COMPONENT]@HOST      a stopped container stays down until its sandbox or the kubelet is restarted; with *N the first N-1 of these do not help
          drop-before[=PROGRAM]@HOST                 the connection is lost before a changing command starts (rehearsals only)
          drop-after[=PROGRAM]@HOST                  the connection is lost after a changing command took effect (rehearsals only)
          slow[=SECONDS]@HOST                        every command on the host takes SECONDS longer (default 5)
          disk-full[=PATH]@HOST                      the next write (below PATH) finds no space
          kubelet-expired@HOST                       the kubelet runs, and its client certificate turns out to have expired a day ago
          clock-off[=SECONDS]@HOST                   the host's clock turns out to be SECONDS ahead (default 300; less than 0: behind)

        A fault waits for the first command it is for and happens once, with *TIMES that often. HOST is a node's name
        or `workstation`.
    "#]]);
    let json = place.run("rehearse --fault help --output json").exits(0).json();
    assert_eq!((&json[0]["type"], json.len()), (&Value::from("faults"), 1));
    let first = &json[0]["faults"][0];
    assert_eq!((&first["name"], &first["argument"]), (&"deadline-exceeded".into(), &"stop|renew".into()));
    assert!(json[0]["faults"].as_array().unwrap().iter().any(|f| f["name"] == "disk-full"));
}

#[test]
fn a_limit_that_leaves_nodes_out_is_warned_of() {
    let place = Place::new();
    let ran = place.run("rehearse --fault none --limit cp-2");
    let warned =
        "Left out: cp-1, cp-3 keep their old certificates. Where those have expired and etcd has no quorum";
    assert!(ran.stdout.contains(warned), "{}", ran.stdout);
    for whole in ["", "--limit cp-1 --limit cp-2 --limit cp-3", "--limit workstation"] {
        let ran = place.run(&format!("rehearse --fault none {whole}"));
        assert!(!ran.stdout.contains("Left out"), "{whole}: {}", ran.stdout);
    }
}
