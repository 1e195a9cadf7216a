//! A process of its own in which one contestant runs, so that all it starts on this side is counted: masters of ssh
//! outlive their parent, and then become this process's children.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};
use serde::{Deserialize, Serialize};

use crate::costs::{children_cpu, machine_cpu, timed};

/// The first argument of such a process.
pub(crate) const WORD: &str = "watched";

/// What a contestant took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Whether it ended with status 0.
    pub(crate) success: bool,
    /// From its start to its end by the clock, ms.
    pub(crate) wall_ms: f64,
    /// Processor time of it and of all it started on this side, ms.
    pub(crate) client_ms: f64,
    /// Processor time of the whole machine meanwhile, nodes and sshd included, ms.
    pub(crate) machine_ms: f64,
    /// Most memory that its first process held at once (VmHWM), KiB.
    pub(crate) peak_kib: u32,
    /// The same without what is mapped from files, the program itself above all (RssAnon, by samples), KiB.
    pub(crate) own_kib: u32,
}

/// Runs `command` under the watch of such a process; what it prints goes to the files `log`.
pub(crate) fn watch(command: &Command, log: &Path) -> Usage {
    let mut watcher = Command::new(std::env::current_exe().expect("this program"));
    watcher.arg(WORD).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => watcher.env(name, value),
            None => watcher.env_remove(name),
        };
    }
    watcher.current_dir(command.get_current_dir().expect("a workstation's folder"));
    let log = fs::File::create(log).expect("a file for what it prints");
    let output = watcher.stdin(Stdio::null()).stderr(log).output().expect("this program starts");
    serde_json::from_slice(&output.stdout).expect("the watcher's report")
}

/// What such a process does: `PROGRAM ARGS...` runs, then the report is printed.
pub(crate) fn main(words: &[String]) -> ! {
    set_child_subreaper(Some(getpid())).expect("Linux 3.4");
    let [program, args @ ..] = words else { panic!("which program?") };
    let machine = machine_cpu();
    let (mut peak_kib, mut own_kib) = (0, 0);
    let (wall, status) = timed(|| {
        // Its words go where the watcher's errors go: its stdout is the report.
        let errors = std::io::stderr();
        let mut command = Command::new(program);
        let mut child = command.args(args).stdout(errors).spawn().expect("the contestant starts");
        loop {
            peak_kib = memory(child.id(), "VmHWM:").unwrap_or(0).max(peak_kib);
            own_kib = memory(child.id(), "RssAnon:").unwrap_or(0).max(own_kib);
            if let Some(status) = child.try_wait().expect("it is a child") {
                break status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    end_what_is_left();
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let usage = Usage {
        success: status.success(),
        wall_ms: ms(wall),
        client_ms: ms(children_cpu()),
        machine_ms: ms(machine_cpu().saturating_sub(machine)),
        peak_kib,
        own_kib,
    };
    serde_json::to_writer(std::io::stdout(), &usage).expect("somebody reads the report");
    std::process::exit(0)
}

/// Ends the masters that wait for more commands, and waits for all.
fn end_what_is_left() {
    loop {
        for child in children() {
            // One that has just ended is waited for below.
            let _ended = kill_process(child, Signal::TERM);
        }
        if wait(WaitOptions::empty()).is_err() {
            return;
        }
    }
}

fn children() -> Vec<rustix::process::Pid> {
    let own = getpid().as_raw_nonzero();
    let list = fs::read_to_string(format!("/proc/self/task/{own}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?)).collect()
}

/// A size that the kernel tells of a process, KiB.
fn memory(pid: u32, which: &str) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    line.split_whitespace().next()?.parse().ok()
}
