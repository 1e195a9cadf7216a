//! The worker's program under every shell it may meet, over pipes.

mod claims;
mod commands;
mod looks;
mod requests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::host::{Command, Effect, HostError, LocalConnect, Output, Settled, WhenAbandoned};

const EFFECTS: [Effect; 2] = [Effect::Reads, Effect::Mutates];

/// The shells that `/bin/sh` is somewhere.
fn shells() -> [&'static [&'static str]; 3] {
    let shells: [&[&str]; 3] = [&["/bin/dash"], &["/bin/bash"], &["/bin/busybox", "sh"]];
    for shell in shells {
        assert!(Path::new(shell[0]).exists(), "{} is not installed: run `tests/run`", shell[0]);
    }
    shells
}

/// A node whose `/bin/sh` is one of them, without a network before it.
struct Node {
    folder: TempDir,
    shell: &'static [&'static str],
}

impl Node {
    fn new(shell: &'static [&'static str]) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), shell }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn base(&self) -> PathBuf {
        self.path("base")
    }

    fn connect(&self) -> LocalConnect {
        LocalConnect::new("cp-1", self.shell, &self.base(), WhenAbandoned::Leave)
    }

    /// What a process of that run has of the node.
    fn client(&self, run: &str) -> Client<LocalConnect> {
        let claim = Claim { run: run.to_owned(), operator: format!("{run}-operator@ws") };
        Client::node("cp-1", self.connect(), Some(claim))
    }

    fn owner(&self) -> Option<Owner> {
        let line = std::fs::read_to_string(self.base().join("owner")).ok()?;
        Some(Owner::parse(line.trim_end_matches('\n')).expect("an owner line"))
    }

    /// What is left where running commands have their files.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.base().join("run")).expect("it is there").flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

fn command(effect: Effect, argv: &[&str]) -> Command {
    Command { effect, ..Command::reads(argv.iter().copied()) }
}

fn sh(script: &str) -> [&str; 3] {
    ["/bin/sh", "-c", script]
}

/// Waits for something that happens in another process.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened within 10 s: {what}");
}

/// Whether a process runs whose command line holds `text`.
fn runs(text: &str) -> bool {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries.filter(|entry| entry.file_name().to_str() != Some(&own)).any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
    })
}
