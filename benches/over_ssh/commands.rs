//! One warm command: how much is above its own time on the node.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts ssh itself")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::time::Duration;

use certwright_engine::clock::Mono;
use certwright_engine::host::{Claim, Command, Host as _, SshHost, SshOptions};
use certwright_engine::journal::{FORMAT, Journal, RunId, Stamp, StateDir};
use certwright_engine::machine::{Event, Header, Record};
use certwright_engine::plan::{Cluster, HostSpec, Plan, SshSettings, TaskId};
use tokio::runtime::Runtime;

use crate::costs::{Rounds, timed};
use crate::sshd::{Folder, Setup, Sshd, User};

/// Commands a round, each way.
const COMMANDS: u32 = 50;

/// What one way took, round by round: ms a command.
struct Row {
    what: &'static str,
    own: Rounds,
    ours: Rounds,
    ssh: Rounds,
    /// ms above the own time that are aimed at.
    aim: f64,
}

/// Measures and prints.
pub(crate) fn commands(rounds: usize) {
    let mut bench = Bench::new();
    let file = bench.folder.path().join("file");
    std::fs::write(&file, [b'x'; 1024]).expect("a file of 1 KB");
    let file = file.to_str().expect("UTF-8").to_owned();
    let row = |what, aim| Row {
        what,
        own: Rounds::default(),
        ours: Rounds::default(),
        ssh: Rounds::default(),
        aim,
    };
    let mut rows = [row("true", 2.0), row("read 1 KB", 2.0), row("true as a durable step", 6.0)];
    // Warm: connected, claimed, and everything in the page cache.
    bench.reads();
    bench.step(0);
    for round in 0..=u64::try_from(rounds).expect("rounds are few") {
        let costs = [
            [bench.own("/bin/true"), bench.reads(), bench.ssh("/bin/true")],
            [
                bench.own(&format!("head -c 2048 -- {file}")),
                bench.file(&file),
                bench.ssh(&format!("cat {file}")),
            ],
            [bench.own("/bin/true"), bench.step(1 + round), bench.ssh("/bin/true")],
        ];
        // The first round is not counted.
        for (row, [own, ours, ssh]) in rows.iter_mut().zip(costs).filter(|_| round > 0) {
            row.own.push(own);
            row.ours.push(ours);
            row.ssh.push(ssh);
        }
    }
    println!("one warm command over ssh and sudo, ms, least / median of {rounds} rounds of {COMMANDS}:\n");
    println!("| command | its own time | certwright | above its own | aim | ssh -S | certwright : ssh -S |");
    println!("|---|---|---|---|---|---|---|");
    for Row { what, own, ours, ssh, aim } in &rows {
        println!(
            "| {what} | {} | {} | {} | {aim} | {} | {} |",
            own.text(2),
            ours.text(2),
            ours.by(own, |ours, own| ours - own).text(2),
            ssh.text(2),
            ours.by(ssh, |ours, ssh| ours / ssh).text(2),
        );
    }
    println!();
}

/// A node, a connection to it by certwright and one by ssh, and a journal.
struct Bench {
    runtime: Runtime,
    host: SshHost,
    journal: Journal,
    sequence: u64,
    ssh: Master,
    sshd: Sshd,
    folder: Folder,
    _state: tempfile::TempDir,
}

/// `ssh -M -N`, ended when dropped.
struct Master {
    child: Child,
    socket: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = Folder::new("bench");
        let base = folder.path().join("state");
        std::fs::create_dir(&base).expect("a folder");
        let setup = Setup { binds: vec![(base, PathBuf::from("/var/lib/certwright"))], ..Setup::default() };
        let sshd = Sshd::start(&folder.path().join("sshd"), &setup);
        // Beside the target folder: a tmpfs would measure nothing.
        let state = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime, as certwright's");
        Self {
            host: host(&sshd),
            journal: journal(state.path()),
            sequence: 1,
            ssh: Master::start(&sshd, folder.path()),
            runtime,
            sshd,
            folder,
            _state: state,
        }
    }

    /// ms of a command in a shell loop on the node, by the node's clock.
    fn own(&self, command: &str) -> f64 {
        let script = format!(
            "start=$(date +%s%N); i=0; while test $i -lt {COMMANDS}; do {command}; i=$((i + 1)); done >/dev/null; \
             echo $(($(date +%s%N) - start))"
        );
        let output = self.ssh.command(&self.sshd, &format!("sudo -n /bin/sh -c '{script}'")).output();
        let nanoseconds = String::from_utf8(output.expect("ssh is installed").stdout).expect("a number");
        nanoseconds.trim().parse::<f64>().expect("nanoseconds") / 1e6 / f64::from(COMMANDS)
    }

    /// ms of a command by ssh through its master.
    fn ssh(&self, command: &str) -> f64 {
        each(|| {
            let mut ssh = self.ssh.command(&self.sshd, &format!("sudo -n {command}"));
            assert!(ssh.stdout(Stdio::null()).status().expect("ssh is installed").success(), "{command}");
        })
    }

    fn reads(&self) -> f64 {
        let command = Command::reads(["/bin/true"]);
        each(|| {
            let output = self.runtime.block_on(self.host.run(&command)).expect("the node answers");
            assert!(output.success());
        })
    }

    fn file(&self, path: &str) -> f64 {
        each(|| {
            let read = self.runtime.block_on(self.host.read(path)).expect("the node answers");
            assert_eq!(read.map_or(0, |bytes| bytes.len()), 1024);
        })
    }

    /// A mutating command and the record of it, durable.
    fn step(&mut self, attempt: u64) -> f64 {
        let command = Command::mutates(["/bin/true"]);
        each(|| {
            let output = self.runtime.block_on(self.host.run(&command)).expect("the node answers");
            assert!(output.success());
            self.sequence += 1;
            let summary = format!("ran true for the {attempt}th time");
            let record = Record {
                seq: self.sequence,
                batch: self.sequence,
                wall_ms: NOW.wall_ms,
                mono: NOW.mono,
                body: Event::Applied { task: TaskId(0), attempt: 1, summary },
            };
            self.journal.append(&[record]).expect("the journal is written");
        })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.runtime.block_on(self.host.close());
    }
}

impl Master {
    fn start(sshd: &Sshd, folder: &Path) -> Self {
        let socket = folder.join("socket");
        let mut ssh = arguments(Program::new("ssh"), sshd, &socket);
        let child = ssh.args(["-M", "-N", "node"]).stdin(Stdio::null()).spawn().expect("ssh is installed");
        let master = Self { child, socket };
        for _ in 0..500 {
            let mut asked = arguments(Program::new("ssh"), sshd, &master.socket);
            if asked.args(["-O", "check", "node"]).output().expect("ssh is installed").status.success() {
                return master;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no master of ssh within 5 s");
    }

    fn command(&self, sshd: &Sshd, line: &str) -> Program {
        let mut ssh = arguments(Program::new("ssh"), sshd, &self.socket);
        ssh.args(["node", line]).stdin(Stdio::null());
        ssh
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn arguments(mut ssh: Program, sshd: &Sshd, socket: &Path) -> Program {
    ssh.args(["-F", "none", "-S"]).arg(socket).arg("-i").arg(sshd.login_key());
    ssh.args(["-p", &sshd.port().to_string(), "-l", User::Ops.name(), "-o"]);
    ssh.arg(format!("UserKnownHostsFile={}", sshd.known_hosts().display()));
    ssh.args(["-o", "HostName=127.0.0.1", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]);
    ssh.env_remove("SSH_AUTH_SOCK");
    ssh
}

/// ms that each of [`COMMANDS`] calls took.
fn each(mut call: impl FnMut()) -> f64 {
    let (took, ()) = timed(|| (0..COMMANDS).for_each(|_| call()));
    took.as_secs_f64() * 1e3 / f64::from(COMMANDS)
}

fn host(sshd: &Sshd) -> SshHost {
    let spec = HostSpec {
        name: "node".to_owned(),
        address: Some("127.0.0.1".to_owned()),
        groups: Vec::new(),
        ssh: SshSettings {
            user: Some(User::Ops.name().to_owned()),
            identity: Some(sshd.login_key().to_str().expect("UTF-8").to_owned()),
            port: Some(sshd.port()),
        },
    };
    let claim = Claim { run: RunId::new(NOW.wall_ms, 1).to_string(), operator: "bench@here".to_owned() };
    let options =
        SshOptions { known_hosts: Some(sshd.known_hosts()), claim: Some(claim), ..SshOptions::default() };
    SshHost::new(&spec, options)
}

const NOW: Stamp = Stamp { wall_ms: 1_795_560_300_000, mono: Mono(1_000_000) };

fn journal(folder: &Path) -> Journal {
    let cluster = Cluster {
        name: "c".into(),
        namespace: "n".into(),
        kubeconfig: "k".into(),
        admin_kubeconfig: None,
        virtual_ip: None,
    };
    let plan = Plan {
        name: "bench".into(),
        digest: "0".into(),
        cluster,
        ssh: SshSettings::default(),
        hosts: Vec::new(),
        steps: Vec::new(),
        tasks: Vec::new(),
    };
    let run = RunId::new(NOW.wall_ms, 1).to_string();
    let (tool, operator) = ("bench".into(), "bench@here".into());
    let header = Header { format: FORMAT, tool, run, seed: 1, operator, lab: None, ssh_config: None, plan };
    StateDir::new(folder.join("journal")).create(header, NOW).expect("a journal").0
}
