//! Plans and inventories with mistakes: what is said, the exit code, and that nothing was touched.

use expect_test::{Expect, expect};

use crate::program::Place;

/// A plan of one step with `command`, around which the tests make their mistakes.
pub(crate) const PLAN: &str = r#"version = 1
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

pub(crate) const INVENTORY: &str = r#"[cluster]
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
               = help: write `retry = { attempts = 3 }`

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
               |           ^^^^^^ must start with a number
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
        error[P051]: the inventory has no host and no group `cp-9`
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
fn words_of_other_engines() {
    check_plan(
        |plan| plan.replace("kind = \"command\"", "kind = \"shell\"").replace("with.argv", "argv"),
        &expect![[r#"
            exit 2
            --- stderr
            error[P040]: step `make` of stage `files` is of an unknown kind `shell`
              --> plan.toml:10:8
               |
            10 | kind = "shell"
               |        ^^^^^^^ no such kind
               |
               = help: did you mean `command`?

            error[P003]: step `make` of stage `files` has an unknown key `argv`
              --> plan.toml:11:1
               |
            11 | argv = ["touch", "made"]
               | ^^^^ means nothing here
               |
               = help: known here: `id`, `after`, `kind`, `with`, `retry`, `timeout`, `doc`

            2 mistakes; nothing was run
        "#]],
    );
    check_plan(
        |plan| plan.replace("with.argv", "argv"),
        &expect![[r#"
        exit 2
        --- stderr
        error[P004]: step `make` of stage `files` has no `with.argv`
         --> plan.toml:8:1
          |
        8 | [[stage.step]]
          | ^^^^^^^^^^^^^^ kind `command` needs `with.argv`: The program and its arguments; no shell is involved.

        error[P003]: step `make` of stage `files` has an unknown key `argv`
          --> plan.toml:11:1
           |
        11 | argv = ["touch", "made"]
           | ^^^^ means nothing here
           |
           = help: it is a key of `with`: write `with.argv`

        2 mistakes; nothing was run
    "#]],
    );
}
