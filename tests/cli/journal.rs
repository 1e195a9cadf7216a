//! Run state that is damaged, foreign, locked, or on a full disk: what is said, the exit code, nothing changed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use expect_test::expect;
use serde_json::{Value, json};

use crate::program::Place;

const STATE: &str = "home/.local/state/certwright";

const INVENTORY: &str = r#"[cluster]
name = "prod-1"
namespace = "cluster-prod-1"
kubeconfig = "kubeconfig"
"#;

const PLAN: &str = r#"version = 1
name = "fails"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "copy"
kind = "command"
with.argv = ["cp", "ROOT/allowed", "ROOT/made"]
with.creates = "ROOT/made"
"#;

const RUN: &str = "run plan.toml -i inventory.toml --yes=prod-1";

fn place() -> Place {
    let place = Place::new();
    let root = place.path("").canonicalize().unwrap().display().to_string();
    place.write("plan.toml", PLAN.replace("ROOT", &root)).write("inventory.toml", INVENTORY);
    place
}

/// A place with a run that failed, and its journal.
fn failed() -> (Place, PathBuf) {
    let place = place();
    drop(place.run(RUN).exits(10));
    let runs = fs::read_dir(place.path(STATE).join("runs")).unwrap();
    let run = runs.flatten().next().expect("one run").path();
    (place, run.join("journal"))
}

/// CRC-32C, bit by bit, as the journal's lines have it.
fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!seed, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

/// Writes a journal anew, each record changed as told, with checksums that fit.
pub(crate) fn rewrite(journal: &PathBuf, change: impl Fn(u64, &mut String)) {
    let bytes = fs::read(journal).unwrap();
    let text = String::from_utf8(bytes.into_iter().take_while(|byte| *byte != 0).collect()).unwrap();
    let (mut out, mut crc) = (String::new(), 0);
    for (seq, line) in (1..).zip(text.lines()) {
        let mut json = line.splitn(3, ' ').nth(2).expect("LENGTH CRC JSON").to_owned();
        change(seq, &mut json);
        crc = crc32c(crc, json.as_bytes());
        out.extend([json.len().to_string(), format!(" {crc:08x} "), json, "\n".to_owned()]);
    }
    fs::write(journal, out).unwrap();
}

#[test]
fn a_damaged_journal_is_refused_with_its_line() {
    let (place, journal) = failed();
    let mut bytes = fs::read(&journal).unwrap();
    let second_line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 40;
    bytes[second_line] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    place.run("resume").is(&expect![[r#"
        exit 20
        --- stderr
        error: journal `ROOT/home/.local/state/certwright/runs/RUN/journal` line 2 does not match its checksum: the records after it cannot be trusted; keep the file, and start a new run, which looks first and repeats nothing that is done
    "#]]);
    place.run("show").is(&expect![[r#"
        exit 20
        --- stderr
        error: journal `ROOT/home/.local/state/certwright/runs/RUN/journal` line 2 does not match its checksum: the records after it cannot be trusted; keep the file, and start a new run, which looks first and repeats nothing that is done
    "#]]);
    assert_eq!(fs::read(&journal).unwrap(), bytes, "nothing was changed");
}

#[test]
fn a_write_that_was_cut_off_is_cut_and_the_resume_says_so() {
    let (place, journal) = failed();
    let mut bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap();
    bytes.truncate(end - 5);
    fs::write(&journal, &bytes).unwrap();
    place.write("allowed", "");
    place.run("resume").is(&expect![[r#"
        exit 0
        --- stdout
        Run RUN: fails on cluster prod-1, begun DATE UTC; so far 1 unfinished
        Its journal ended in an interrupted write (line 5 is cut off): SIZE were cut off, kept as journal.tail-1

        TIME  resumed    by ops@HOST
        TIME  workstation  files/copy  changing   ROOT/made is not there
        TIME  workstation  files/copy  changed    the effect of cp is there

        CHANGED  everything is as wanted now, and verified
          1 task: 1 changed; TOOK
          run RUN
    "#]]);
}

#[test]
fn a_run_of_a_newer_format_is_refused() {
    let (place, journal) = failed();
    rewrite(&journal, |_, json| *json = json.replace("\"format\":1", "\"format\":2"));
    place.run("resume").is(&expect![[r#"
        exit 20
        --- stderr
        error: journal `ROOT/home/.local/state/certwright/runs/RUN/journal` line 1 is in format 2 by certwright 0.1.0, this one reads format 1: use that certwright or a later one
          without it nothing tells which run is meant: name one; `certwright runs` lists them
    "#]]);
    place.run("runs").is(&expect![[r#"
        exit 0
        --- stdout
        RUN                   STATE       STARTED (UTC)  CLUSTER  PLAN
        RUN  unreadable  -              -        journal `ROOT/home/.local/state/certwright/runs/RUN/journal` line 1 is in format 2 by certwright 0.1.0, this one reads format 1: use that certwright or a later one
    "#]]);
}

#[test]
fn an_event_of_a_newer_version_is_shown_and_not_resumed() {
    let (place, journal) = failed();
    rewrite(&journal, |seq, json| {
        if seq == 3 {
            let mut record: Value = serde_json::from_str(json).unwrap();
            record["body"] = json!({ "teleported": { "task": 0 } });
            let order = ["seq", "batch", "left", "wall_ms", "mono", "body"];
            let fields: Vec<String> = order.iter().map(|key| format!("\"{key}\":{}", record[key])).collect();
            *json = format!("{{{}}}", fields.join(","));
        }
    });
    place.run("resume").is(&expect![[r#"
        exit 20
        --- stderr
        error: journal `ROOT/home/.local/state/certwright/runs/RUN/journal` line 3 holds the event `teleported`, which this certwright does not know: resume with the one that wrote it, or a later one; `certwright show RUN` shows what is known
    "#]]);
    let shown = place.run("show").exits(0).stdout;
    assert!(shown.contains("record 3 is of a later certwright: event `teleported`"), "{shown}");
}

#[test]
fn a_second_run_on_a_cluster_is_refused_while_the_first_goes_on() {
    let (place, _) = failed();
    let lock = File::options().read(true).write(true).open(place.path(STATE).join("clusters/prod-1.lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    place.write("allowed", "");
    place.run(RUN).is(&expect![[r#"
        exit 14
        --- stderr
        error: cluster `prod-1` is in use by run `RUN` (lock `ROOT/home/.local/state/certwright/clusters/prod-1.lock`): wait for its end, or stop it with Ctrl-C there
    "#]]);
    place.run("resume").is(&expect![[r#"
        exit 14
        --- stderr
        error: cluster `prod-1` is in use by run `RUN` (lock `ROOT/home/.local/state/certwright/clusters/prod-1.lock`): wait for its end, or stop it with Ctrl-C there
    "#]]);
    assert!(!place.path("made").exists());
    drop(lock);
    drop(place.run("resume").exits(0));
}

#[test]
fn a_run_that_another_process_owns_is_refused() {
    let (place, journal) = failed();
    let lock = File::options().read(true).write(true).open(journal.with_file_name("lock")).unwrap();
    lock.lock().unwrap();
    place.run("resume").is(&expect![[r#"
        exit 14
        --- stderr
        error: run `RUN` is owned by another process (lock `ROOT/home/.local/state/certwright/runs/RUN/lock`): wait for its end, or stop it with Ctrl-C there
    "#]]);
    place.run("runs").is(&expect![[r#"
        exit 0
        --- stdout
        RUN                   STATE    STARTED (UTC)     CLUSTER  PLAN
        RUN  running  DATE  prod-1   fails
    "#]]);
}

#[test]
fn a_state_folder_that_others_can_change_is_not_used() {
    let (place, _) = failed();
    fs::set_permissions(place.path(STATE), fs::Permissions::from_mode(0o777)).unwrap();
    place.run(RUN).is(&expect![[r#"
        exit 20
        --- stderr
        error: `ROOT/home/.local/state/certwright` is open to others (mode 777): not used, for it says what runs as root; see who changed it, then `chmod go-rwx ROOT/home/.local/state/certwright`
    "#]]);
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_changed() {
    let place = place();
    place.write("allowed", "");
    fs::create_dir(place.path("small")).unwrap();
    let program = env!("CARGO_BIN_EXE_certwright");
    let script =
        format!("mount -t tmpfs -o size=16m none small && exec {program} {RUN} --state-dir small/state");
    let mut command = place.under("unshare", "-m sh -c");
    place.ran(command.arg(script).output().expect("unshare starts")).is(&expect![[r#"
        exit 20
        --- stdout
        plan     fails
        digest   DIGEST
        cluster  prod-1
        hosts    workstation (this machine)

        workstation
          files/copy  will change    ROOT/made is not there [cannot be undone]
              $ cp ROOT/allowed ROOT/made

        1 of 1 task would change something for sure.

        --- stderr
        error: only 15 MiB are free in `ROOT/small/state`, a run needs 64 MiB: free some space and try again
    "#]]);
    assert!(!place.path("made").exists());
}
