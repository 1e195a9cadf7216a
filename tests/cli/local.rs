//! Runs on this machine: confirmed, failed, resumed, undone, abandoned, shown.

use std::fs;

use expect_test::expect;

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

fn place() -> Place {
    let place = Place::new();
    let root = place.path("").canonicalize().unwrap().display().to_string();
    place.write("plan.toml", PLAN.replace("ROOT", &root)).write("inventory.toml", INVENTORY);
    place
}

fn run(place: &Place) -> Ran {
    place.run("run plan.toml -i inventory.toml --yes=prod-1")
}

fn failed() -> Place {
    let place = place();
    drop(run(&place).exits(10));
    place
}

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
          files/second  will change    ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        2 of 2 tasks would change something for sure.

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
          files/second  will change    ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        2 of 2 tasks would change something for sure.
        --- stderr
        error: cluster `prod-1` was not confirmed: standard input is no terminal
          nothing was changed
          --yes=prod-1 confirms it without a question
    "#]]);
    place.run("run plan.toml -i inventory.toml --yes=prod-2").is(&expect![[r#"
        exit 14
        --- stdout
        plan     two-files
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/first   will change    ROOT/first is not there [cannot be undone]
              $ touch ROOT/first
          files/second  will change    ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        2 of 2 tasks would change something for sure.
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
          files/second  will change    ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        2 of 2 tasks would change something for sure.

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
        exit 2
        --- stderr
        error: every run has come to an end
          `certwright runs` lists them
    "#]]);
}

#[test]
fn a_failed_run_can_be_shown_by_any_part_of_its_name() {
    let place = failed();
    place.run("runs").is(&expect![[r#"
        exit 0
        --- stdout
        RUN                   STATE   STARTED (UTC)     CLUSTER  PLAN
        RUN  failed  DATE  prod-1   two-files
    "#]]);
    place.run("show --events").is(&expect![[r#"
        exit 0
        --- stdout
        TIME  workstation  files/first   changing   ROOT/first is not there
        TIME  workstation  files/first   changed    the effect of touch is there
        TIME  workstation  files/second  changing   ROOT/second is not there
        TIME  workstation  files/second  FAILED     apply of attempt 1 failed (refused): workstation: cp exited with 1
                  | cp: cannot stat 'ROOT/allowed': No such file or directory
        TIME  failed     nothing more was started; it can be resumed

        run       RUN
        plan      two-files on cluster prod-1
        digest    DIGEST
        operator  ops@HOST
        time      DATE TIME to DATE TIME UTC

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

        Next
          certwright resume RUN  # goes on from here, once the cause is mended
          certwright show RUN    # shows this again
    "#]]);
    let id = place.run("runs --output json").json()[0]["runs"][0]["run"].as_str().unwrap().to_owned();
    assert_eq!(place.run(&format!("show {}", &id[id.len() - 4..])).exits(0).code, Some(0));
}

#[test]
fn undoing_what_cannot_be_undone_says_so_and_changes_nothing() {
    let place = failed();
    place.run("undo").is(&expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` changed nothing that can be undone
          stays as it is: files/first@workstation, files/second@workstation
    "#]]);
    place.run("undo --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` changed nothing that can be undone
          stays as it is: files/first@workstation, files/second@workstation
    "#]]);
    assert!(place.path("first").exists());
}

#[test]
fn an_abandoned_run_is_over() {
    let place = failed();
    place.run("abandon").is(&expect![[r#"
        exit 0
        --- stdout
        Run RUN is abandoned: what it changed stays; nothing can be resumed or undone any more.
    "#]]);
    place.run("resume").is(&expect![[r#"
        exit 2
        --- stderr
        error: every run has come to an end
          `certwright runs` lists them
    "#]]);
    let id = place.run("runs --output json").json()[0]["runs"][0]["run"].as_str().unwrap().to_owned();
    place.run(&format!("resume {id}")).is(&expect![[r#"
        exit 14
        --- stderr
        error: cannot resume run `RUN`: it is abandoned
          `certwright show RUN` shows it
    "#]]);
    place.run(&format!("undo {id} --yes=prod-1")).is(&expect![[r#"
        exit 14
        --- stderr
        error: cannot undo run `RUN`: it is abandoned
          `certwright show RUN` shows it
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
          files/second  will change    ROOT/second is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/second

        2 of 2 tasks would change something for sure.
    "#]]);
    assert!(!place.path("first").exists());
    assert!(place.tree("home").is_empty());
}
