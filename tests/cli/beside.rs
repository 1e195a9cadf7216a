//! A run and the other runs of its cluster.

use expect_test::expect;

use crate::program::Place;
use crate::two_files::{failed, run};

#[test]
fn a_run_does_not_begin_on_top_of_one_that_changed_something_and_is_not_finished() {
    let place = failed();
    place.write("allowed", "");
    run(&place).is(&expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` has changed cluster `prod-1` and is not finished (failed)
          `certwright resume RUN` goes on with it
          `certwright abandon RUN` gives it up: what it changed stays
    "#]]);
    assert!(!place.path("second").exists(), "nothing was changed");
    drop(place.run("abandon 20").exits(0));
    drop(run(&place).exits(0));
}

#[test]
fn the_newest_run_of_a_lab_is_undone_first() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    drop(place.run("rehearse --lab lab --fault none --set force=true").exits(0));
    let runs = place.run("runs --output json").exits(0).json();
    let id = |n: usize| runs[0]["runs"][n]["run"].as_str().unwrap().to_owned();
    let (newer, older) = (id(0), id(1));
    let refused = place.run(&format!("undo {older}")).exits(14);
    assert!(refused.stderr.contains(&format!("run `{newer}` changed cluster")), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("`certwright undo {newer}` comes first")), "{}", refused.stderr);
    drop(place.run(&format!("undo {newer}")).exits(11));
    drop(place.run(&format!("undo {older}")).exits(11));
}
