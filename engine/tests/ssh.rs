//! `SshHost` against real sshd and sudo, as they fail and as they work. Needs root, openssh-server and sudo.

#![expect(clippy::print_stdout, reason = "a suite tells how many cases it ran, and what it measured")]

#[path = "../../tests/support/sshd.rs"]
mod sshd;

mod ssh_cases {
    //! The cases by what they are about.
    mod claims;
    mod connection;
    mod dial;
    mod files;
    mod lost;
    mod run;
}

use std::path::{Path, PathBuf};
use std::time::Duration;

use certwright_engine::host::{Claim, Command, Host, Output, SshHost, SshOptions};
use certwright_engine::plan::{HostSpec, SshSettings};
use sshd::{Folder, Setup, Sshd, User};

/// One node of a test: its sshd, with `/var/lib/certwright` of its own.
struct Node {
    sshd: Sshd,
    folder: Folder,
}

impl Node {
    fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    fn start_with(name: &str, config: &str) -> Self {
        Self::start_as(name, config, Vec::new())
    }

    fn start_binding(name: &str, binds: Vec<(PathBuf, PathBuf)>) -> Self {
        Self::start_as(name, "", binds)
    }

    fn start_as(name: &str, config: &str, mut binds: Vec<(PathBuf, PathBuf)>) -> Self {
        let folder = Folder::new(name);
        let state = folder.path().join("state");
        std::fs::create_dir(&state).expect("a folder");
        binds.push((state, PathBuf::from("/var/lib/certwright")));
        let setup = Setup { config: config.to_owned(), binds };
        let sshd = Sshd::start(&folder.path().join("sshd"), &setup);
        std::fs::create_dir(folder.path().join("control")).expect("a folder");
        Self { sshd, folder }
    }

    /// A path in the test's folder, the same on both sides.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn spec(&self, user: &str) -> HostSpec {
        HostSpec {
            name: "cp-1".to_owned(),
            address: Some("127.0.0.1".to_owned()),
            groups: Vec::new(),
            ssh: SshSettings {
                user: Some(user.to_owned()),
                identity: Some(self.sshd.login_key().to_str().expect("UTF-8").to_owned()),
                port: Some(self.sshd.port()),
            },
        }
    }

    fn options(&self) -> SshOptions {
        SshOptions {
            known_hosts: Some(self.sshd.known_hosts()),
            runtime_dir: Some(self.folder.path().join("control")),
            claim: Some(claim("run-1")),
            ..SshOptions::default()
        }
    }

    fn host(&self) -> SshHost {
        self.host_of(User::Ops.name())
    }

    fn host_of(&self, user: &str) -> SshHost {
        SshHost::new(&self.spec(user), self.options())
    }

    /// Process ids of ssh, keeper and helpers on our side.
    fn local_processes(&self) -> Vec<u32> {
        sshd::processes_with(&self.path("control"))
    }

    fn control_folders(&self) -> usize {
        std::fs::read_dir(self.path("control")).expect("it is there").count()
    }
}

fn claim(run: &str) -> Claim {
    Claim { run: run.to_owned(), operator: format!("{run}-operator@ws") }
}

/// Waits for something that happens in another process.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened within 20 s: {what}");
}

fn sh(script: &str) -> [&str; 3] {
    ["/bin/sh", "-c", script]
}

async fn ok(host: &SshHost, command: &Command) -> Output {
    let output = host.run(command).await.unwrap_or_else(|error| panic!("{}: {error}", command.display()));
    assert_eq!(output.status, 0, "{}: {}", command.display(), output.stderr.escaped());
    output
}

fn ran(cases: usize, what: &str) {
    println!("{cases} cases: {what}");
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}
