//! A rehearsal of which one system call is struck: the process dies in it, or the call fails for a bad or a full disk.
//!
//! Struck are the calls that touch the journal with its folder and locks, the workstation's kubeconfig, and the programs
//! that certwright starts: a rehearsal's connections are pipes to them. Each time the fault is proved to have fired, the end
//! is a documented one, and a resume (or a new run where nothing was durable yet) ends renewed with nothing done twice.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec};

use crate::killed::{certificates, goes_on};
use crate::openssl::{self, Expected};
use crate::program::Place;
use crate::random::Random;
use crate::strace::{Call, Strike, Struck, calls, campaign, number, struck};

const NEW: &str = "rehearse --lab lab --fault deadline-exceeded@cp-2";
const RESUME: &str = "resume";
/// The lab's kubeconfig, below the lab.
const KUBECONFIG: &str = "workstation/bmctl-workspace/lab/lab-kubeconfig";
/// Calls on the journal and the kubeconfig.
const FILES: &str = "openat,read,pread64,write,pwrite64,fdatasync,fsync,flock,ftruncate,rename,mkdir,unlink,\
    fchmod,statx,close";
/// Calls that make a run, and those that only the journal makes.
const MAKING: &str = "openat,write,pwrite64,fdatasync,fsync,flock,ftruncate,rename,mkdir,statfs";
/// Calls that start a program.
const STARTING: &str = "pipe2,clone3";
/// Faults in CI.
const SAMPLE: usize = 30;
/// Faults of the campaign, at most.
const CAMPAIGN: usize = 3 * 600;
/// Exit codes of `--help` with which such a run may end: done all the same, failed, refused before it began, journal.
const ENDS: [i32; 4] = [0, 10, 14, 20];

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Journal,
    Kubeconfig,
    Program,
}

/// A call of a command that begins in a known state.
struct Point {
    from: From,
    about: About,
    call: Call,
}

/// Where a command begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    /// A lab and no run.
    Nothing,
    /// A run whose first record is durable.
    Begun,
}

/// A place that is in one of both states whenever it is wanted.
struct Stage {
    place: Place,
    untouched: BTreeMap<String, Vec<u8>>,
    /// The paths of the begun run's journal and of its kubeconfig.
    paths: Vec<PathBuf>,
}

#[test]
fn thirty_calls_of_a_rehearsal_that_are_struck_leave_a_run_that_goes_on() {
    let seed = number("CERTWRIGHT_SEED", 1);
    let stage = Stage::new();
    let points = stage.points();
    let mut random = Random(u64::try_from(seed).expect("a small number"));
    let mut met = Met::default();
    for turn in 0..SAMPLE {
        // One of each thirtieth of the calls, which stand in the order of their subjects.
        let (first, end) = (turn * points.len() / SAMPLE, (turn + 1) * points.len() / SAMPLE);
        let at = first + usize::try_from(random.below((end - first) as u64)).expect("small");
        let strikes = points[at].call.strikes();
        stage.strike(&points[at], strikes[turn % strikes.len()], &mut met);
    }
    println!("a rehearsal, seed {seed}: {} of {} calls struck: {met:?}", met.tried(), points.len());
    assert_eq!(met.tried(), SAMPLE);
}

#[test]
#[ignore = "a campaign of half an hour: cargo nextest run --release --test cli --run-ignored only every_call --no-capture"]
fn every_call_of_a_rehearsal_on_journal_kubeconfig_and_programs_that_is_struck_leaves_a_run_that_goes_on() {
    let stage = Stage::new();
    let points = stage.points();
    assert!(points.len() * 3 <= CAMPAIGN, "{} calls", points.len());
    let mut met = Met::default();
    let failed =
        campaign(&points, |point| &point.call, |point, strike| stage.strike(point, strike, &mut met));
    println!("a rehearsal: {} calls to be struck, three ways each: {met:?}", points.len());
    assert_eq!(failed, 0, "strikes that failed, each is told above");
}

/// Those of the signals and of what is shown: no memory, or no more processes of this user.
#[test]
fn a_thread_that_cannot_be_started_is_told_and_the_run_goes_on_later() {
    let stage = Stage::new();
    for nth in 1..=2 {
        let call = Call { name: "clone3".into(), nth, line: String::new() };
        let point = Point { from: From::Begun, about: About::Program, call };
        stage.strike(&point, Strike::Eio, &mut Met::default());
    }
}

impl Stage {
    fn new() -> Self {
        let place = Place::new();
        drop(Lab::create(place.path("lab"), &LabSpec::default(), &Clock::real()).expect("a lab"));
        let untouched = certificates(&place.path("lab"));
        let stage = Self { place, untouched, paths: Vec::new() };
        stage.keep(From::Nothing);
        // Its second sync is that of its first decision.
        let second = Call { name: "fdatasync".into(), nth: 2, line: String::new() };
        let died = struck(&stage.place, &second, Strike::Kill, &[], NEW);
        assert_eq!(died.code, None, "{}", died.said);
        stage.keep(From::Begun);
        let paths = stage.paths_of_begun();
        Self { paths, ..stage }
    }

    fn keep(&self, from: From) {
        let copied = self.place.under("cp", &format!("-a lab home {}", self.kept(from))).status();
        assert!(copied.expect("cp starts").success());
    }

    fn kept(&self, from: From) -> String {
        let folder = self.place.path(&format!("{from:?}"));
        fs::create_dir_all(&folder).expect("a folder");
        folder.display().to_string()
    }

    /// Puts the place into this state.
    fn restore(&self, from: From) {
        for name in ["lab", "home"] {
            drop(fs::remove_dir_all(self.place.path(name)));
        }
        let kept = self.kept(from);
        let copied = self.place.under("cp", &format!("-a {kept}/lab {kept}/home .")).status();
        assert!(copied.expect("cp starts").success());
    }

    fn paths_of_begun(&self) -> Vec<PathBuf> {
        let state = self.place.path("home/.local/state/certwright");
        let runs: Vec<_> = fs::read_dir(state.join("runs")).expect("runs").flatten().collect();
        assert_eq!(runs.len(), 1, "one run has begun");
        let run = runs[0].file_name().into_string().expect("an id");
        let kubeconfig = self.place.path("lab").join(KUBECONFIG);
        let folder = kubeconfig.parent().expect("a folder");
        let beside = ["KUBE", ".KUBE.new", "KUBE.certwright-RUN.bak", ".KUBE.certwright-RUN.bak.new"]
            .into_iter()
            .chain(["KUBE.certwright-RUN.new", ".KUBE.certwright-RUN.new.new"])
            .map(|name| folder.join(name.replace("KUBE", "lab-kubeconfig").replace("RUN", &run)));
        let folder = state.join("runs").join(&run);
        let locks = fs::read_dir(state.join("clusters")).expect("locks").flatten().map(|lock| lock.path());
        let journal = ["journal", "lock"].map(|name| folder.join(name));
        locks.chain(journal).chain([folder]).chain(beside).collect()
    }

    fn args(from: From) -> &'static str {
        match from {
            From::Nothing => NEW,
            From::Begun => RESUME,
        }
    }

    fn paths(&self, from: From, about: About) -> &[PathBuf] {
        match (from, about) {
            (From::Begun, About::Journal | About::Kubeconfig) => &self.paths,
            (From::Nothing, _) | (From::Begun, About::Program) => &[],
        }
    }

    /// Every call that can be struck, in the order of what it is about.
    fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        let mut add = |from, about, call: Call| points.push(Point { from, about, call });
        self.restore(From::Nothing);
        let mut is_made = false;
        for call in calls(&self.place, MAKING, &[], NEW) {
            // Once hosts are at work side by side, a number means the same file only where no node has such calls.
            let only_journal = ["pwrite64", "fdatasync"].contains(&call.name.as_str());
            if call.line.contains("/state/certwright/") && (only_journal || !is_made) {
                is_made |= call.name == "fsync" && call.line.contains("/runs>");
                add(From::Nothing, About::Journal, call);
            }
        }
        self.restore(From::Begun);
        for call in calls(&self.place, FILES, &self.paths, RESUME) {
            let kubeconfig = call.line.contains("lab-kubeconfig") || call.line.contains("bmctl-workspace");
            add(From::Begun, if kubeconfig { About::Kubeconfig } else { About::Journal }, call);
        }
        self.restore(From::Begun);
        for call in calls(&self.place, STARTING, &[], RESUME) {
            add(From::Begun, About::Program, call);
        }
        points.sort_by_key(|point| (point.about, point.from));
        let of = |about| points.iter().filter(|point| point.about == about).count();
        assert!(
            of(About::Journal) > 150 && of(About::Kubeconfig) > 40 && of(About::Program) > 30,
            "{} {} {}",
            of(About::Journal),
            of(About::Kubeconfig),
            of(About::Program)
        );
        points
    }

    /// Strikes one call, and lets the run go on.
    fn strike(&self, point: &Point, strike: Strike, met: &mut Met) {
        self.restore(point.from);
        let paths = self.paths(point.from, point.about);
        let ended = struck(&self.place, &point.call, strike, paths, Self::args(point.from));
        let when = format!("{strike:?} at {} {} ({:?})", point.call.name, point.call.nth, point.about);
        let line = ended.line.as_ref().unwrap_or_else(|| panic!("{when}: it did not fire\n{}", ended.said));
        let when = format!("{when}: {line}");
        is_documented(&when, strike, &ended);
        *met.struck.entry((point.about, strike)).or_default() += 1;
        *met.ended.entry(ended.code).or_default() += 1;
        let (certificates, kubeconfig) = (certificates(&self.place.path("lab")), self.kubeconfig());
        goes_on(&self.place, &when);
        for (file, bytes) in &certificates {
            if self.untouched.get(file) != Some(bytes) {
                assert_eq!(fs::read(file).ok().as_ref(), Some(bytes), "{when}: {file} was renewed twice");
            }
        }
        let now = self.kubeconfig();
        assert!(openssl::lasts(&self.place.path("lab").join(KUBECONFIG)), "{when}: the kubeconfig is old");
        if kubeconfig.2 != self.old_kubeconfig() {
            assert_eq!(kubeconfig, now, "{when}: the kubeconfig was replaced twice");
        }
        let stopped = self.stops();
        assert!(stopped.values().all(|stops| *stops <= 1), "{when}: {stopped:?}");
        if met.tried().is_multiple_of(10) {
            met.openssl += openssl::check_nodes(&self.place.path("lab"), Expected::Valid);
        }
    }

    /// Which file the kubeconfig is, and what is in it.
    fn kubeconfig(&self) -> (u64, i64, Vec<u8>) {
        let path = self.place.path("lab").join(KUBECONFIG);
        let found = fs::metadata(&path).expect("a kubeconfig");
        (found.ino(), found.mtime_nsec(), fs::read(path).expect("a kubeconfig"))
    }

    fn old_kubeconfig(&self) -> Vec<u8> {
        fs::read(self.place.path("Nothing/lab").join(KUBECONFIG)).expect("a kubeconfig")
    }

    /// How often each container of each node was stopped.
    fn stops(&self) -> BTreeMap<String, u64> {
        let mut stops = BTreeMap::new();
        for node in ["cp-1", "cp-2", "cp-3"] {
            let mut crictl = self.place.under(env!("CARGO_BIN_EXE_certwright-lab"), "crictl ps -a -o json");
            crictl.env("CERTWRIGHT_LAB_DIR", self.place.path("lab")).env("CERTWRIGHT_LAB_NODE", node);
            let list = crictl.output().expect("the lab's crictl").stdout;
            let list: serde_json::Value = serde_json::from_slice(&list).expect("crictl prints JSON");
            for container in list["containers"].as_array().expect("containers") {
                let name = container["metadata"]["name"].as_str().expect("a name");
                let attempt = container["metadata"]["attempt"].as_u64().unwrap_or(0);
                let highest = stops.entry(format!("{node}/{name}")).or_insert(0);
                *highest = attempt.max(*highest);
            }
        }
        stops
    }
}

/// Asserts that a struck command died of it, or ended as `--help` says, with the reason in its words.
fn is_documented(when: &str, strike: Strike, ended: &Struck) {
    let Some(code) = ended.code else {
        assert_eq!(strike, Strike::Kill, "{when}: a signal ended it\n{}", ended.said);
        return;
    };
    let said = &ended.said;
    assert!(ENDS.contains(&code) && !said.contains("panicked"), "{when}: exit {code}\n{said}");
    let why = match strike {
        Strike::Kill => panic!("{when}: it lives on\n{said}"),
        Strike::Eio => "input/output error",
        Strike::Enospc => "no space left",
    };
    let told = said.to_lowercase().contains(why);
    assert!(code == 0 || told, "{when}: exit {code}, and why is not said:\n{said}");
}

/// What was met.
#[derive(Debug, Default)]
struct Met {
    struck: BTreeMap<(About, Strike), usize>,
    /// Exit codes; None: killed.
    ended: BTreeMap<Option<i32>, usize>,
    /// Certificates that openssl judged.
    openssl: usize,
}

impl Met {
    fn tried(&self) -> usize {
        self.struck.values().sum()
    }
}
