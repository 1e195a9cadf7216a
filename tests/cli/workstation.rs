//! The workstation's own files under a run on real hosts, of which one system call is struck: the process dies in it, or the
//! call fails for a bad or a full disk.
//!
//! The plan has one step, which replaces the workstation's kubeconfig, and one undo; certwright is the real one on this
//! machine, and only its kubectl is the lab's. Struck is the one thread that touches files (`engine/src/host/local/hand.rs`): it is
//! watched from a program on that certwright starts first, which waits until strace says so. Whatever a call was, the kubeconfig is the
//! old or the new file in whole, with that one's mode and its owner; a resume (or a new run, where none has begun) ends with
//! the new one after one exchange, and nothing but the kept old one is left beside it.

#![expect(clippy::disallowed_methods, reason = "a real process is waited for, in real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};

use crate::program::Place;
use crate::redact::redact;
use crate::strace::{Call, Strike, Struck, Watch, campaign, number};

const PLAN: &str = "version = 1\nname = \"kubeconfig\"\n\n[[stage]]\nid = \"workstation\"\non = \"workstation\"\n\n\
                    [[stage.step]]\nid = \"kubeconfig\"\nkind = \"replace-kubeconfig\"\n";
const INVENTORY: &str = "[cluster]\nname = \"lab\"\nnamespace = \"cluster-lab\"\nkubeconfig = \"ws/lab-kubeconfig\"\n\
                         admin-kubeconfig = \"admin.conf\"\n";
const RUN: &str = "run plan.toml -i inventory.toml --yes=lab";
const UNDO: &str = "undo --yes=lab";
/// In the folder of the kubeconfig.
const NAME: &str = "lab-kubeconfig";
/// What a thread does that touches files; the names that other kernels and libraries have for it, too.
const CALLS: &str = "openat,statx,newfstatat,fstat,readlink,readlinkat,read,write,fchown,fchmod,fsync,fdatasync,renameat,\
    renameat2,rename,unlinkat,unlink,mkdir,getdents64,lseek,close";
/// A program that certwright starts: the first one waits until its files are watched. Its mark can be removed once.
const GATED: &str =
    "#!/bin/sh\nif rm ROOT/hold 2>/dev/null; then read -r _ <ROOT/gate; fi\nexec REAL \"$@\"\n";
/// Connecting to it fails at once, and nothing leaves the machine: the lab's kubectl alone knows who is meant.
const NOWHERE: &str = "127.255.255.255";
/// Whose the kubeconfig is, where its owner can be another one than who runs certwright.
const OWNER: u32 = 65_534;
/// The old file's mode: not the one that a new one has.
const OLD_MODE: u32 = 0o640;
/// How long a process may take until it is where it is awaited.
const PATIENCE: Duration = Duration::from_secs(60);
/// A strike that fell on another call is tried again so many calls later: the thread wakes the other one by a `write`, unless
/// that one is not asleep yet. All other numbers are the same each time, and CI strikes those alone.
const AGAIN: [isize; 9] = [0, 0, -1, 1, -2, 2, -3, 3, -4];
/// Faults in CI.
const SAMPLE: usize = 6;
/// Exit codes of `--help` with which such a command may end: done or undone all the same, failed, undo stuck, refused before
/// it began, journal.
const ENDS: [i32; 6] = [0, 10, 11, 12, 14, 20];

/// A file beside the kubeconfig, or itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    bytes: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
    inode: u64,
}

/// What is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    /// A run over the old kubeconfig.
    Old,
    /// The undo of a run that has replaced it.
    Replaced,
}

/// A call of the thread of files.
struct Point {
    from: From,
    call: Call,
}

#[derive(Debug, Default)]
struct Met {
    struck: BTreeMap<(From, Strike), usize>,
    names: BTreeSet<String>,
    /// Exit codes; None: killed.
    ended: BTreeMap<Option<i32>, usize>,
    /// Strikes that fell on another call, and were tried again.
    again: usize,
}

impl Met {
    fn tried(&self) -> usize {
        self.struck.values().sum()
    }
}

#[test]
fn calls_on_the_workstations_files_that_are_struck_leave_a_kubeconfig_that_is_old_or_new_and_a_run_that_goes_on()
 {
    let seed = number("CERTWRIGHT_SEED", 1);
    let stage = Stage::new();
    // Whose number is no matter of which thread is faster.
    let points: Vec<Point> = stage.points().into_iter().filter(|point| point.call.name != "write").collect();
    let mut random = crate::random::Random(u64::try_from(seed).expect("a small number"));
    let mut met = Met::default();
    for turn in 0..SAMPLE {
        let (first, end) = (turn * points.len() / SAMPLE, (turn + 1) * points.len() / SAMPLE);
        let point = &points[first + usize::try_from(random.below((end - first) as u64)).expect("small")];
        let strikes = point.call.strikes();
        stage.strike(point, strikes[turn % strikes.len()], &mut met);
    }
    println!("the workstation, seed {seed}: {} of {} calls struck: {met:?}", met.tried(), points.len());
    assert_eq!(met.tried(), SAMPLE);
}

#[test]
#[ignore = "a campaign of ten minutes: cargo nextest run --test cli --run-ignored only each_call_on_the --no-capture"]
fn each_call_on_the_workstations_files_that_is_struck_leaves_a_kubeconfig_that_is_old_or_new() {
    let stage = Stage::new();
    let points = stage.points();
    let mut met = Met::default();
    let failed =
        campaign(&points, |point| &point.call, |point, strike| stage.strike(point, strike, &mut met));
    println!("the workstation: {} calls to be struck: {met:?}", points.len());
    assert_eq!(failed, 0, "strikes that failed, each is told above");
}

/// A workstation with a kubeconfig that has a newer one in its cluster's secret.
struct Stage {
    place: Place,
    old: Vec<u8>,
    new: Vec<u8>,
    owner: (u32, u32),
}

impl Stage {
    fn new() -> Self {
        let place = Place::new();
        let mut spec = LabSpec {
            endpoint: NOWHERE.into(),
            certificates: Validity::Expiring,
            pace: 40,
            ..LabSpec::default()
        };
        // The cluster is its own admin cluster, and has renewed its secret.
        (spec.cluster.admin_kubeconfig, spec.secret_after_ms) = (None, Some(1));
        drop(Lab::create(place.path("lab"), &spec, &Clock::real()).expect("a lab"));
        fs::copy(place.path("lab/cp-1/etc/kubernetes/admin.conf"), place.path("admin.conf"))
            .expect("a kubeconfig");
        fs::create_dir(place.path("ws")).expect("a folder");
        let old =
            fs::read(place.path("lab/workstation/bmctl-workspace/lab/lab-kubeconfig")).expect("a kubeconfig");
        place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
        programs(&place);
        let root = rustix::process::geteuid().is_root();
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let owner = if root { (OWNER, OWNER) } else { own };
        let mut stage = Self { place, old, new: Vec::new(), owner };
        stage.restore(From::Old);
        let ran = stage.run(RUN);
        assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
        let replaced = stage.folder().remove(NAME).expect("a kubeconfig");
        stage.new = replaced.bytes;
        assert_ne!(stage.new, stage.old);
        fs::create_dir(stage.place.path("replaced")).expect("a folder");
        let copied = stage.place.under("cp", "-a home ws replaced").status();
        assert!(copied.expect("cp starts").success());
        stage
    }

    /// Puts the place into this state.
    fn restore(&self, from: From) {
        for name in ["home", "ws", "hold"] {
            let path = self.place.path(name);
            drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
        }
        match from {
            From::Old => {
                let path = self.place.path("ws").join(NAME);
                fs::create_dir(self.place.path("home")).expect("a home");
                fs::create_dir(self.place.path("ws")).expect("a folder");
                fs::write(&path, &self.old).expect("a kubeconfig");
                fs::set_permissions(&path, Permissions::from_mode(OLD_MODE)).expect("its mode");
                chown(&path, Some(self.owner.0), Some(self.owner.1)).expect("its owner");
            }
            From::Replaced => {
                let copied = self.place.under("cp", "-a replaced/home replaced/ws .").status();
                assert!(copied.expect("cp starts").success());
            }
        }
    }

    /// certwright on this workstation.
    fn command(&self, args: &str) -> Command {
        let mut command = self.place.command(args);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", self.place.path("bin").display()))
            .env("CERTWRIGHT_LAB_DIR", self.place.path("lab"))
            .env("CERTWRIGHT_LAB_NODE", "workstation");
        command
    }

    fn run(&self, args: &str) -> Output {
        self.command(args).output().expect("certwright starts")
    }

    /// Runs it to its end, its thread of files watched.
    fn watched(&self, from: From, strike: Option<(&Call, Strike)>) -> (Watch<'_>, Output) {
        self.restore(from);
        self.place.write("hold", "");
        let output = |name| File::create(self.place.path(name)).expect("a file");
        let args = match from {
            From::Old => RUN,
            From::Replaced => UNDO,
        };
        let child = self.command(args).stdout(output("stdout")).stderr(output("stderr")).spawn();
        let mut child = child.expect("certwright starts");
        let mut gate = self.gate(&mut child);
        let watch = Watch::on(thread(child.id()), &self.place, CALLS, strike);
        gate.write_all(b"\n").expect("it is awaited");
        drop(gate);
        let status = child.wait().expect("it ends");
        let read = |name| fs::read(self.place.path(name)).expect("a file");
        (watch, Output { status, stdout: read("stdout"), stderr: read("stderr") })
    }

    /// The gate, as soon as a program waits at it.
    fn gate(&self, child: &mut Child) -> File {
        let until = Instant::now() + PATIENCE;
        loop {
            let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            // Nobody can write to a pipe that nobody reads.
            if let Ok(gate) =
                OpenOptions::new().write(true).custom_flags(nonblocking).open(self.place.path("gate"))
            {
                return gate;
            }
            let ended = child.try_wait().expect("ask for certwright");
            assert!(ended.is_none() && Instant::now() < until, "{ended:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn said(&self) -> String {
        ["stdout", "stderr"]
            .map(|name| fs::read_to_string(self.place.path(name)).unwrap_or_default())
            .concat()
    }

    /// Every call of that thread.
    fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        for from in [From::Old, From::Replaced] {
            let (watch, output) = self.watched(from, None);
            let calls = watch.calls();
            let ended = if from == From::Old { 0 } else { 11 };
            assert_eq!(output.status.code(), Some(ended), "{}", said(&output));
            let exchanged = calls.iter().filter(|call| call.name == "renameat2").count();
            assert_eq!(exchanged, 1, "the kubeconfig is exchanged once: {calls:#?}");
            points.extend(
                calls.into_iter().filter(|call| !is_wake(&call.line)).map(|call| Point { from, call }),
            );
        }
        let of = |from| points.iter().filter(|point| point.from == from).count();
        println!("calls: {} of a run, {} of an undo", of(From::Old), of(From::Replaced));
        points
    }

    /// What a line is about: its call, the files that it names, and no fd, nonce, run or content.
    fn about(&self, line: &str) -> String {
        let root = self.place.path("").canonicalize().expect("a folder");
        // What it came to is another thing each time.
        let (name, rest) =
            line.rsplit_once(") = ").map_or(line, |(call, _)| call).split_once('(').expect("a call");
        let mut about = name.to_owned();
        for piece in rest.split(['<', '"', '>']).filter(|piece| piece.contains(NAME) || piece.contains("/ws"))
        {
            about.extend([" ", piece]);
        }
        let masked = redact(&about, &root);
        let mut parts = masked.split(".certwright-");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let hex = part.chars().take_while(char::is_ascii_hexdigit).count();
            out.extend([".certwright-", if hex == 32 { &part[32..] } else { part }]);
        }
        out
    }

    /// Strikes one call, and lets the run go on.
    fn strike(&self, point: &Point, strike: Strike, met: &mut Met) {
        let about = self.about(&point.call.line);
        let when =
            format!("{strike:?} at {} {} of {:?}: {about}", point.call.name, point.call.nth, point.from);
        for later in
            [AGAIN; 3].into_iter().flatten().filter(|later| *later == 0 || point.call.name == "write")
        {
            let Some(nth) = point.call.nth.checked_add_signed(later).filter(|nth| *nth > 0) else { continue };
            let call = Call { nth, ..point.call.clone() };
            let (watch, output) = self.watched(point.from, Some((&call, strike)));
            let ended = watch.struck(output);
            if ended.line.as_ref().is_none_or(|line| self.about(line) != about) {
                met.again += 1;
                continue;
            }
            *met.struck.entry((point.from, strike)).or_default() += 1;
            met.names.insert(point.call.name.clone());
            *met.ended.entry(ended.code).or_default() += 1;
            self.is_told(&when, strike, &ended);
            self.goes_on(&when, point.from, &ended);
            return;
        }
        panic!("{when}: it did not fire\n{}", self.said());
    }

    /// Asserts that a struck command died of it, or ended as `--help` says, with the file, the reason and the remedy in its
    /// words.
    fn is_told(&self, when: &str, strike: Strike, ended: &Struck) {
        let said = &ended.said;
        let Some(code) = ended.code else {
            assert_eq!(strike, Strike::Kill, "{when}: a signal ended it\n{said}");
            return;
        };
        assert!(ENDS.contains(&code) && !said.contains("panicked"), "{when}: exit {code}\n{said}");
        let (why, remedy) = match strike {
            Strike::Kill => panic!("{when}: it lives on\n{said}"),
            Strike::Eio => ("Input/output error", "dmesg"),
            Strike::Enospc => ("No space left", "free space"),
        };
        let file = self.place.path("ws").join(NAME).display().to_string();
        let told = [why, remedy, &file].into_iter().all(|part| said.contains(part));
        assert!(
            code == 0 || code == 11 || told,
            "{when}: exit {code}, and file, reason or remedy is not said:\n{said}"
        );
    }

    /// All that is beside the kubeconfig, and itself.
    fn folder(&self) -> BTreeMap<String, Found> {
        let entries = fs::read_dir(self.place.path("ws")).expect("a folder").flatten();
        let found = entries.map(|entry| {
            let meta = entry.metadata().expect("a file");
            let found = Found {
                bytes: fs::read(entry.path()).expect("a file"),
                mode: meta.mode() & 0o7777,
                owner: (meta.uid(), meta.gid()),
                inode: meta.ino(),
            };
            (entry.file_name().into_string().expect("UTF-8"), found)
        });
        found.collect()
    }

    /// Asserts that the kubeconfig is one of both files in whole, and that no other one is open to more people; which.
    fn is_whole(&self, when: &str) -> Found {
        let folder = self.folder();
        let kubeconfig = folder.get(NAME).unwrap_or_else(|| panic!("{when}: there is no kubeconfig")).clone();
        let mode = if kubeconfig.bytes == self.old { OLD_MODE } else { 0o600 };
        assert!([&self.old, &self.new].contains(&&kubeconfig.bytes), "{when}: it is a part, or another file");
        assert_eq!((kubeconfig.mode, kubeconfig.owner), (mode, self.owner), "{when}: mode and owner");
        for (name, found) in &folder {
            let is_old = found.bytes == self.old && found.owner == self.owner;
            assert!(
                found.mode == 0o600 || (is_old && found.mode == OLD_MODE),
                "{when}: {name} has {:o}",
                found.mode
            );
        }
        kubeconfig
    }

    /// Goes on after a strike, and checks the end.
    fn goes_on(&self, when: &str, from: From, ended: &Struck) {
        let struck = self.is_whole(when);
        let (again, wanted) = match from {
            From::Old => ("resume", &self.new),
            From::Replaced => (UNDO, &self.old),
        };
        if !matches!(ended.code, Some(0 | 11)) {
            let mut ran = self.run(again);
            if ran.status.code() == Some(14) && from == From::Old {
                ran = self.run(RUN);
            }
            assert!(matches!(ran.status.code(), Some(0 | 11)), "{when}: {again}\n{}", said(&ran));
        }
        let last = self.is_whole(when);
        assert!(last.bytes == *wanted, "{when}: the kubeconfig is not replaced");
        assert!(struck.bytes != *wanted || struck.inode == last.inode, "{when}: it was replaced twice");
        let folder = self.folder();
        let kept: Vec<_> = folder.iter().filter(|(name, _)| *name != NAME).collect();
        let names: Vec<_> = kept.iter().map(|(name, _)| name).collect();
        let [(name, kept)] = kept.as_slice() else { panic!("{when}: {names:?} are left") };
        assert!(
            name.starts_with("lab-kubeconfig.certwright-") && name.strip_suffix(".bak").is_some(),
            "{when}: {name} is left"
        );
        assert_eq!((kept.mode, kept.owner), (0o600, self.owner), "{when}: {name}");
        assert!(kept.bytes == self.old, "{when}: {name} is not the old one");
    }
}

/// The lab's kubectl and the system's flock, each behind the gate.
fn programs(place: &Place) {
    for name in ["bin", "lab-bin"] {
        fs::create_dir(place.path(name)).expect("a folder for programs");
    }
    symlink(env!("CARGO_BIN_EXE_certwright-lab"), place.path("lab-bin/kubectl")).expect("a program");
    let root = place.path("").display().to_string();
    let kubectl = place.path("lab-bin/kubectl").display().to_string();
    for (name, real) in [("kubectl", kubectl.as_str()), ("flock", "/usr/bin/flock")] {
        let path = format!("bin/{name}");
        place.write(&path, GATED.replace("ROOT", root.trim_end_matches('/')).replace("REAL", real));
        fs::set_permissions(place.path(&path), Permissions::from_mode(0o755)).expect("its mode");
    }
    let made = place.under("mkfifo", "gate").status();
    assert!(made.expect("mkfifo starts").success());
}

/// Whether the thread woke the other one.
fn is_wake(line: &str) -> bool {
    line.contains("anon_inode:[eventfd]") || !line.contains('/')
}

/// The thread of files.
fn thread(process: u32) -> u32 {
    let tasks = PathBuf::from(format!("/proc/{process}/task"));
    let mut found = fs::read_dir(tasks)
        .expect("it runs")
        .flatten()
        .filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "files\n"));
    let task = found.next().expect("a thread of files");
    assert!(found.next().is_none(), "one thread of files");
    task.file_name().into_string().ok().and_then(|id| id.parse().ok()).expect("a number")
}

fn said(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&said).into_owned()
}
