//! Runs on this machine: previewed, confirmed, failed, resumed.

use std::fs;

use expect_test::expect;

use crate::two_files::{place, run};

#[test]
fn a_run_shows_what_it_will_do_does_it_and_a_second_one_changes_nothing() {
    let place = place();
    place.write("allowed", "");
    run(&place).is(&expect![[r#"
        exit 0
        --- stdout
        plan     two-files
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/first   will change    ROOT/first is not there [cannot be undone]
              $ touch ROOT/first
          files/second  will run       after files/first@workstation: ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        1 of 2 tasks would change something for sure, 1 more after that.

        Run RUN: two-files on cluster prod-1

        TIME  workstation  files/first   changing   ROOT/first is not there
        TIME  workstation  files/first   changed    the effect of touch is there
        TIME  workstation  files/second  changing   ROOT/second is not there
        TIME  workstation  files/second  changed    the effect of cp is there

        CHANGED  everything is as wanted now, and verified
          2 tasks: 2 changed; TOOK
          run RUN
    "#]]);
    assert!(place.path("second").exists());
    run(&place).is(&expect![[r#"
        exit 0
        --- stdout
        plan     two-files
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/first   unchanged      the effect of touch is there
          files/second  unchanged      the effect of cp is there

        Nothing to change.

        Run RUN: two-files on cluster prod-1

        TIME  workstation  files/first   unchanged  the effect of touch is there
        TIME  workstation  files/second  unchanged  the effect of cp is there

        UNCHANGED  everything was already as wanted
          2 tasks: 2 unchanged; TOOK
          run RUN
    "#]]);
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_changed() {
    let place = place();
    place.run("run plan.toml -i inventory.toml").is(&expect![[r#"
        exit 14
        --- stdout
        plan     two-files
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/first   will change    ROOT/first is not there [cannot be undone]
              $ touch ROOT/first
          files/second  will run       after files/first@workstation: ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        1 of 2 tasks would change something for sure, 1 more after that.
        --- stderr
        error: cluster `prod-1` was not confirmed: standard input is no terminal
          nothing was changed
          --yes=prod-1 confirms it without a question
    "#]]);
    place.run("run plan.toml -i inventory.toml --yes=prod-2").is(&expect![[r#"
        exit 14
        --- stderr
        error: cluster `prod-1` was not confirmed: the answer was `prod-2`
          nothing was changed
    "#]]);
    assert!(!place.path("first").exists());
    assert!(place.tree("home/.local/state/certwright/runs").is_empty());
}

#[test]
fn on_a_terminal_the_name_of_the_cluster_is_asked_for() {
    let place = place();
    place.write("allowed", "");
    let ask = |answer: &str| {
        let program = env!("CARGO_BIN_EXE_certwright");
        place.write("ask", format!("{program} run plan.toml -i inventory.toml; echo exit $?\n"));
        place.write("answer", format!("{answer}\n"));
        let mut command = place.under("script", "-qec");
        command.args(["sh ask", "/dev/null"]).env("TERM", "dumb");
        let answer = fs::File::open(place.path("answer")).unwrap();
        String::from_utf8(command.stdin(answer).output().expect("script starts").stdout).unwrap()
    };
    let wrong = ask("prod-2");
    assert!(wrong.contains("Type the name of the cluster (prod-1)"), "{wrong}");
    assert!(wrong.contains("exit 14"), "{wrong}");
    assert!(!place.path("first").exists());
    let right = ask("prod-1");
    assert!(right.contains("exit 0"), "{right}");
    assert!(place.path("second").exists());
}

#[test]
fn a_failure_is_explained_and_a_resume_goes_on_behind_what_is_done() {
    let place = place();
    run(&place).is(&expect![[r#"
        exit 10
        --- stdout
        plan     two-files
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/first   will change    ROOT/first is not there [cannot be undone]
              $ touch ROOT/first
          files/second  will run       after files/first@workstation: ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        1 of 2 tasks would change something for sure, 1 more after that.

        Run RUN: two-files on cluster prod-1

        TIME  workstation  files/first   changing   ROOT/first is not there
        TIME  workstation  files/first   changed    the effect of touch is there
        TIME  workstation  files/second  changing   ROOT/second is not there
        TIME  workstation  files/second  FAILED     apply of attempt 1 failed (refused): workstation: cp exited with 1
                  | cp: cannot stat 'ROOT/allowed': No such file or directory

        FAILED  workstation: cp exited with 1
          host      workstation
          step      files/second (command)
          attempt   1 of 1, in its apply; class refused
          command   cp ROOT/allowed ROOT/second
          status    1
                    | cp: cannot stat 'ROOT/allowed': No such file or directory

        Hosts
          workstation  FAILED at files/second, 1 changed

        FAILED  nothing more was started; it can be resumed
          2 tasks: 1 failed, 1 changed; TOOK
          run RUN
          bundle ROOT/home/.local/state/certwright/runs/RUN/bundle.txt

        Next
          certwright resume RUN  # goes on from here, once the cause is mended
          certwright show RUN    # shows this again
    "#]]);
    place.write("allowed", "");
    place.run("resume").is(&expect![[r#"
        exit 0
        --- stdout
        Run RUN: two-files on cluster prod-1, begun DATE UTC; so far 1 failed, 1 changed

        TIME  resumed    by ops@HOST
        TIME  workstation  files/second  changing   ROOT/second is not there
        TIME  workstation  files/second  changed    the effect of cp is there

        CHANGED  everything is as wanted now, and verified
          2 tasks: 2 changed; TOOK
          run RUN
    "#]]);
    assert!(place.path("second").exists());
    place.run("resume").is(&expect![[r#"
        exit 14
        --- stderr
        error: every run has come to an end
          `certwright runs` lists them
    "#]]);
}

#[test]
fn for_programs_every_line_is_an_object_and_the_last_one_sums_up() {
    let place = place();
    let objects = place.run("run plan.toml -i inventory.toml --yes=prod-1 --output json").exits(10).json();
    let types: Vec<&str> = objects.iter().map(|object| object["type"].as_str().unwrap()).collect();
    assert_eq!(types[0], "plan");
    assert_eq!(types.last(), Some(&"summary"));
    assert!(types[1..types.len() - 1].iter().all(|kind| *kind == "record"), "{types:?}");
    let summary = objects.last().unwrap();
    assert_eq!(summary["outcome"], "failed");
    assert_eq!(summary["exit"], 10);
    assert_eq!(summary["counts"]["failed"], 1);
    assert_eq!(summary["tasks"][1]["state"], "failed");
    assert_eq!(summary["tasks"][1]["error"]["evidence"]["status"], 1);
    let shown = place.run("show --output json --events").exits(0).json();
    let journaled = shown[0]["records"].as_array().unwrap().len();
    assert_eq!(journaled, types.len() - 2, "all but the plan and the summary");
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_run() {
    let place = place();
    place.run("plan plan.toml -i inventory.toml").is(&expect![[r#"
        exit 0
        --- stdout
        plan     two-files
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/first   will change    ROOT/first is not there [cannot be undone]
              $ touch ROOT/first
          files/second  will run       after files/first@workstation: ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        1 of 2 tasks would change something for sure, 1 more after that.
    "#]]);
    assert!(!place.path("first").exists());
    assert!(place.tree("home").is_empty());
}
