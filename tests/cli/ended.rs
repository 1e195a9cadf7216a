//! Runs that have come to an end: shown, undone, abandoned.

use expect_test::expect;

use crate::two_files::failed;

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
        bundle    ROOT/home/.local/state/certwright/runs/RUN/bundle.txt (versions, certificates, logs; redacted)

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

/// Nothing answers at its address; the plan has no task there.
#[test]
fn a_host_that_a_run_did_not_work_on_is_not_asked_to_be_freed() {
    let place = failed();
    let hosts =
        "\n[[host]]\nname = \"cp-1\"\naddress = \"127.0.0.1\"\nport = 1\ngroups = [\"control-plane\"]\n";
    let inventory = std::fs::read_to_string(place.path("inventory.toml")).unwrap() + hosts;
    place.write("inventory.toml", inventory.replace("prod-1", "prod-2"));
    std::fs::remove_file(place.path("first")).unwrap();
    drop(place.run("run plan.toml -i inventory.toml --yes=prod-2").exits(10));
    let abandoned = place.run("abandon --yes=prod-2").exits(2);
    assert!(abandoned.stderr.contains("2 runs have not come to an end"), "{}", abandoned.stderr);
    let runs = place.run("runs --output json").json()[0]["runs"].clone();
    let of = |cluster: &str| {
        let run = runs.as_array().unwrap().iter().find(|run| run["cluster"] == cluster).expect("its run");
        run["run"].as_str().unwrap().to_owned()
    };
    let ran = place.run(&format!("abandon {}", of("prod-2"))).exits(0);
    assert_eq!(ran.stderr, "", "{}", ran.stdout);
    place.write("allowed", "");
    std::fs::remove_file(place.path("first")).unwrap();
    let ran = place.run("run plan.toml -i inventory.toml --yes=prod-2").exits(0);
    assert_eq!(ran.stderr, "", "{}", ran.stdout);
}

#[test]
fn an_abandoned_run_is_over() {
    let place = failed();
    // It cannot be taken back: what is not named is asked for.
    place.run("abandon").is(&expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` was not confirmed: standard input is no terminal
          nothing was changed
          --yes=RUN confirms it without a question
    "#]]);
    let other = place.run("abandon 20 --yes=another").exits(14);
    assert!(other.stderr.contains("was not confirmed: the answer was `another`"), "{}", other.stderr);
    place.run("abandon 20").is(&expect![[r#"
        exit 0
        --- stdout
        Run RUN is abandoned: what it changed stays; nothing can be resumed or undone any more.
    "#]]);
    place.run("resume").is(&expect![[r#"
        exit 14
        --- stderr
        error: every run has come to an end
          `certwright runs` lists them
    "#]]);
    let id = place.run("runs --output json").json()[0]["runs"][0]["run"].as_str().unwrap().to_owned();
    place.run("undo --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: the newest run that changed something, `RUN`, was given up
          `certwright undo RUN` undoes an older one; `certwright runs` lists them
    "#]]);
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
