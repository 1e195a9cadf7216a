//! A plan of two files, the second of which is made only once a third one is there.

use crate::program::{Place, Ran};

const INVENTORY: &str = r#"[cluster]
name = "prod-1"
namespace = "cluster-prod-1"
kubeconfig = "kubeconfig"
"#;

/// Two files to be made, the second one only once `ROOT/allowed` is there.
const PLAN: &str = r#"version = 1
name = "two-files"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "first"
kind = "command"
with.argv = ["touch", "ROOT/first"]
with.creates = "ROOT/first"

[[stage.step]]
id = "second"
kind = "command"
with.argv = ["cp", "ROOT/allowed", "ROOT/second"]
with.creates = "ROOT/second"
"#;

/// A place with plan and inventory.
pub(crate) fn place() -> Place {
    let place = Place::new();
    let root = place.path("").canonicalize().unwrap().display().to_string();
    place.write("plan.toml", PLAN.replace("ROOT", &root)).write("inventory.toml", INVENTORY);
    place
}

/// Runs the plan.
pub(crate) fn run(place: &Place) -> Ran {
    place.run("run plan.toml -i inventory.toml --yes=prod-1")
}

/// A place with a run that failed at the second file.
pub(crate) fn failed() -> Place {
    let place = place();
    drop(run(&place).exits(10));
    place
}
