//! `SshHost` against real sshd and sudo, as they fail and as they work. Needs root, openssh-server and sudo.

#![expect(clippy::print_stdout, reason = "a suite tells how many cases it ran, and what it measured")]

#[path = "../../tests/support/sshd.rs"]
mod sshd;

#[path = "../../tests/support/chaos.rs"]
mod chaos;

#[path = "driver/random.rs"]
mod random;

mod ssh_cases {
    //! The cases by what they are about; `row` holds them against docs/design/ssh-failures.md.
    mod again;
    mod claims;
    mod connection;
    mod control;
    mod cuts;
    mod dial;
    mod endings;
    mod files;
    mod line;
    mod lost;
    mod network;
    mod output;
    mod owners;
    mod row;
    mod run;
    mod shells;
}

use std::path::{Path, PathBuf};
use std::time::Duration;

use certwright_engine::host::{Claim, Command, Effect, Host, HostError, Output, SshHost, SshOptions};
use certwright_engine::plan::{HostSpec, SshSettings};
use chaos::Chaos;
use sshd::{Folder, Setup, Sshd, User};

/// One node of a test: its sshd, with `/var/lib/certwright` of its own.
struct Node {
    sshd: Sshd,
    folder: Folder,
    setup: Setup,
}

impl Node {
    fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    fn start_with(name: &str, config: &str) -> Self {
        Self::start_as(name, |_| Setup { config: config.to_owned(), ..Setup::default() })
    }

    fn start_binding(name: &str, binds: Vec<(PathBuf, PathBuf)>) -> Self {
        Self::start_as(name, |_| Setup { binds, ..Setup::default() })
    }

    /// A node set up in its folder; what it keeps in `/var/lib/certwright` is there in any case.
    fn start_as(name: &str, setup: impl FnOnce(&Path) -> Setup) -> Self {
        let folder = Folder::new(name);
        let state = folder.path().join("state");
        std::fs::create_dir(&state).expect("a folder");
        let mut setup = setup(folder.path());
        setup.binds.insert(0, (state, PathBuf::from("/var/lib/certwright")));
        let sshd = Sshd::start(&folder.path().join("sshd"), &setup);
        std::fs::create_dir(folder.path().join("control")).expect("a folder");
        Self { sshd, folder, setup }
    }

    /// A path in the test's folder, the same on both sides.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn spec(&self, user: &str) -> HostSpec {
        HostSpec {
            name: "cp-1".to_owned(),
            address: Some(self.sshd.address().to_string()),
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

    /// The host as it is reached through the proxy.
    fn host_through(&self, chaos: &Chaos) -> SshHost {
        let (spec, options) = self.through(chaos);
        SshHost::new(&spec, options)
    }

    fn through(&self, chaos: &Chaos) -> (HostSpec, SshOptions) {
        let known_hosts = self.folder.path().join(format!("known_hosts.{}", chaos.port()));
        self.sshd.know_at(&known_hosts, chaos.port());
        let mut spec = self.spec(User::Ops.name());
        spec.ssh.port = Some(chaos.port());
        (spec, SshOptions { known_hosts: Some(known_hosts), ..self.options() })
    }

    /// What ssh alone sees and says: the proof that a node, or a login, is as a test wants it.
    #[expect(clippy::disallowed_methods, reason = "a plain ssh to compare with")]
    fn plain_ssh(&self, login: &str, config: &str, line: &str) -> (String, String) {
        let mut ssh = std::process::Command::new("ssh");
        ssh.args(["-F", config, "-o", "BatchMode=yes", "-p", &self.sshd.port().to_string(), "-i"])
            .arg(self.sshd.login_key())
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.sshd.known_hosts().display()))
            .args([&format!("{login}@{}", self.sshd.address()), line]);
        let output = ssh.output().expect("ssh is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }

    /// Process ids of ssh, keeper and helpers on our side.
    fn local_processes(&self) -> Vec<u32> {
        sshd::processes::processes_with(&self.path("control"))
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

const EFFECTS: [Effect; 2] = [Effect::Reads, Effect::Mutates];

fn command(effect: Effect, argv: &[&str]) -> Command {
    Command { effect, ..Command::reads(argv.iter().copied()) }
}

fn sh(script: &str) -> [&str; 3] {
    ["/bin/sh", "-c", script]
}

async fn ok(host: &SshHost, command: &Command) -> Output {
    let output = host.run(command).await.unwrap_or_else(|error| panic!("{}: {error}", command.display()));
    assert_eq!(output.status, 0, "{}: {}", command.display(), output.stderr.escaped());
    output
}

/// How often an effect was made: each one is a line in this file.
fn times(path: &str) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

/// A mutating command that says that it has started, takes a second, and makes its effect; it prints on the way.
struct Lasting {
    command: Command,
    started: String,
    effects: String,
}

impl Lasting {
    fn new(node: &Node) -> Self {
        let (started, effects) = (node.path("started"), node.path("effects"));
        let script = format!(
            "echo one; : >{started}; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; echo $i; done; sleep 0.1; \
             echo x >>{effects}; echo done"
        );
        Self { command: Command::mutates(sh(&script)), started, effects }
    }

    /// Runs it and, once it has started, does something to it.
    async fn during<T>(&self, host: &SshHost, how: impl FnOnce() -> T) -> (Result<Output, HostError>, T) {
        let breaking = async {
            until("it starts", || exists(&self.started)).await;
            let done = how();
            assert_eq!(times(&self.effects), 0, "it was still running");
            done
        };
        tokio::join!(host.run(&self.command), breaking)
    }

    /// Settles, and asserts that the one effect was made by then.
    async fn settles(&self, host: &SshHost) {
        host.settle(Duration::from_secs(10)).await.expect("it ends");
        assert_eq!(times(&self.effects), 1, "it ran once, to its end, and settle waited for it");
    }
}

fn ran(cases: usize, what: &str) {
    println!("{cases} cases: {what}");
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}
