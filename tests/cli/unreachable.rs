//! Hosts that nobody answers on.

use expect_test::expect;

use crate::program::Place;

/// Two nodes on ports of this machine where nothing listens.
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
address = "127.0.0.2"
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
        exit 14
        --- stdout
        plan     looks
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine), cp-1 (127.0.0.1), cp-2 (127.0.0.2)

        cp-1
          files/first  FAILS          cp-1 could not be reached: ssh: connect to host 127.0.0.1 port 1: Connection refused
              remedy: try `ssh -p 1 ops@HOST true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host keys in known_hosts

        cp-2
          files/first  FAILS          cp-2 could not be reached: ssh: connect to host 127.0.0.2 port 1: Connection refused
              remedy: try `ssh -p 1 ops@HOST true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host keys in known_hosts

        A run would stop at files/first@cp-1, files/first@cp-2: nothing after these would be begun.
        --- stderr
        error: the run would stop at files/first@cp-1: cp-1 could not be reached: ssh: connect to host 127.0.0.1 port 1: Connection refused
          try `ssh -p 1 ops@HOST true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host keys in known_hosts
          and at files/first@cp-2: cp-2 could not be reached: ssh: connect to host 127.0.0.2 port 1: Connection refused
    "#]]);
}

#[test]
fn another_name_in_yes_is_refused_before_any_host_is_looked_at() {
    let place = Place::new();
    place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
    place.run("run plan.toml -i inventory.toml --yes=prod-2").is(&expect![[r#"
        exit 14
        --- stderr
        error: cluster `prod-1` was not confirmed: the answer was `prod-2`
          nothing was changed
    "#]]);
}

#[test]
fn a_dry_run_of_some_nodes_tells_which_ones_it_leaves_out_and_what_to_try() {
    let place = Place::new();
    place.write("inventory.toml", INVENTORY);
    let plan = "plan renew-control-plane -i inventory.toml --limit cp-1";
    let said = place.run(plan).exits(14).stdout;
    assert!(said.contains("Left out: cp-2 keeps its old certificates."), "{said}");
    let json = place.run(&format!("{plan} --output json")).exits(14).json();
    assert_eq!(json[0]["left_out"], serde_json::json!(["cp-2"]));
    let remedies = json[0]["tasks"].as_array().unwrap().iter().filter_map(|task| task["remedy"].as_str());
    let remedies: Vec<&str> = remedies.collect();
    assert!(remedies.len() == 1 && remedies[0].contains("ssh -p 1 ops@127.0.0.1 true"), "{remedies:?}");
}
