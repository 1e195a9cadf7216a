//! Where paths lead: from another folder, through folders of others, to files that are not there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use expect_test::expect;

use crate::program::Place;

const INVENTORY: &str = "[cluster]\nname = \"prod-1\"\nnamespace = \"n\"\nkubeconfig = \"deep/kubeconfig\"\n";

const PLAN: &str = r#"version = 1
name = "copies"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "copy"
kind = "command"
with.argv = ["cp", "ROOT/allowed", "{{ cluster.kubeconfig }}"]
with.creates = "{{ cluster.kubeconfig }}"
"#;

#[test]
fn a_resume_from_another_folder_means_the_same_kubeconfig() {
    let place = Place::new();
    let root = place.path("").canonicalize().unwrap().display().to_string();
    place.write("plan.toml", PLAN.replace("ROOT", &root)).write("inventory.toml", INVENTORY);
    for folder in ["deep", "home/deep"] {
        fs::create_dir(place.path(folder)).unwrap();
    }
    drop(place.run("run plan.toml -i inventory.toml --yes=prod-1").exits(10));
    place.write("allowed", "");
    let resumed = place.command("resume").current_dir(place.path("home")).output().unwrap();
    let resumed = place.ran(resumed).exits(0);
    assert!(place.path("deep/kubeconfig").exists(), "{}", resumed.stdout);
    assert!(!place.path("home/deep/kubeconfig").exists());
}

#[test]
fn an_ssh_config_that_is_not_there_is_not_taken_for_an_empty_one() {
    let place = Place::new();
    place.write("inventory.toml", INVENTORY);
    place.run("plan renew-control-plane -i inventory.toml --ssh-config gone").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `ROOT/gone`: no such file or directory
          paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory
    "#]]);
}

#[test]
fn every_folder_on_the_way_to_an_inventory_is_looked_at() {
    let place = Place::new();
    place.write("open/ours/inventory.toml", INVENTORY).write("plan.toml", PLAN);
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run("run plan.toml -i open/ours/inventory.toml --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: `open/ours/inventory.toml` is not trusted: the folder ROOT/open on the way to it is writable by everyone
          a plan or an inventory is code that runs as root; only you may be able to change it
          mend it: chmod o-w ROOT/open
    "#]]);
    // The way leads through a link that everyone could replace, though it starts and ends in folders of ours.
    place.write("safe/inventory.toml", INVENTORY);
    symlink(place.path("safe"), place.path("open/link")).unwrap();
    symlink(place.path("open/link"), place.path("way")).unwrap();
    let ran = place.run("run plan.toml -i way/inventory.toml --yes=prod-1").exits(14);
    assert!(ran.stderr.contains("open on the way to it is writable by everyone"), "{}", ran.stderr);
    // With the sticky bit nobody can replace what is ours.
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o1777)).unwrap();
    drop(place.run("check plan.toml -i way/inventory.toml").exits(0));
}
