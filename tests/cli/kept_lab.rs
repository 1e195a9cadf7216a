//! A lab that stays: what an earlier rehearsal left in it, and what is said when it is not there or another's.

use std::fs;

use expect_test::expect;

use crate::program::Place;

/// A plan that finds nothing to do.
const LOOKS: &str = "version = 1\nname = \"looks\"\n\n[[stage]]\nid = \"looks\"\non = \"cp-1\"\n\n[[stage.step]]\nid = \"clock\"\n\
                     kind = \"command\"\nwith.argv = [\"date\", \"+%s\"]\nwith.creates = \"/etc/kubernetes/pki\"\n";

#[test]
fn a_lab_made_after_another_inventory_is_refused_and_leaves_no_run() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    place.write(
        "one.toml",
        "[cluster]\nname = \"one\"\nnamespace = \"cluster-one\"\nkubeconfig = \"one-kubeconfig\"\n\n\
         [[host]]\nname = \"nodea\"\naddress = \"192.0.2.1\"\ngroups = [\"control-plane\"]\n",
    );
    place.run("rehearse --lab lab -i one.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: the lab has no host `nodea`; it has cp-1, cp-2, cp-3, workstation
          give another folder with --lab: a new lab is made after the inventory
    "#]]);
    let runs = place.run("runs --output json").json();
    assert_eq!(runs[0]["runs"].as_array().unwrap().len(), 1, "the refused rehearsal is no run");
}

#[test]
fn faults_that_are_left_over_are_announced_and_reported() {
    let place = Place::new();
    let _ended = place.run("rehearse --lab lab --fault deadline-exceeded@cp-2*9 --limit cp-1").code;
    drop(place.run("abandon").exits(0));
    let second = place.run("rehearse --lab lab").stdout;
    assert!(second.contains("What will go wrong: deadline-exceeded@cp-2*9 (left over)."), "{second}");
    assert!(
        second.contains("fault deadline-exceeded@cp-2*9, left over from an earlier rehearsal: met"),
        "{second}"
    );
}

#[test]
fn a_refused_fault_leaves_none_of_its_neighbours_in_the_lab() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    drop(place.run("rehearse --lab lab --fault slow@cp-1 --fault slow@cp-9").exits(2));
    let json = place.run("rehearse --lab lab --output json").exits(0).json();
    assert_eq!(json.last().unwrap()["faults_left_over"], serde_json::json!([]));
    drop(place.run("rehearse --lab lab --fault renew-dies@cp-1").exits(0));
    let json = place.run("rehearse --lab lab --output json").exits(0).json();
    let left = serde_json::json!([{ "fault": "renew-dies@cp-1", "met": false }]);
    assert_eq!(json.last().unwrap()["faults_left_over"], left);
}

#[test]
fn an_undo_of_a_renewal_that_died_half_way_says_restored_in_the_table_too() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault renew-dies@cp-2").exits(10));
    let undone = place.run("undo").exits(11).stdout;
    assert!(undone.contains("restored 10 certificates"), "{undone}");
    let rows =
        undone.lines().filter(|line| line.starts_with("cp-2 ") && line.ends_with("  restored")).count();
    assert_eq!(rows, 10, "{undone}");
}

#[test]
fn an_undo_that_restores_expired_certificates_says_so_before_it_restores_anything() {
    let place = Place::new();
    let _cannot_finish = place.run("rehearse --lab lab --fault none --limit cp-1").code;
    let undone = place.run("undo").exits(11).stderr;
    let warning = "warning: 11 certificates that this restores have expired: admin.conf of cp-1, apiserver of cp-1, \
                   apiserver-etcd-client of cp-1 and 8 more\n  what reads them fails as it did before the run, until they are \
                   renewed again\n";
    assert_eq!(undone, warning);
    // Renewed for good, then forced once more: what an undo of that restores is valid.
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    drop(place.run("rehearse --lab lab --fault none --set force=true").exits(0));
    let json = place.run("undo --output json").exits(11).json();
    assert!(json.iter().all(|line| line["type"] != "warning"), "{}", json[0]);
}

#[test]
fn another_name_than_the_clusters_is_refused_for_a_rehearsal_too() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    place.run("undo --yes=wrong").is(&expect![[r#"
        exit 14
        --- stderr
        error: cluster `lab` was not confirmed: the answer was `wrong`
          nothing was changed
    "#]]);
    drop(place.run("undo --yes=lab").exits(11));
}

#[test]
fn a_lab_that_is_gone_is_said_to_be_gone_and_its_run_can_be_abandoned() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault renew-dies@cp-3").exits(10));
    fs::remove_dir_all(place.path("lab")).unwrap();
    let gone = expect![[r#"
        exit 14
        --- stderr
        error: the lab of run `RUN` is gone: there is none in `ROOT/lab`
          `certwright abandon RUN` gives the run up
    "#]];
    for verb in ["resume", "undo"] {
        place.run(verb).is(&gone);
    }
    drop(place.run("abandon").exits(0));
}

#[test]
fn the_time_of_an_abandoned_rehearsal_does_not_go_back() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault renew-dies@cp-3").exits(10));
    drop(place.run("abandon").exits(0));
    let shown = place.run("show --events --output json").exits(0).json();
    let times: Vec<u64> =
        shown[0]["records"].as_array().unwrap().iter().map(|r| r["wall_ms"].as_u64().unwrap()).collect();
    assert!(times.len() > 10 && times.is_sorted(), "{times:?}");
}

#[test]
fn what_still_goes_wrong_in_a_kept_lab_is_taken_back_by_the_command_that_is_shown() {
    let place = Place::new();
    let failed = place.run("rehearse --lab lab --fault disk-full@cp-3*9").exits(10).stdout;
    let shown = failed.lines().find(|line| line.contains("# takes back")).expect(&failed);
    let command =
        shown.trim().strip_prefix("certwright ").and_then(|rest| rest.split(" #").next()).unwrap().trim();
    assert_eq!(command, "rehearse --make-only --lab lab --fault none");
    let again = place.run(command).exits(0).stdout;
    assert!(again.contains("What will go wrong: nothing."), "{again}");
    drop(place.run("resume").exits(0));
}

#[test]
fn a_lab_keeps_the_groups_of_its_inventory_and_the_command_that_is_shown_the_whole_rehearsal() {
    let place = Place::new();
    place.write(
        "inventory.toml",
        "[cluster]\nname = \"prod-1\"\nnamespace = \"n\"\nkubeconfig = \"k\"\n\n\
         [[host]]\nname = \"cp-1\"\naddress = \"10.0.0.1\"\ngroups = [\"control-plane\"]\n\n\
         [[host]]\nname = \"w-1\"\naddress = \"10.0.0.2\"\ngroups = [\"workers\"]\n",
    );
    place.write("plan.toml", LOOKS.replace("\"cp-1\"", "\"workers\""));
    let first = place.run("rehearse plan.toml -i inventory.toml --lab lab --fault none").exits(0).stdout;
    assert!(
        first.contains("  certwright rehearse plan.toml -i inventory.toml --lab lab  # again: everything should be unchanged\n"),
        "{first}"
    );
    // Without the inventory, too: a worker does not become part of the control plane.
    let again = place.run("rehearse plan.toml --lab lab").exits(0).stdout;
    assert!(again.contains("w-1") && !again.contains("cp-1  looks/"), "{again}");
}

#[test]
fn a_lab_that_is_only_made_is_looked_at_by_the_commands_that_are_shown() {
    let place = Place::new();
    place.run("doctor --lab lab").is(&expect![[r#"
        exit 14
        --- stderr
        error: there is no lab in `lab`
          `certwright rehearse --make-only --lab lab` makes one
    "#]]);
    place.run("rehearse --make-only --lab lab").is(&expect![[r#"
        exit 0
        --- stdout
        Rehearsal on 3 new simulated nodes, certificates expired: cp-1, cp-2, cp-3; kept in lab
        What will go wrong: nothing. Time is virtual; no real host is touched.

        Next
          certwright plan renew-control-plane --lab lab
          certwright doctor --lab lab
          certwright rehearse --lab lab
    "#]]);
    let planned = place.run("plan renew-control-plane --lab lab").exits(0).stdout;
    assert!(
        planned.contains("renew/renew") && planned.contains("would change something for sure"),
        "{planned}"
    );
    assert_eq!(place.run("runs --output json").json()[0]["runs"], serde_json::json!([]));
    drop(place.run("doctor --lab lab").exits(15));
    drop(place.run("rehearse --lab lab").exits(0));
    let made = place.run("rehearse --make-only --lab lab2 --fault slow@cp-1 --output json").exits(0).json();
    assert_eq!((made[0]["type"].as_str(), made[0]["nodes"].as_array().map(Vec::len)), (Some("lab"), Some(3)));
}

/// What a process leaves that is killed while it makes a lab.
fn half_made(place: &Place) {
    place.write("lab/.lab/making", "cp-1\ncp-9\nworkstation\n");
    place.write("lab/.lab/lock", "");
    place.write("lab/cp-9/etc/hostname", "of another inventory");
}

#[test]
fn a_half_made_lab_is_named_and_made_anew_by_the_command_that_is_shown() {
    let place = Place::new();
    half_made(&place);
    place.run("plan renew-control-plane --lab lab").is(&expect![[r#"
        exit 14
        --- stderr
        error: the lab in `lab` is only half made: whoever made it was cut off
          `certwright rehearse --make-only --lab lab` makes it anew
    "#]]);
    let made = place.run("rehearse --make-only --lab lab").exits(0);
    let warning = "warning: the lab in `ROOT/lab` was half made: whoever made it was cut off\n  it was removed and made anew\n";
    let root = place.path("").display().to_string();
    assert_eq!(made.stderr.replace(root.trim_end_matches('/'), "ROOT"), warning);
    assert!(!place.path("lab/cp-9").exists() && !place.path("lab/.lab/making").exists(), "{}", made.stdout);
    drop(place.run("plan renew-control-plane --lab lab").exits(0));
}

#[test]
fn a_lab_that_another_process_makes_is_not_called_anything_else() {
    let place = Place::new();
    half_made(&place);
    let lock = fs::File::open(place.path("lab/.lab/lock")).unwrap();
    lock.lock().unwrap();
    for command in ["rehearse --lab lab", "rehearse --make-only --lab lab", "doctor --lab lab"] {
        let said = place.run(command).exits(14).stderr;
        assert!(
            said.contains("/lab` is still being made by another process\n  wait for its end\n")
                || said.contains("`lab` is still being made by another process\n  wait for its end\n"),
            "{command}: {said}"
        );
    }
    assert!(place.path("lab/cp-9").exists(), "nothing of it was touched");
    drop(lock);
    drop(place.run("rehearse --make-only --lab lab").exits(0));
}

#[test]
fn a_lab_belongs_to_its_unfinished_run_and_another_lab_in_its_place_does_not() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault renew-dies@cp-2").exits(10));
    let refused = expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` has changed the lab in `ROOT/lab` and is not finished (failed)
          `certwright resume RUN` goes on with it
          `certwright undo RUN` restores what it changed
          `certwright abandon RUN` gives it up: what it changed stays
    "#]];
    place.run("rehearse --lab lab").is(&refused);
    let runs = place.run("runs --output json").json();
    assert_eq!(runs[0]["runs"].as_array().unwrap().len(), 1, "the refused rehearsal is no run");
    fs::remove_dir_all(place.path("lab")).unwrap();
    drop(place.run("rehearse --make-only --lab lab").exits(0));
    place.write("plan.toml", LOOKS);
    drop(place.run("rehearse plan.toml --lab lab").exits(0));
}
