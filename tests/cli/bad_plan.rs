//! Plans and inventories with mistakes: what is said, the exit code, and that nothing was touched.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use expect_test::{Expect, expect};

use crate::program::Place;

/// A plan of one step with `command`, around which the tests make their mistakes.
const PLAN: &str = r#"version = 1
name = "touch"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "make"
kind = "command"
with.argv = ["touch", "made"]
with.creates = "/nonexistent/made"
"#;

const INVENTORY: &str = r#"[cluster]
name = "prod-1"
namespace = "cluster-prod-1"
kubeconfig = "kubeconfig"

[[host]]
name = "cp-1"
address = "127.0.0.1"
groups = ["control-plane"]
"#;

fn check_plan(mistake: impl Fn(&str) -> String, expected: &Expect) {
    let place = Place::new();
    place.write("plan.toml", mistake(PLAN)).write("inventory.toml", INVENTORY);
    place.run("check plan.toml -i inventory.toml").is(expected);
    let run = place.run("run plan.toml -i inventory.toml --yes=prod-1").exits(2);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert!(place.tree("home").is_empty(), "nothing is written for a plan with mistakes");
}

#[test]
fn an_unknown_key() {
    check_plan(|plan| plan.replace("id = \"make\"", "id = \"make\"\nretries = 3"), &expect![[""]]);
}

#[test]
fn a_value_of_the_wrong_type() {
    check_plan(|plan| plan.replace("id = \"make\"", "id = 7"), &expect![[""]]);
}

#[test]
fn an_unknown_kind() {
    check_plan(|plan| plan.replace("\"command\"", "\"comand\""), &expect![[""]]);
}

#[test]
fn an_unknown_parameter() {
    check_plan(|plan| plan.replace("\"/nonexistent/made\"", "\"{{ where }}\""), &expect![[""]]);
}

#[test]
fn an_unknown_group() {
    check_plan(|plan| plan.replace("on = \"workstation\"", "on = \"control-plain\""), &expect![[""]]);
}

#[test]
fn the_same_id_twice() {
    let twice = |plan: &str| {
        format!("{plan}\n[[stage.step]]\nid = \"make\"\nkind = \"command\"\nwith.argv = [\"true\"]\nwith.creates = \"/x\"\n")
    };
    check_plan(twice, &expect![[""]]);
}

#[test]
fn steps_that_wait_for_each_other() {
    let circle = |plan: &str| {
        let plan = plan.replace("id = \"make\"", "id = \"make\"\nafter = [\"look\"]");
        format!(
            "{plan}\n[[stage.step]]\nid = \"look\"\nafter = [\"make\"]\nkind = \"command\"\nwith.argv = [\"true\"]\nwith.creates = \"/x\"\n"
        )
    };
    check_plan(circle, &expect![[""]]);
}

#[test]
fn a_stage_without_steps() {
    check_plan(|plan| format!("{plan}\n[[stage]]\nid = \"empty\"\non = \"workstation\"\n"), &expect![[""]]);
}

#[test]
fn a_duration_that_is_none() {
    check_plan(|plan| plan.replace("id = \"make\"", "id = \"make\"\ntimeout = \"soon\""), &expect![[""]]);
}

#[test]
fn an_unknown_host_of_limit() {
    let place = Place::new();
    place.write("inventory.toml", INVENTORY);
    place.run("check renew-control-plane -i inventory.toml --limit cp-9").is(&expect![[""]]);
}

#[test]
fn mistakes_are_json_where_json_was_asked_for() {
    let place = Place::new();
    place.write("plan.toml", PLAN.replace("\"command\"", "\"comand\""));
    place.run("check plan.toml --output json").is(&expect![[""]]);
}

#[test]
fn a_plan_that_is_not_there() {
    let place = Place::new();
    place.run("check renew-everything").is(&expect![[""]]);
    place.run("check ./renew.toml").is(&expect![[""]]);
    place.run("run renew-control-plane -i nowhere.toml").is(&expect![[""]]);
}

#[test]
fn a_file_that_may_not_be_read() {
    let place = Place::new();
    place.write("plan.toml", PLAN);
    fs::set_permissions(place.path("plan.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    place.run_as_nobody("check plan.toml").is(&expect![[""]]);
}

#[test]
fn a_plan_that_everyone_may_change() {
    let place = Place::new();
    place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
    fs::set_permissions(place.path("plan.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    place.run("run plan.toml -i inventory.toml --yes=prod-1").is(&expect![[""]]);
    assert!(place.tree("home").is_empty());
}

#[test]
fn an_inventory_in_a_folder_that_everyone_may_change() {
    let place = Place::new();
    place.write("open/inventory.toml", INVENTORY);
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run("run renew-control-plane -i open/inventory.toml --yes=prod-1").is(&expect![[""]]);
    assert!(place.tree("home").is_empty());
}
