//! Requests of certwright to its nodes and to its own machine, as they are seen from outside, and its death at one of them.
//!
//! Nodes are reached through the chaos proxy: bytes towards a node after bytes from it are a request (ssh's own few messages
//! are taken for requests too). What the workstation's own worker is asked to run is a program of its PATH that counts.

#![expect(clippy::disallowed_methods, reason = "tests start certwright, flock and programs of their own")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant as Time};

use rustix::process::Pid;

use crate::chaos::{Chaos, End, Release, Way};
use crate::cluster::Cluster;
use crate::seen::{Instant, Point, Seen, To, lock};
use crate::sshd::processes::processes_with;

/// Programs that the workstation's worker is asked to run.
const PROGRAMS: [&str; 3] = ["kubectl", "readlink", "rm"];
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A program of the workstation that ends certwright at its n-th call.
const COUNTING: &str = include_str!("counting.sh");

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By the kill.
    Killed,
    /// By itself and well: it has fewer requests. How many to the nodes and to the workstation.
    Done(usize, usize),
}

/// A cluster whose every request is seen.
pub(crate) struct Watched {
    pub(crate) cluster: Cluster,
    lines: Vec<Chaos>,
    seen: Arc<Mutex<Seen>>,
    /// The node for which a request is held, and its owner then.
    held: Option<(usize, String)>,
    /// Held requests that arrived.
    late: usize,
}

impl Watched {
    /// Everything expired.
    pub(crate) fn expired() -> Self {
        let cluster = Cluster::expired();
        let seen = Arc::<Mutex<Seen>>::default();
        let mut inventory = fs::read_to_string(cluster.path("inventory.toml")).expect("the inventory");
        let mut known = fs::read_to_string(cluster.path("known_hosts")).expect("known hosts");
        let mut lines = Vec::new();
        for (node, port) in cluster.ports().into_iter().enumerate() {
            let line = Chaos::to(port);
            inventory = inventory.replace(&format!("port = {port}\n"), &format!("port = {}\n", line.port()));
            known = known.replace(&format!("]:{port} "), &format!("]:{} ", line.port()));
            let seen = Arc::clone(&seen);
            line.watch(Box::new(move |connection, way, bytes| {
                lock(&seen).came(node, connection, way, bytes)
            }));
            lines.push(line);
        }
        cluster.write("inventory.toml", &inventory);
        cluster.write("known_hosts", &known);
        fs::create_dir_all(cluster.path("ws/calls")).expect("a folder for programs");
        fs::create_dir(cluster.path("sockets")).expect("a folder for control sockets");
        let counting = cluster.path("ws/counting");
        fs::write(&counting, COUNTING).expect("a program");
        fs::set_permissions(&counting, fs::Permissions::from_mode(0o755)).expect("its mode");
        for name in PROGRAMS {
            symlink(&counting, cluster.path("ws").join(name)).expect("a program");
        }
        Self { cluster, lines, seen, held: None, late: 0 }
    }

    /// Starts what an operator types and lets it die at this point, or not at all.
    pub(crate) fn process(&mut self, args: &str, point: Option<Point>) -> Ended {
        for name in ["calls", "pid", "at", "hit"] {
            let path = self.cluster.path("ws").join(name);
            drop(fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)));
        }
        fs::create_dir(self.cluster.path("ws/calls")).expect("a folder for calls");
        let mut child = self.start(args, point);
        let status = loop {
            if let Some(status) = child.try_wait().expect("ask for certwright") {
                break status;
            }
            self.let_late_ones_arrive();
            self.kill_without_the_reply();
            sleep(LOOK_EVERY);
        };
        let by_kill = status.signal() == Some(9);
        let output = || fs::read_to_string(self.cluster.path("output")).unwrap_or_default();
        assert!(by_kill || status.success(), "{point:?}: {status}\n{}", output());
        let (requests, hit) = {
            let seen = lock(&self.seen);
            (seen.requests, seen.hit)
        };
        // A fault that another one replaced holds nothing any more.
        let _replaced = self.held.take_if(|(node, _)| hit == Some(*node));
        self.release();
        if !by_kill {
            let calls = fs::read_dir(self.cluster.path("ws/calls")).expect("calls").count();
            if let Some(node) = hit {
                self.lines[node].count();
            }
            return Ended::Done(requests, calls);
        }
        let Point { to, instant, .. } = point.expect("nobody else kills");
        match (to, hit) {
            (To::Workstation, _) => assert!(self.cluster.path("ws/hit").exists(), "{point:?}"),
            (To::Nodes, Some(node)) => self.after_the_kill(node, instant),
            (To::Nodes, None) => panic!("{point:?}: killed by somebody else"),
        }
        Ended::Killed
    }

    fn start(&self, args: &str, point: Option<Point>) -> Child {
        let at = |to| point.filter(|point| point.to == to).map(|point| (point.request, point.instant));
        if let Some((request, instant)) = at(To::Workstation) {
            let instant = match instant {
                Instant::Lost => "lost",
                Instant::Late => "late",
                Instant::UnderWay => "under-way",
                Instant::Unanswered => "unanswered",
            };
            self.cluster.write("ws/at", &format!("{request} {instant}"));
        }
        let output = fs::File::create(self.cluster.path("output")).expect("a file for output");
        let mut command = self.command(args);
        command.stdout(output.try_clone().expect("one file")).stderr(output);
        let mut seen = lock(&self.seen);
        let child = command.spawn().expect("certwright starts");
        let process = Some(Pid::from_child(&child));
        *seen = Seen { process, at: at(To::Nodes), ..Seen::default() };
        drop(seen);
        self.cluster.write("ws/pid.new", &child.id().to_string());
        fs::rename(self.cluster.path("ws/pid.new"), self.cluster.path("ws/pid")).expect("its id");
        child
    }

    /// certwright through the proxies.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = self.cluster.command(args);
        let path = std::env::var("PATH").unwrap_or_default();
        let (ws, bin) = (self.cluster.path("ws"), self.cluster.path("bin"));
        command
            .env("PATH", format!("{}:{}:{path}", ws.display(), bin.display()))
            .env("XDG_RUNTIME_DIR", self.cluster.path("sockets"));
        command
    }

    /// What became of the line, once certwright is dead.
    fn after_the_kill(&mut self, node: usize, instant: Instant) {
        let line = &self.lines[node];
        let until = Time::now() + Duration::from_secs(20);
        while instant != Instant::UnderWay && !line.fired() {
            assert!(Time::now() < until, "{instant:?}: the fault did not fire");
            sleep(LOOK_EVERY);
        }
        match instant {
            Instant::Late => self.held = Some((node, self.owner(node))),
            Instant::Lost | Instant::UnderWay => {}
            Instant::Unanswered => {
                line.cut(End::Fin);
                assert_eq!(line.passed_there(Way::Down), 0, "no reply arrived");
            }
        }
    }

    /// Kills the process whose reply is held, once all that its request started has ended.
    fn kill_without_the_reply(&self) {
        let seen = lock(&self.seen);
        let (Some((_, Instant::Unanswered)), Some(node)) = (seen.at, seen.hit) else { return };
        drop(seen);
        if self.lines[node].fired() {
            crate::killed::settle(&self.cluster);
            lock(&self.seen).kill();
        }
    }

    /// Lets the held request arrive once the node has another owner than when it was sent.
    fn let_late_ones_arrive(&mut self) {
        let taken = |(node, before): &(usize, String)| self.owner(*node) != *before;
        if self.held.as_ref().is_some_and(taken) {
            self.release();
        }
    }

    fn release(&mut self) {
        let Some((node, _)) = self.held.take() else { return };
        let line = &self.lines[node];
        line.release(Release::All);
        let until = Time::now() + Duration::from_secs(20);
        while line.passed_there(Way::Up) == 0 {
            assert!(Time::now() < until, "the held request did not arrive");
            sleep(LOOK_EVERY);
        }
        self.late += 1;
    }

    /// How many held requests arrived so far.
    pub(crate) fn late(&self) -> usize {
        self.late
    }

    /// Everything as it was when it was kept; forgets all runs.
    pub(crate) fn forget(&self) {
        self.cluster.restore();
    }

    /// Asserts that nothing of a certwright is left on this machine.
    pub(crate) fn leaves_nothing_here(&self) {
        leaves_nothing_in(&self.cluster.path("sockets"));
    }

    /// The owner line of a node; empty without one.
    pub(crate) fn owner(&self, node: usize) -> String {
        let name = &self.cluster.nodes()[node];
        let owner = self.cluster.path("lab").join(name).join("var/lib/certwright/owner");
        fs::read_to_string(owner).unwrap_or_default()
    }
}

/// Asserts that no control folder stands in `sockets`, and that no process knows of one there any more.
pub(crate) fn leaves_nothing_in(sockets: &Path) {
    let left = || {
        let folders = fs::read_dir(sockets).expect("a folder").count();
        (folders, processes_with(&sockets.display().to_string()))
    };
    let until = Time::now() + Duration::from_secs(20);
    while left() != (0, Vec::new()) {
        assert!(Time::now() < until, "control folders and processes are left: {:?}", left());
        sleep(LOOK_EVERY);
    }
}
