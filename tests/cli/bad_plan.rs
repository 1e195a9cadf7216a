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
    check_plan(
        |plan| plan.replace("id = \"make\"", "id = \"make\"\nretries = 3"),
        &expect![[r#"
        exit 2
        --- stderr
        error[P003]: step `make` of stage `files` has an unknown key `retries`
          --> plan.toml:10:1
           |
        10 | retries = 3
           | ^^^^^^^ means nothing here
           |
           = help: known here: `id`, `after`, `kind`, `with`, `retry`, `timeout`, `doc`

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn a_value_of_the_wrong_type() {
    check_plan(
        |plan| plan.replace("id = \"make\"", "id = 7"),
        &expect![[r#"
        exit 2
        --- stderr
        error[P005]: `id` of step 1 of stage `files` must be text, not a whole number
         --> plan.toml:9:6
          |
        9 | id = 7
          |      ^ expected text

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn an_unknown_kind() {
    check_plan(
        |plan| plan.replace("\"command\"", "\"comand\""),
        &expect![[r#"
        exit 2
        --- stderr
        error[P040]: step `make` of stage `files` is of an unknown kind `comand`
          --> plan.toml:10:8
           |
        10 | kind = "comand"
           |        ^^^^^^^^ no such kind
           |
           = help: did you mean `command`?

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn an_unknown_parameter() {
    check_plan(
        |plan| plan.replace("\"/nonexistent/made\"", "\"{{ where }}\""),
        &expect![[r#"
        exit 2
        --- stderr
        error[P031]: `with.creates` of step `make` of stage `files` refers to `where`, which is not declared
          --> plan.toml:12:16
           |
        12 | with.creates = "{{ where }}"
           |                ^^^^^^^^^^^^^ no such param or cluster fact
           |
           = help: known here: `cluster.admin-kubeconfig`, `cluster.kubeconfig`, `cluster.name`, `cluster.namespace`, `cluster.virtual-ip`

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn an_unknown_group() {
    check_plan(
        |plan| plan.replace("on = \"workstation\"", "on = \"control-plain\""),
        &expect![[r#"
        exit 2
        --- stderr
        error[P050]: stage `files` is for `control-plain`, which the inventory does not have
         --> plan.toml:6:6
          |
        6 | on = "control-plain"
          |      ^^^^^^^^^^^^^^^ no host and no group with a host
          |
          = help: did you mean `control-plane`?

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn the_same_id_twice() {
    let twice = |plan: &str| {
        format!(
            "{plan}\n[[stage.step]]\nid = \"make\"\nkind = \"command\"\nwith.argv = [\"true\"]\nwith.creates = \"/x\"\n"
        )
    };
    check_plan(
        twice,
        &expect![[r#"
        exit 2
        --- stderr
        error[P011]: step `make` of stage `files` is there twice
          --> plan.toml:15:6
           |
        15 | id = "make"
           |      ^^^^^^ the second one

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn steps_that_wait_for_each_other() {
    let circle = |plan: &str| {
        let plan = plan.replace("id = \"make\"", "id = \"make\"\nafter = [\"look\"]");
        format!(
            "{plan}\n[[stage.step]]\nid = \"look\"\nafter = [\"make\"]\nkind = \"command\"\nwith.argv = [\"true\"]\nwith.creates = \"/x\"\n"
        )
    };
    check_plan(
        circle,
        &expect![[r#"
            exit 2
            --- stderr
            error[P043]: steps of stage `files` wait for each other in a circle: `make` -> `look` -> `make`
              --> plan.toml:10:9
               |
            10 | after = ["look"]
               |         ^^^^^^^^ `make` waits for `look`
               |
               = help: take one of them out of an `after`

            1 mistake; nothing was run
        "#]],
    );
}

#[test]
fn a_stage_without_steps() {
    check_plan(
        |plan| format!("{plan}\n[[stage]]\nid = \"empty\"\non = \"workstation\"\n"),
        &expect![[r#"
        exit 2
        --- stderr
        error[P044]: stage `empty` has no step
          --> plan.toml:14:1
           |
        14 | [[stage]]
           | ^^^^^^^^^
           |
           = help: write a `[[stage.step]]` below it, or remove the stage

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn a_duration_that_is_none() {
    check_plan(
        |plan| plan.replace("id = \"make\"", "id = \"make\"\ntimeout = \"soon\""),
        &expect![[r#"
        exit 2
        --- stderr
        error[P020]: `timeout` of step `make` of stage `files` is not a duration: `soon`
          --> plan.toml:10:11
           |
        10 | timeout = "soon"
           |           ^^^^^^ expected number at 0
           |
           = help: write number and unit, such as "90s", "2m 30s" or "30d"

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn an_unknown_host_of_limit() {
    let place = Place::new();
    place.write("inventory.toml", INVENTORY);
    place.run("check renew-control-plane -i inventory.toml --limit cp-9").is(&expect![[r#"
        exit 2
        --- stderr
        error[P051]: the inventory has no host `cp-9`
         --> --limit:1:1
          |
        1 | cp-9
          | ^^^^
          |
          = help: did you mean `cp-1`?

        1 mistake; nothing was run
    "#]]);
}

#[test]
fn a_step_on_a_host_that_its_kind_is_not_for() {
    // Without a word of this, the kubelet of the workstation would be restarted, and its files be removed.
    let kubelet = |plan: &str| {
        plan.replace("kind = \"command\"", "kind = \"kubelet-client\"")
            .replace("with.argv = [\"touch\", \"made\"]\nwith.creates = \"/nonexistent/made\"\n", "")
    };
    check_plan(
        kubelet,
        &expect![[r#"
        exit 2
        --- stderr
        error[P053]: step `make` of stage `files` runs on the workstation, and kind `kubelet-client` is for nodes
          --> plan.toml:10:8
           |
        10 | kind = "kubelet-client"
           |        ^^^^^^^^^^^^^^^^ not for the workstation
           |
           = help: put it into a stage whose `on` names a group or a host of the inventory

        1 mistake; nothing was run
    "#]],
    );
    let place = Place::new();
    place.write("plan.toml", kubelet(PLAN));
    place.run("check plan.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error[P053]: step `make` of stage `files` runs on the workstation, and kind `kubelet-client` is for nodes
          --> plan.toml:10:8
           |
        10 | kind = "kubelet-client"
           |        ^^^^^^^^^^^^^^^^ not for the workstation
           |
           = help: put it into a stage whose `on` names a group or a host of the inventory

        1 mistake; nothing was run
    "#]]);
    place.run("rehearse plan.toml").exits(2);
}

#[test]
fn a_group_that_the_inventory_does_not_have() {
    let fallback = |plan: &str| {
        plan.replace("kind = \"command\"", "kind = \"replace-kubeconfig\"")
            .replace("with.argv = [\"touch\", \"made\"]\n", "with.fallback-group = \"control-plan\"\n")
            .replace("with.creates = \"/nonexistent/made\"\n", "")
    };
    check_plan(
        fallback,
        &expect![[r#"
        exit 2
        --- stderr
        error[P050]: `with.fallback-group` of step `make` of stage `files` is `control-plan`, and the inventory has no such group
          --> plan.toml:11:23
           |
        11 | with.fallback-group = "control-plan"
           |                       ^^^^^^^^^^^^^^ no group with a host
           |
           = help: did you mean `control-plane`?

        1 mistake; nothing was run
    "#]],
    );
}

#[test]
fn what_is_set_is_judged_and_shown_without_an_inventory_too() {
    let place = Place::new();
    place.run("check renew-control-plane --set force=maybe --set nope=1").is(&expect![[r#"
        exit 2
        --- stderr
        error[P005]: param `force` must be true or false, not `maybe`
         --> --set:1:7
          |
        1 | force=maybe
          |       ^^^^^

        error[P031]: the plan has no param `nope`
         --> --set:1:1
          |
        1 | nope=1
          | ^^^^
          |
          = help: known here: `renew-before`, `force`, `restart`, `balancer-time`

        2 mistakes; nothing was run
    "#]]);
    let shown = place.run("check renew-control-plane --set renew-before=60d").exits(0).stdout;
    let param = |name: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{shown}")).split_whitespace().take(4).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(param("PARAMETER"), "PARAMETER TYPE DEFAULT SET");
    assert_eq!(param("renew-before"), "renew-before duration \"30d\" 60d");
    assert_eq!(param("force"), "force bool false Renew");
}

#[test]
fn choices_without_what_they_are_for() {
    let place = Place::new();
    place.run("check renew-control-plane --limit nohost").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--limit nohost` names a host, and no inventory is given
          the hosts are in the inventory: add --inventory FILE, or leave --limit out
    "#]]);
    place.run("check --set force=true").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--set force=true` is for a param of a plan, and none is named
          certwright check renew-control-plane --set force=true
    "#]]);
    place.run("check --limit cp-1").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--limit cp-1` is for a plan and an inventory, and none is named
          certwright check renew-control-plane --inventory FILE --limit cp-1
    "#]]);
}

#[test]
fn mistakes_are_json_where_json_was_asked_for() {
    let place = Place::new();
    place.write("plan.toml", PLAN.replace("\"command\"", "\"comand\""));
    place.run("check plan.toml --output json").is(&expect![[r#"
        exit 2
        --- stdout
        {"code":"mistakes","diagnostics":[{"code":"P040","column":8,"file":"plan.toml","help":"did you mean `command`?","label":"no such kind","line":10,"message":"step `make` of stage `files` is of an unknown kind `comand`"}],"exit":2,"hints":[],"message":"1 mistake; nothing was run","schema":1,"type":"error"}
    "#]]);
}

#[test]
fn a_plan_that_is_not_there() {
    let place = Place::new();
    place.run("check renew-everything").is(&expect![[r#"
        exit 2
        --- stderr
        error: there is no plan `renew-everything`: neither a shipped plan nor a file
          `certwright check` lists the shipped plans
    "#]]);
    place.run("check ./renew.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `./renew.toml`: no such file or directory
          paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory
    "#]]);
    place.run("run renew-control-plane -i nowhere.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `nowhere.toml`: no such file or directory
          paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory
    "#]]);
}

#[test]
fn a_file_that_may_not_be_read() {
    let place = Place::new();
    place.write("plan.toml", PLAN);
    fs::set_permissions(place.path("plan.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    place.run_as_nobody("check plan.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `plan.toml`: permission denied
    "#]]);
}

#[test]
fn a_plan_that_everyone_may_change() {
    let place = Place::new();
    place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
    fs::set_permissions(place.path("plan.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    place.run("run plan.toml -i inventory.toml --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: `plan.toml` is not trusted: it is writable by everyone
          a plan or an inventory is code that runs as root; only you may be able to change it
          mend it: chmod o-w ROOT/plan.toml
    "#]]);
    assert!(place.tree("home").is_empty());
}

#[test]
fn an_inventory_in_a_folder_that_everyone_may_change() {
    let place = Place::new();
    place.write("open/inventory.toml", INVENTORY);
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run("run renew-control-plane -i open/inventory.toml --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: `open/inventory.toml` is not trusted: its folder is writable by everyone
          a plan or an inventory is code that runs as root; only you may be able to change it
          mend it: chmod o-w ROOT/open
    "#]]);
    assert!(place.tree("home").is_empty());
}
