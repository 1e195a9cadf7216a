//! Writes the journals of the present format, by rehearsals on one node and a run on this machine. For formats that no released certwright writes.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;

use certwright_engine::journal::{Entry, FORMAT, Journal, RunId, Stamp, StateDir};
use certwright_engine::machine::{Event, Record};
use certwright_steps::lab::Lab;
use rustix::process::{Pid, Signal, kill_process};

use super::{INVENTORY, folder, kept};
use crate::program::Place;

const TOUCHES: &str = r#"version = 1
name = "touches"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "touch"
kind = "command"
with.argv = ["touch", "MADE"]
with.creates = "MADE"
"#;

const REHEARSE: &str = "rehearse --inventory inventory.toml --lab lab";

#[test]
#[ignore = "it replaces what is kept; the command is in docs/design/machine-and-journal.md"]
fn write_the_journals_of_this_format() {
    let changes =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).expect("the changes");
    let releases =
        changes.lines().filter(|line| line.starts_with("## [") && !line.contains("Unreleased")).count();
    assert_eq!(
        releases, 0,
        "a certwright that writes format {FORMAT} is released: its journals stay as they are"
    );
    assert!(
        std::env::var_os("UPDATE_EXPECT").is_some(),
        "set UPDATE_EXPECT=1: what they mean is written too"
    );
    everything();
    abandoned();
    unchanged();
    real();
    kept(FORMAT).iter().for_each(super::Kept::check);
}

fn place() -> Place {
    let place = Place::new();
    place.write("inventory.toml", INVENTORY);
    place
}

/// A failure, a resume that is interrupted twice, another one with a retry, an undo that fails, another one.
fn everything() {
    let place = place();
    drop(
        place.run(&format!("{REHEARSE} --fault renew-dies@cp-1 --fault deadline-exceeded@cp-1*2")).exits(10),
    );
    interrupted(&place);
    drop(place.run("resume").exits(0));
    let lab = Lab::open(place.path("lab")).expect("a lab");
    lab.inject("disk-full=/var/lib/certwright@cp-1".parse().expect("a fault")).expect("the lab takes it");
    drop(place.run("undo --yes=prod-1").exits(12));
    drop(place.run("undo --yes=prod-1").exits(11));
    keep(&place, "everything");
}

fn abandoned() {
    let place = place();
    drop(place.run(&format!("{REHEARSE} --fault renew-dies@cp-1")).exits(10));
    drop(place.run("abandon").exits(0));
    keep(&place, "abandoned");
}

fn unchanged() {
    let place = place();
    drop(place.run(&format!("{REHEARSE} --fault none")).exits(0));
    fs::remove_dir_all(place.path("home/.local")).expect("the first run");
    drop(place.run(REHEARSE).exits(0));
    keep(&place, "unchanged");
}

/// No rehearsal: one task on this machine, with an ssh_config named.
fn real() {
    let place = place();
    let made = place.path("made");
    place.write("plan.toml", TOUCHES.replace("MADE", made.to_str().expect("UTF-8"))).write("ssh_config", "");
    let options = "--inventory inventory.toml --ssh-config ssh_config --limit workstation --yes=prod-1";
    drop(place.run(&format!("run plan.toml {options}")).exits(0));
    keep(&place, "real");
}

/// A resume that is asked to stop, and then to cancel what is under way.
fn interrupted(place: &Place) {
    let mut child = place.command("resume").stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut said = String::new();
    for text in ["restart/static-pods     changing", "waiting for restart/static-pods"] {
        while !said.contains(text) {
            assert!(lines.read_line(&mut said).expect("UTF-8") > 0, "`{text}` was never said:\n{said}");
        }
        kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    }
    lines.read_to_string(&mut said).expect("UTF-8");
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(13), "{said}");
}

/// Keeps the place's one run, with nothing of this machine in it.
fn keep(place: &Place, name: &str) {
    let state = StateDir::new(place.path("home/.local/state/certwright"));
    let listed = state.list().expect("runs");
    let run: &RunId = &listed.first().expect("a run").id;
    let records: Vec<Record> = state
        .read(run)
        .expect("its journal")
        .map(|entry| match entry.expect("an intact line") {
            Entry::Record(record) => neutral(place, &record),
            Entry::Unknown(unknown) => panic!("{unknown:?}"),
        })
        .collect();
    let folder = folder(FORMAT).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("run"), format!("{run}\n")).expect("its run");
    let path = folder.join("journal");
    write(&path, &records);
    println!("{name}: {} records", records.len());
}

/// The record with this machine's name and folders replaced.
fn neutral(place: &Place, record: &Record) -> Record {
    let root = place.path("");
    let root = root.to_str().expect("UTF-8").trim_end_matches('/');
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let json = serde_json::to_string(record).expect("JSON");
    let json = json.replace(root, "/home/ops").replace(&format!("ops@{host}"), "ops@desk");
    serde_json::from_str(&json).expect("the same record")
}

/// Writes records as the program does, without the zeros that it keeps behind them.
fn write(path: &Path, records: &[Record]) {
    let Event::RunStarted { header } = &records[0].body else {
        panic!("a journal begins with the start of its run")
    };
    let file = File::create(path).expect("a file");
    let stamp = Stamp { wall_ms: records[0].wall_ms, mono: records[0].mono };
    let (mut journal, _first) =
        Journal::begin(Box::new(file), path, (**header).clone(), stamp).expect("a journal begins");
    for batch in records[1..].chunk_by(|a, b| a.batch == b.batch) {
        journal.append(batch).expect("a batch");
    }
    let bytes = fs::read(path).expect("what was written");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("a record") + 1;
    fs::write(path, &bytes[..end]).expect("what is kept");
}
