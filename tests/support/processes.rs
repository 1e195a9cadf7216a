//! Processes of this machine, as /proc shows them.

#![expect(clippy::disallowed_methods, reason = "tests end processes themselves")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::succeeds;

/// Kills a process by id; one that is gone already is fine.
pub(crate) fn kill(pid: u32) {
    let _ended = succeeds(Command::new("kill").args(["-KILL", &pid.to_string()]));
}

/// Process ids of the children of `parent`.
pub(super) fn children_of(parent: u32) -> Vec<u32> {
    processes().into_iter().filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Process ids of all processes, this one excepted, whose command line holds `text`; zombies have none.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let holds = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
    };
    processes().into_iter().filter(|pid| *pid != std::process::id() && holds(pid)).collect()
}

pub(super) fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name) state ppid: the name may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

pub(super) fn namespace_of(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}

pub(super) fn is_sshd(pid: u32) -> bool {
    process_name(pid).is_some_and(|name| name.starts_with("sshd"))
}

fn process_name(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}
