//! The command line itself: help, and what is not accepted.

use expect_test::expect;

use crate::program::Place;

#[test]
fn help_lists_the_verbs_and_the_exit_codes() {
    Place::new().run("--help").is(&expect![[""]]);
}

#[test]
fn every_verb_has_a_help_that_fits_its_arguments() {
    for verb in ["check", "plan", "run", "resume", "undo", "abandon", "show", "runs", "rehearse"] {
        let ran = Place::new().run(&format!("{verb} --help")).exits(0);
        assert!(ran.stdout.contains(&format!("Usage: certwright {verb}")), "{}", ran.stdout);
        assert!(ran.stdout.contains("--output"), "{}", ran.stdout);
        let longest = ran.stdout.lines().map(str::len).max();
        assert!(longest <= Some(100), "{verb}: {longest:?} columns");
    }
}

#[test]
fn the_help_of_run_says_how_to_confirm() {
    Place::new().run("run --help").is(&expect![[""]]);
}

#[test]
fn the_help_of_rehearse_says_what_happens_without_arguments() {
    Place::new().run("rehearse --help").is(&expect![[""]]);
}

#[test]
fn an_unknown_verb_is_named_with_the_nearest_known_one() {
    Place::new().run("rehearze").is(&expect![[""]]);
}

#[test]
fn a_usage_error_is_json_where_json_was_asked_for() {
    Place::new().run("run --output json").is(&expect![[""]]);
}

#[test]
fn a_set_without_a_value_says_what_one_looks_like() {
    let place = Place::new();
    place.write("inventory.toml", "");
    place.run("check renew-control-plane -i inventory.toml --set force").is(&expect![[""]]);
}

#[test]
fn nothing_is_written_by_asking_for_runs_that_do_not_exist() {
    let place = Place::new();
    place.run("runs").is(&expect![[""]]);
    place.run("show").is(&expect![[""]]);
    place.run("resume").is(&expect![[""]]);
    place.run("show 2026").is(&expect![[""]]);
    assert!(place.tree("home").is_empty());
}
