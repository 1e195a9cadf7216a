//! certwright on a real terminal: what Ctrl-C and a closed window do to a run whose nodes are reached over ssh.
//!
//! The terminal sends SIGINT or SIGHUP to the whole foreground process group; the connections must not be in it.

#![expect(clippy::disallowed_methods, reason = "tests start a terminal and look at files of the lab")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::requests::leaves_nothing_in;

/// A step that ends when somebody writes into the pipe on its node, and one that must not begin before.
const PLAN: &str = r#"version = 1
name = "waits"

[[stage]]
id = "files"
on = "control-plane"

[[stage.step]]
id = "waits"
kind = "command"
with.argv = ["cp", "/var/lib/etcd/pipe", "/var/lib/etcd/first"]
with.creates = "/var/lib/etcd/first"

[[stage.step]]
id = "after"
kind = "command"
with.argv = ["touch", "/var/lib/etcd/second"]
with.creates = "/var/lib/etcd/second"
"#;

/// A cluster and a terminal on which its run has a command under way on cp-1.
struct Terminal {
    cluster: Cluster,
    script: Child,
    keys: ChildStdin,
    /// What stands on the screen, in a file: nobody has to read it while it is written.
    screen: PathBuf,
    /// Logins on cp-1 so far.
    logins: usize,
}

impl Terminal {
    fn with_a_command_under_way() -> Self {
        let cluster = Cluster::expired();
        cluster.write("plan.toml", PLAN);
        fs::create_dir(cluster.path("sockets")).expect("a folder for control sockets");
        let made = Command::new("mkfifo").arg(etcd(&cluster).join("pipe")).status().expect("mkfifo starts");
        assert!(made.success());
        let run = cluster.command("run plan.toml --inventory inventory.toml --limit cp-1 --yes=lab");
        let words: Vec<String> = std::iter::once(run.get_program())
            .chain(run.get_args())
            .map(|word| format!("'{}'", word.display()))
            .collect();
        // An interactive shell is not ended by the Ctrl-C that is for its child.
        cluster.write("typed", &format!("trap : INT\n{}\necho exit $?\n", words.join(" ")));
        let screen = cluster.path("screen");
        let mut command = Command::new("script");
        command.args(["-qec", "sh typed", "/dev/null"]).current_dir(cluster.path(""));
        for (name, value) in run.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut script = command
            .env("XDG_RUNTIME_DIR", cluster.path("sockets"))
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&screen).expect("a file"))
            .spawn()
            .expect("script starts");
        let keys = script.stdin.take().expect("a pipe");
        let mut terminal = Self { cluster, script, keys, screen, logins: 0 };
        terminal.until("the command is under way", |terminal| {
            let current = terminal.cluster.path("lab/cp-1/var/lib/certwright/run/current");
            fs::read_to_string(current).is_ok_and(|what| what.starts_with("cp "))
        });
        terminal.logins = terminal.logins();
        terminal
    }

    fn screen(&self) -> String {
        let mut said = Vec::new();
        let _bytes = fs::File::open(&self.screen).expect("the screen").read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(Instant::now() < until, "{what}: never\n{}", self.screen());
            sleep(Duration::from_millis(10));
        }
    }

    /// Presses Ctrl-C and waits for the words by which it is answered.
    fn interrupt(&mut self, answer: &str) {
        self.keys.write_all(b"\x03").expect("the terminal reads");
        self.until(answer, |terminal| terminal.screen().contains(answer));
    }

    /// Lets the command under way end.
    fn let_it_end(&self) {
        fs::write(etcd(&self.cluster).join("pipe"), "x").expect("the command reads");
    }

    fn logins(&self) -> usize {
        self.cluster.logs()[0].matches("Accepted publickey").count()
    }

    /// Waits for the end of an interrupted run; asserts that its connection lived and that it can be resumed.
    fn ends_interrupted(mut self) {
        self.until("it ends", |terminal| terminal.screen().contains("exit "));
        let said = self.screen();
        let _ended = self.script.wait().expect("script ends");
        assert!(said.contains("exit 13") && said.contains("INTERRUPTED"), "{said}");
        assert_eq!(self.logins(), self.logins, "the connection lived: {said}");
        let etcd = etcd(&self.cluster);
        assert!(etcd.join("first").exists(), "what ran was waited for: {said}");
        assert!(!etcd.join("second").exists(), "nothing more was started: {said}");
        leaves_nothing_in(&self.cluster.path("sockets"));
        let resumed = self.cluster.run("resume");
        assert_eq!(resumed.code, Some(0), "{}", resumed.whole());
        assert!(etcd.join("second").exists());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ended = self.script.kill();
        let _reaped = self.script.wait();
    }
}

fn etcd(cluster: &Cluster) -> PathBuf {
    cluster.path("lab/cp-1/var/lib/etcd")
}

#[test]
fn ctrl_c_on_a_terminal_drains_and_the_connections_live_on_until_the_end() {
    let mut terminal = Terminal::with_a_command_under_way();
    terminal.interrupt("waiting for files/waits@cp-1");
    terminal.let_it_end();
    terminal.ends_interrupted();
}

#[test]
fn a_second_ctrl_c_waits_for_a_change_under_way_on_a_node_and_the_connections_live_on() {
    let mut terminal = Terminal::with_a_command_under_way();
    terminal.interrupt("waiting for files/waits@cp-1");
    terminal.interrupt("cancelling");
    terminal.let_it_end();
    terminal.ends_interrupted();
}

#[test]
fn a_terminal_that_is_closed_stops_nothing() {
    let mut terminal = Terminal::with_a_command_under_way();
    terminal.script.kill().expect("it runs");
    terminal.script.wait().expect("it ends");
    terminal.let_it_end();
    terminal.until("the run comes to its end", |terminal| {
        terminal.cluster.run("runs --output json").stdout.contains("\"changed\"")
    });
    assert_eq!(terminal.logins(), terminal.logins, "the connection lived");
    assert!(etcd(&terminal.cluster).join("second").exists());
    leaves_nothing_in(&terminal.cluster.path("sockets"));
    assert!(!terminal.cluster.path("lab/cp-1/var/lib/certwright/owner").exists(), "it let go of its host");
}
