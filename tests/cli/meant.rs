//! Which run is meant where none is named: never a rehearsal before a run on real hosts, never a guess.

use expect_test::expect;

use crate::program::Ran;
use crate::two_files::{failed, run};

/// A rehearsal that fails and stays.
const REHEARSAL: &str = "rehearse --lab lab --fault renew-lies@cp-1*9";

/// The run that is meant is the one that made them, which has nothing to restore.
fn undo_is_of_the_two_files(ran: &Ran) {
    ran.is(&expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` changed nothing that can be undone
          stays as it is: files/first@workstation, files/second@workstation
    "#]]);
}

#[test]
fn a_rehearsal_never_stands_before_a_run_on_real_hosts() {
    let place = failed();
    drop(place.run(REHEARSAL).exits(10));
    place.write("allowed", "");
    let resumed = place.run("resume").exits(0);
    assert!(resumed.stdout.contains("two-files on cluster prod-1"), "{}", resumed.stdout);
    let next = place.run("resume").exits(10);
    assert!(next.stdout.contains("renew-control-plane on cluster lab"), "{}", next.stdout);
    undo_is_of_the_two_files(&place.run("undo --yes=lab"));
}

#[test]
fn an_undo_passes_over_runs_that_changed_nothing() {
    let place = failed();
    place.write("allowed", "");
    drop(place.run("resume").exits(0));
    drop(run(&place).exits(0));
    undo_is_of_the_two_files(&place.run("undo --yes=prod-1"));
}

#[test]
fn of_several_runs_that_could_go_on_none_is_guessed() {
    let place = failed();
    let other = std::fs::read_to_string(place.path("inventory.toml")).unwrap().replace("prod-1", "prod-2");
    place.write("other.toml", &other);
    std::fs::remove_file(place.path("first")).unwrap();
    drop(place.run("run plan.toml -i other.toml --yes=prod-2").exits(10));
    for verb in ["resume", "abandon"] {
        place.run(verb).is(&expect![[r#"
        exit 2
        --- stderr
        error: 2 runs have not come to an end: `RUN` on cluster `prod-2`, `RUN` on cluster `prod-1`
          name the one that is meant
          `certwright show RUN` tells how one stands; `certwright abandon RUN` gives one up for good
    "#]]);
    }
}
