//! The runs of months: shown in part, and removed by a stated rule.

use std::fs;

use expect_test::expect;

use crate::program::Place;
use crate::two_files::{failed, run};

/// A file to be made on the workstation.
const PLAN: &str = r#"version = 1
name = "one-file"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "other"
kind = "command"
with.argv = ["touch", "ROOT/other"]
with.creates = "ROOT/other"
"#;

const INVENTORY: &str = "[cluster]\nname = \"prod-2\"\nnamespace = \"n\"\nkubeconfig = \"k\"\n";

/// A place with a run that failed, and on another cluster one that changed something and three that had nothing to do.
fn months() -> Place {
    let place = failed();
    let root = place.path("").canonicalize().unwrap().display().to_string();
    place.write("plan-2.toml", PLAN.replace("ROOT", &root)).write("inventory-2.toml", INVENTORY);
    for _ in 0..4 {
        drop(place.run("run plan-2.toml -i inventory-2.toml --yes=prod-2").exits(0));
    }
    place
}

/// State and cluster of the runs that are told, the newest first.
fn told(place: &Place, options: &str) -> Vec<String> {
    let json = place.run(&format!("runs --output json {options}")).exits(0).json();
    let runs = json[0]["runs"].as_array().expect("runs");
    let word = |run: &serde_json::Value, field: &str| run[field].as_str().expect("a word").to_owned();
    runs.iter().map(|run| format!("{} {}", word(run, "cluster"), word(run, "state"))).collect()
}

#[test]
fn runs_are_shown_by_cluster_by_what_is_left_to_do_and_the_newest_alone() {
    let place = months();
    let all = ["prod-2 unchanged", "prod-2 unchanged", "prod-2 unchanged", "prod-2 changed", "prod-1 failed"];
    assert_eq!(told(&place, ""), all);
    assert_eq!(told(&place, "--cluster prod-1"), ["prod-1 failed"]);
    assert_eq!(told(&place, "--unfinished"), ["prod-1 failed"]);
    assert_eq!(told(&place, "--last 2"), ["prod-2 unchanged", "prod-2 unchanged"]);
    assert_eq!(told(&place, "--cluster prod-2 --unfinished"), [""; 0]);
    place.run("runs --cluster other").is(&expect![[r#"
        exit 0
        --- stdout
        No such runs in ROOT/home/.local/state/certwright.
    "#]]);
}

#[test]
fn what_is_removed_is_shown_before_and_told_after_and_is_never_what_somebody_may_go_on_with() {
    let place = months();
    assert_eq!(told(&place, "--keep 1"), ["prod-2 unchanged", "prod-2 unchanged"]);
    assert_eq!(told(&place, "--keep 3"), [""; 0], "the last change is kept beside them");
    place.run("runs --keep 1 --cluster prod-2").is(&expect![[r#"
        exit 0
        --- stdout
        RUN                   STATE      STARTED (UTC)     CLUSTER  PLAN
        RUN  unchanged  DATE  prod-2   one-file
        RUN  unchanged  DATE  prod-2   one-file

        `certwright runs --cluster prod-2 --keep 1 --prune` removes 2 runs.
    "#]]);
    assert_eq!(told(&place, "").len(), 5, "a look removes nothing");
    place.run("runs --keep 1 --prune").is(&expect![[r#"
        exit 0
        --- stdout
        RUN                   STATE      STARTED (UTC)     CLUSTER  PLAN
        RUN  unchanged  DATE  prod-2   one-file
        RUN  unchanged  DATE  prod-2   one-file

        2 runs removed. Kept is what is not finished, and of each cluster or lab the newest finished run and the last one that changed something.
    "#]]);
    assert_eq!(told(&place, ""), ["prod-2 unchanged", "prod-2 changed", "prod-1 failed"]);
    assert_eq!(fs::read_dir(place.path("home/.local/state/certwright/runs")).unwrap().count(), 3);
    place.run("runs --keep 1 --prune").is(&expect![[r#"
        exit 0
        --- stdout
        0 runs removed. Kept is what is not finished, and of each cluster or lab the newest finished run and the last one that changed something.
    "#]]);
    // Whoever failed can go on.
    place.write("allowed", "");
    drop(place.run("resume").exits(0));
    drop(run(&place).exits(0));
    let json = place.run("runs --keep 1 --prune --output json").exits(0).json();
    assert_eq!(json[0]["type"], "pruned");
    assert_eq!((&json[0]["keep"], &json[0]["removed"]), (&serde_json::json!(1), &serde_json::json!([])));
}

#[test]
fn a_rule_is_wanted_that_keeps_something() {
    let place = Place::new();
    place.run("runs --prune").is(&expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          --keep <N>

        Usage: certwright runs --keep <N> --prune

        For more information, try '--help'.
    "#]]);
    place.run("runs --prune --keep 0").is(&expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0' for '--keep <N>': 0 is not in 1..=4294967295

        For more information, try '--help'.
    "#]]);
    place.run("runs --keep 2 --last 1").is(&expect![[r#"
        exit 2
        --- stderr
        error: the argument '--keep <N>' cannot be used with '--last <N>'

        Usage: certwright runs --keep <N>

        For more information, try '--help'.
    "#]]);
    place.run("runs --prune --keep 2").is(&expect![[r#"
        exit 0
        --- stdout
        0 runs removed. Kept is what is not finished, and of each cluster or lab the 2 newest finished runs and the last one that changed something.
    "#]]);
}
