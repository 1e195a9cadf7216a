//! Signals, deaths of the output, and what a stopped run says.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Place, Ran};

const INVENTORY: &str = r#"[cluster]
name = "prod-1"
namespace = "cluster-prod-1"
kubeconfig = "kubeconfig"
"#;

/// A step that ends when somebody writes into `ROOT/pipe`, and one that must not begin before.
const PLAN: &str = r#"version = 1
name = "waits"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "waits"
kind = "command"
with.argv = ["cp", "ROOT/pipe", "ROOT/first"]
with.creates = "ROOT/first"

[[stage.step]]
id = "after"
kind = "command"
with.argv = ["touch", "ROOT/second"]
with.creates = "ROOT/second"
"#;

/// A probe that ends when somebody writes into `ROOT/pipe`.
const LOOKS: &str = r#"version = 1
name = "looks"

[[stage]]
id = "files"
on = "workstation"

[[stage.step]]
id = "first"
kind = "command"
with.argv = ["touch", "ROOT/first"]
with.creates = "ROOT/first"

[[stage.step]]
id = "looks"
kind = "command"
with.argv = ["touch", "ROOT/second"]
with.unless = ["cp", "ROOT/pipe", "ROOT/first"]
"#;

fn place(plan: &str) -> Place {
    let place = Place::new();
    let root = place.path("").canonicalize().unwrap().display().to_string();
    place.write("plan.toml", plan.replace("ROOT", &root)).write("inventory.toml", INVENTORY);
    let made = place.under("mkfifo", "pipe").status().expect("mkfifo starts");
    assert!(made.success());
    place
}

/// A run in the background whose output is read line by line.
struct Running {
    child: std::process::Child,
    lines: BufReader<std::process::ChildStdout>,
    said: String,
}

impl Running {
    fn start(place: &Place) -> Self {
        let mut command = place.command("run plan.toml -i inventory.toml --yes=prod-1");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, said: String::new() }
    }

    /// Reads on until a line holds `text`.
    fn until(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "`{text}` was never said:\n{}", self.said);
            self.said.push_str(&line);
            if line.contains(text) {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        self.lines.read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap().code(), self.said)
    }
}

#[test]
fn the_first_interrupt_drains_what_runs_and_a_resume_goes_on() {
    let place = place(PLAN);
    let mut run = Running::start(&place);
    run.until("files/waits  changing");
    run.signal(Signal::HUP);
    run.signal(Signal::INT);
    run.until("waiting for files/waits@workstation");
    fs::write(place.path("pipe"), "x").unwrap();
    let (code, said) = run.end();
    assert_eq!(code, Some(13), "{said}");
    assert!(said.contains("files/waits  changed"), "what ran was waited for:\n{said}");
    assert!(said.contains("INTERRUPTED") && said.contains("certwright resume "), "{said}");
    assert!(!place.path("second").exists(), "nothing more was started");
    drop(place.run("resume").exits(0));
    assert!(place.path("second").exists());
}

#[test]
fn the_second_interrupt_waits_for_a_change_that_must_not_be_left_half_done() {
    let place = place(PLAN);
    let mut run = Running::start(&place);
    run.until("files/waits  changing");
    run.signal(Signal::TERM);
    run.until("waiting for files/waits@workstation");
    run.signal(Signal::TERM);
    run.until("cancelling");
    fs::write(place.path("pipe"), "x").unwrap();
    let (code, said) = run.end();
    assert_eq!(code, Some(13), "{said}");
    assert!(place.path("first").exists());
    assert!(!place.path("second").exists());
}

#[test]
fn the_second_interrupt_drops_a_look_at_once() {
    let place = place(LOOKS);
    // The dry run of `run` looks too: it is let through.
    let first_look = std::thread::spawn({
        let pipe = place.path("pipe");
        move || fs::write(pipe, "x")
    });
    let mut run = Running::start(&place);
    first_look.join().unwrap().unwrap();
    run.until("sure");
    run.until("files/first");
    run.signal(Signal::INT);
    run.until("waiting for files/looks@workstation");
    run.signal(Signal::INT);
    let (code, said) = run.end();
    assert_eq!(code, Some(13), "{said}");
}

#[test]
fn an_interrupt_of_the_look_before_a_run_changes_nothing_and_leaves_no_run() {
    let place = place(LOOKS);
    let run = Running::start(&place);
    // Opens once the look reads from it; nothing is ever written.
    let pipe = fs::File::options().write(true).open(place.path("pipe")).unwrap();
    run.signal(Signal::INT);
    let output = run.child.wait_with_output().unwrap();
    drop(pipe);
    let ran = place.ran(output).exits(14);
    assert!(
        ran.stderr.contains("stopped by a signal while looking\n  nothing was changed"),
        "{}",
        ran.stderr
    );
    assert!(!place.path("second").exists());
    assert!(place.tree("home/.local/state/certwright/runs").is_empty());
}

#[test]
fn an_interrupt_at_the_question_changes_nothing_and_leaves_no_run() {
    let place = crate::two_files::place();
    let program = env!("CARGO_BIN_EXE_certwright");
    place.write("ask", format!("trap : INT\n{program} run plan.toml -i inventory.toml; echo exit $?\n"));
    let mut command = place.under("script", "-qec");
    command.args(["sh ask", "/dev/null"]).env("TERM", "dumb").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().expect("script starts");
    let (mut keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"anything else to stop: ") {
        assert_eq!(screen.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    // What Ctrl-C is on a terminal.
    std::io::Write::write_all(&mut keys, b"\x03").unwrap();
    let mut rest = String::new();
    screen.read_to_string(&mut rest).unwrap();
    let _ended = script.wait().unwrap();
    assert!(rest.contains("stopped by a signal before the name was given"), "{rest}");
    assert!(rest.contains("exit 14"), "{rest}");
    assert!(place.tree("home/.local/state/certwright/runs").is_empty());
}

/// A rehearsal to whose durable writes strace adds a signal or an error; every one of them is traced.
fn injected(place: &Place, inject: &str, args: &str) -> Ran {
    let program = env!("CARGO_BIN_EXE_certwright");
    let args = format!("-f -qq -o trace -e trace=fdatasync -e inject=fdatasync:{inject} {program} {args}");
    place.ran(place.under("strace", &args).output().expect("strace is installed (tests/run does it)"))
}

#[test]
fn a_hangup_at_every_record_of_a_rehearsal_is_survived() {
    let place = Place::new();
    let ran = injected(&place, "signal=HUP:when=2+", "rehearse --output json --fault none").exits(0);
    let hangups = fs::read_to_string(place.path("trace")).unwrap().matches("SIGHUP").count();
    println!("{hangups} hangups survived");
    assert!(hangups > 20, "{hangups}");
    assert_eq!(ran.json().last().unwrap()["outcome"], "changed");
}

#[test]
fn an_interrupted_rehearsal_is_resumed_to_the_same_end() {
    let place = Place::new();
    let ran = injected(&place, "signal=INT:when=8", "rehearse --lab lab --output json").exits(13);
    let objects = ran.json();
    let interrupted =
        |object: &&serde_json::Value| object["record"]["body"]["interrupted"]["stop"] == "drain";
    assert_eq!(objects.iter().filter(interrupted).count(), 1);
    let resumed = place.run("resume --output json").exits(0).json();
    assert_eq!(resumed.last().unwrap()["outcome"], "changed");
}

#[test]
fn a_fault_of_a_rehearsal_that_was_stopped_is_not_said_to_prove_nothing() {
    let place = Place::new();
    let said = injected(&place, "signal=INT:when=8", "rehearse --lab lab").exits(13).stdout;
    assert!(said.contains("fault deadline-exceeded@cp-2: not met before the run was stopped"), "{said}");
    assert!(!said.contains("once the cause is mended"), "{said}");
}

#[test]
fn output_that_nobody_reads_stops_nothing() {
    let place = Place::new();
    let mut command = place.command("rehearse --lab lab --fault none");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = place.command("rehearse --lab lab --fault none");
    assert_eq!(command.stdout(full).status().unwrap().code(), Some(0));
    assert_eq!(place.run("show --output json").exits(0).json()[0]["run"]["outcome"], "unchanged");
}

#[test]
fn a_disk_that_fails_ends_the_process_and_a_resume_goes_on() {
    let place = Place::new();
    let ran = injected(&place, "error=EIO:when=12", "rehearse --lab lab").exits(20);
    assert!(ran.stderr.contains("state unknown after record"), "{}", ran.stderr);
    assert!(ran.stderr.contains("certwright resume "), "{}", ran.stderr);
    let resumed = place.run("resume --output json").exits(0).json();
    assert_eq!(resumed.last().unwrap()["outcome"], "changed");
}
