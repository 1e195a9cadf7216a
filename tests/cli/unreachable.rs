//! Hosts that nobody answers on.

use expect_test::expect;

use crate::program::Place;

/// Two nodes on a port of this machine where nothing listens.
const INVENTORY: &str = r#"[cluster]
name = "prod-1"
namespace = "cluster-prod-1"
kubeconfig = "kubeconfig"

[ssh]
user = "ops"
port = 1

[[host]]
name = "cp-1"
address = "127.0.0.1"
groups = ["control-plane"]

[[host]]
name = "cp-2"
address = "127.0.0.1"
groups = ["control-plane"]
"#;

const PLAN: &str = r#"version = 1
name = "looks"

[[stage]]
id = "files"
on = "control-plane"

[[stage.step]]
id = "first"
kind = "command"
with.argv = ["touch", "/nonexistent/first"]
with.creates = "/nonexistent/first"
"#;

#[test]
fn every_host_that_does_not_answer_is_named_with_what_to_try() {
    let place = Place::new();
    place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
    place.run("run plan.toml -i inventory.toml --yes=prod-1").is(&expect![[r#"
        exit 2
        --- stderr
        error[P011]: hosts `cp-1` and `cp-2` have the same address
          --> inventory.toml:17:11
           |
        17 | address = "127.0.0.1"
           |           ^^^^^^^^^^^ the second one
           |
           = help: two names for one machine would be worked on at the same time

        1 mistake; nothing was run
    "#]]);
}

#[test]
fn another_name_in_yes_is_refused_before_any_host_is_looked_at() {
    let place = Place::new();
    place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
    place.run("run plan.toml -i inventory.toml --yes=prod-2").is(&expect![[r#"
        exit 2
        --- stderr
        error[P011]: hosts `cp-1` and `cp-2` have the same address
          --> inventory.toml:17:11
           |
        17 | address = "127.0.0.1"
           |           ^^^^^^^^^^^ the second one
           |
           = help: two names for one machine would be worked on at the same time

        1 mistake; nothing was run
    "#]]);
}
