//! Two operators with one cluster: the second is refused by name until the first run is over, or given up.

use std::fs;

use crate::cluster::Cluster;

/// Two files on one node, the second only once `allowed` is there.
const PLAN: &str = r#"version = 1
name = "two-files"

[[stage]]
id = "files"
on = "control-plane"

[[stage.step]]
id = "first"
kind = "command"
with.argv = ["touch", "/var/lib/etcd/first"]
with.creates = "/var/lib/etcd/first"

[[stage.step]]
id = "second"
kind = "command"
with.argv = ["cp", "/var/lib/etcd/allowed", "/var/lib/etcd/second"]
with.creates = "/var/lib/etcd/second"
"#;

const RUN: &str = "run plan.toml --inventory inventory.toml --limit cp-1 --yes=lab";
const LOOK: &str = "plan renew-control-plane --inventory inventory.toml --limit cp-1";

/// The run that cp-1 belongs to.
fn owner(cluster: &Cluster) -> Option<String> {
    let line = fs::read_to_string(cluster.path("lab/cp-1/var/lib/certwright/owner")).ok()?;
    Some(line.split(' ').next().expect("a run").to_owned())
}

#[test]
fn a_second_operator_is_refused_by_name_until_the_first_run_is_over_or_given_up() {
    let cluster = Cluster::expired();
    cluster.write("plan.toml", PLAN);
    let failed = cluster.run_as("kim", RUN);
    assert_eq!(failed.code, Some(10), "{}", failed.whole());
    let run = owner(&cluster).expect("a failed run keeps its hosts");

    // Before anything is started, and whatever the plan: a look says it.
    let looked = cluster.run_as("lee", LOOK);
    let says = format!("cp-1: run `{run}` of kim@");
    assert!(looked.code == Some(14) && looked.stdout.contains(&says), "{}", looked.whole());
    let refused = cluster.run_as("lee", &RUN.replace("plan.toml", "plan2.toml"));
    assert_eq!(refused.code, Some(2), "there is no such plan: {}", refused.whole());
    let other = PLAN.replace("etcd/first", "etcd/other");
    cluster.write("plan2.toml", &other);
    let refused = cluster.run_as("lee", &RUN.replace("plan.toml", "plan2.toml"));
    assert_eq!(refused.code, Some(14), "{}", refused.whole());
    let says = format!("error: the run would stop at files/first@cp-1: cp-1 belongs to run `{run}` of kim@");
    assert!(refused.stderr.contains(&says), "{}", refused.whole());
    assert!(refused.stderr.contains(&format!("certwright abandon {run}")), "{}", refused.whole());
    assert!(!cluster.path("lab/cp-1/var/lib/etcd/other").exists(), "nothing was started");
    assert_eq!(owner(&cluster), Some(run.clone()));

    // Given up, twice; then it is the other one's, who mends the cause and comes to the end.
    for words in ["is abandoned", "was over already"] {
        let abandoned = cluster.run_as("kim", &format!("abandon {run}"));
        assert_eq!(abandoned.code, Some(0), "{}", abandoned.whole());
        assert!(abandoned.stdout.contains(words), "{}", abandoned.whole());
        assert_eq!(owner(&cluster), None);
    }
    fs::write(cluster.path("lab/cp-1/var/lib/etcd/allowed"), "").expect("written");
    let ended = cluster.run_as("lee", &RUN.replace("plan.toml", "plan2.toml"));
    assert_eq!(ended.code, Some(0), "{}", ended.whole());
    assert_eq!(owner(&cluster), None, "a run that is over keeps no host: {}", ended.whole());

    // A workstation that is gone for ever.
    fs::remove_file(cluster.path("lab/cp-1/var/lib/etcd/allowed")).expect("there");
    fs::remove_file(cluster.path("lab/cp-1/var/lib/etcd/first")).expect("there");
    fs::remove_file(cluster.path("lab/cp-1/var/lib/etcd/second")).expect("there");
    let failed = cluster.run_as("kim", RUN);
    assert_eq!(failed.code, Some(10), "{}", failed.whole());
    let run = owner(&cluster).expect("a failed run keeps its hosts");
    let known = cluster.run_as("kim", &format!("abandon {run} --inventory inventory.toml --yes={run}"));
    assert_eq!(known.code, Some(14), "its journal is there: {}", known.whole());
    fs::remove_dir_all(cluster.path("kim")).expect("the workstation burns");
    let unsaid = cluster.run_as("lee", &format!("abandon {run} --inventory inventory.toml"));
    assert_eq!(unsaid.code, Some(14), "not confirmed: {}", unsaid.whole());
    assert_eq!(owner(&cluster), Some(run.clone()));
    let freed = cluster.run_as("lee", &format!("abandon {run} --inventory inventory.toml --yes={run}"));
    assert_eq!(freed.code, Some(0), "{}", freed.whole());
    assert_eq!(owner(&cluster), None);
    println!("over ssh: two operators, one node, three ways to let go of it");
}

#[test]
fn a_host_that_is_down_is_named_by_abandon_and_stays_claimed() {
    let mut cluster = Cluster::expired();
    cluster.write("plan.toml", PLAN);
    let failed = cluster.run(RUN);
    assert_eq!(failed.code, Some(10), "{}", failed.whole());
    let run = owner(&cluster).expect("a failed run keeps its hosts");
    cluster.stop_machine(0);
    let abandoned = cluster.run(&format!("abandon {run}"));
    assert_eq!(abandoned.code, Some(10), "{}", abandoned.whole());
    assert!(abandoned.stdout.contains("is abandoned"), "{}", abandoned.whole());
    let says = format!("warning: run `{run}` still has 1 host: cp-1 could not be reached: ");
    assert!(abandoned.stderr.contains(&says), "{}", abandoned.whole());
    assert_eq!(owner(&cluster), Some(run.clone()));

    // The command that the warning names, once the machine is back; the run's own ssh_config is found by itself.
    cluster.start_machine(0);
    let again = cluster.run_plain(&format!("abandon {run}"));
    assert_eq!(again.code, Some(0), "{}", again.whole());
    assert!(again.stdout.contains("was over already") && again.stderr.is_empty(), "{}", again.whole());
    assert_eq!(owner(&cluster), None, "it is free");
}

#[test]
fn an_inventory_that_no_shipped_plan_would_take_is_enough_to_free_its_hosts() {
    let cluster = Cluster::expired();
    cluster.write("plan.toml", PLAN);
    let failed = cluster.run_as("kim", RUN);
    assert_eq!(failed.code, Some(10), "{}", failed.whole());
    let run = owner(&cluster).expect("a failed run keeps its hosts");
    let inventory = fs::read_to_string(cluster.path("inventory.toml")).expect("there");
    cluster.write("others.toml", &inventory.replace("\"control-plane\"", "\"workers\""));
    let freed = cluster.run_as("lee", &format!("abandon {run} --inventory others.toml --yes={run}"));
    assert_eq!(freed.code, Some(0), "{}", freed.whole());
    assert_eq!(owner(&cluster), None);
}
