//! `kill -9` of certwright while a request to a worker is under way, then `resume`: the same final state, nothing done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::killed::{RUN, is_renewed, next, settle};
use crate::openssl;
use crate::random::Random;
use crate::requests::{Ended, Watched};
use crate::seen::{INSTANTS, Instant, Point, To};

/// Requests of a process that is killed before anything was renewed, at most: the looks of three nodes side by side
/// must find an end.
const AT_MOST_BEFORE: u64 = 200;
/// The same in the middle of a run: a restart looks at its node and twice at the peers before its first stop.
const AT_MOST: u64 = 150;
/// Single kill points of the suite.
const SAMPLE: u64 = 2;

#[test]
fn a_run_whose_every_process_is_killed_while_a_request_is_under_way_ends_renewed_with_nothing_done_twice() {
    let mut random = Random(seed());
    let mut watched = Watched::expired();
    watched.cluster.keep();
    let mut met = Met::default();
    let mut history = History::of(&watched);
    let (mut begins, mut here) = (0, 0);
    for turn in 0.. {
        let Some(args) = next(&watched.cluster) else { break };
        assert!(turn < 200, "it makes no progress: {met:?}");
        let mut below = |bound: u64| usize::try_from(random.below(bound)).expect("small");
        let point = if args == RUN {
            // Before the run begins its dry run has to end.
            begins += 1;
            Point { to: To::Nodes, request: 80 * begins + below(80), instant: INSTANTS[turn % 4] }
        } else if !is_restarted(&watched) {
            let most = if is_begun(&watched) { AT_MOST } else { AT_MOST_BEFORE };
            Point { to: To::Nodes, request: 4 + below(most), instant: INSTANTS[(turn + turn / 4) % 4] }
        } else if turn % 3 == 0 {
            Point { to: To::Nodes, request: 4 + below(AT_MOST / 4), instant: INSTANTS[(turn + turn / 4) % 4] }
        } else {
            here += 1;
            Point { to: To::Workstation, request: here, instant: INSTANTS[here % 4] }
        };
        if watched.process(args, Some(point)) == Ended::Killed {
            met.killed_at(point);
            history.look(&watched, point);
        }
    }
    is_over(&watched, &mut met);
    let chain = met.kills();
    // How far each process comes before it dies is a matter of time, and so is how many there are.
    for (to, instant) in [To::Nodes, To::Workstation].into_iter().flat_map(|to| INSTANTS.map(|at| (to, at))) {
        if !met.points.contains_key(&(to, instant)) {
            watched.forget();
            let point = Point { to, request: 2, instant };
            assert_eq!(one_kill(&mut watched, point, &mut met), Ended::Killed, "{point:?}");
        }
    }
    assert_eq!(met.points.len(), 2 * 4, "every instant, to the nodes and to this machine: {met:?}");
    for _ in 0..SAMPLE {
        watched.forget();
        let request = 1 + usize::try_from(random.below(250)).expect("small");
        let instant = INSTANTS[usize::try_from(random.below(4)).expect("small")];
        let point = Point { to: To::Nodes, request, instant };
        assert_eq!(one_kill(&mut watched, point, &mut met), Ended::Killed, "{point:?}: a run is longer");
    }
    println!("over ssh, seed {}: {chain} kills in one run, {} alone: {met:?}", seed(), met.kills() - chain);
}

/// Whether a certificate was renewed.
fn is_begun(watched: &Watched) -> bool {
    openssl::lasts(&watched.cluster.path("lab").join("cp-1/etc/kubernetes/pki/apiserver.crt"))
}

/// Whether only this machine, and a look at every node, is left to be done.
fn is_restarted(watched: &Watched) -> bool {
    watched.cluster.attempts().values().filter(|attempt| **attempt > 0).count() == 3 * 4
}

#[test]
#[ignore = "a campaign of hours; every 50th: CERTWRIGHT_STEP=50 cargo nextest run --test over_ssh --run-ignored only every_request --no-capture"]
fn a_run_killed_at_every_request_in_turn_and_at_every_instant_is_resumed_to_the_same_state() {
    let step = number("CERTWRIGHT_STEP", 1);
    let first = number("CERTWRIGHT_FIRST", 1);
    let mut watched = Watched::expired();
    watched.cluster.keep();
    let mut met = Met::default();
    for to in [To::Workstation, To::Nodes] {
        for instant in chosen() {
            let (most, ended) = kills_from(first, step, to, instant, &mut watched, &mut met);
            println!("{to:?} {instant:?}: up to {most} of {ended:?}");
        }
    }
    assert!(met.kills() > 0, "{met:?}");
    println!("over ssh: requests {first}, {first} + {step} and so on: {} kills: {met:?}", met.kills());
}

/// Kills one run after another, each a request later, until a run ends before it; the last request and that end.
fn kills_from(
    first: usize,
    step: usize,
    to: To,
    instant: Instant,
    watched: &mut Watched,
    met: &mut Met,
) -> (usize, Ended) {
    for request in (first..).step_by(step) {
        let point = Point { to, request, instant };
        let (ended, history) = kill(watched, point, met);
        println!("{to:?} {instant:?} {request}: {ended:?}");
        let asked = match (&ended, to) {
            (Ended::Killed, _) => request,
            (Ended::Done(asked, _), To::Nodes) | (Ended::Done(_, asked), To::Workstation) => *asked,
        };
        if ended == Ended::Killed && next(&watched.cluster) == Some(RUN) {
            // In its dry run: the next one begins where it began.
            assert!(history.is_empty(), "{point:?}: a dry run changed something");
        } else {
            resume(watched, history, point, met);
            watched.forget();
        }
        // At ssh's own goodbye there is no reply that could be kept back.
        if asked < request {
            return (request, ended);
        }
    }
    unreachable!("requests have no end")
}

/// The instants of the campaign: all, or the one that is named.
fn chosen() -> Vec<Instant> {
    let name = std::env::var("CERTWRIGHT_INSTANT").unwrap_or_default();
    let chosen: Vec<Instant> =
        INSTANTS.into_iter().filter(|instant| name.is_empty() || format!("{instant:?}") == name).collect();
    assert!(!chosen.is_empty(), "CERTWRIGHT_INSTANT={name} is none of {INSTANTS:?}");
    chosen
}

/// A run that is killed at this point and resumed.
fn one_kill(watched: &mut Watched, point: Point, met: &mut Met) -> Ended {
    let (ended, history) = kill(watched, point, met);
    resume(watched, history, point, met);
    ended
}

/// A run that is killed at this point, unless it ends before, and what it changed.
fn kill(watched: &mut Watched, point: Point, met: &mut Met) -> (Ended, History) {
    let mut history = History::of(watched);
    let ended = watched.process(RUN, Some(point));
    if ended == Ended::Killed {
        met.killed_at(point);
        history.look(watched, point);
    }
    (ended, history)
}

/// What an operator does then, to the end.
fn resume(watched: &mut Watched, mut history: History, point: Point, met: &mut Met) {
    if let Some(args) = next(&watched.cluster) {
        assert!(matches!(watched.process(args, None), Ended::Done(..)));
        history.look(watched, point);
    }
    is_over(watched, met);
}

/// Asserts the end of a run: everything renewed, nothing stopped twice, nobody owns a node, nothing is left behind.
fn is_over(watched: &Watched, met: &mut Met) {
    assert_eq!(next(&watched.cluster), None, "the run has ended");
    settle(&watched.cluster);
    is_renewed(&watched.cluster);
    let held = |watched: &Watched| (0..3).find(|node| !watched.owner(*node).is_empty());
    if let Some(node) = held(watched) {
        // It was killed between its last record and letting go.
        let line = watched.owner(node);
        let run = line.split(' ').next().expect("a run");
        let freed = watched.command(&format!("abandon {run}")).output().expect("certwright starts");
        assert!(freed.status.success(), "{}", String::from_utf8_lossy(&freed.stderr));
        met.freed += 1;
        assert_eq!(held(watched), None);
    }
    met.late = watched.late();
    watched.leaves_nothing_here();
}

fn seed() -> u64 {
    u64::try_from(number("CERTWRIGHT_SEED", 1)).expect("a small number")
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What was met.
#[derive(Debug, Default)]
struct Met {
    points: BTreeMap<(To, Instant), usize>,
    /// Held requests that arrived after another process had begun.
    late: usize,
    /// Runs that were killed before they let go of their hosts, and needed `abandon` for that.
    freed: usize,
}

impl Met {
    fn killed_at(&mut self, point: Point) {
        *self.points.entry((point.to, point.instant)).or_default() += 1;
    }

    fn kills(&self) -> usize {
        self.points.values().sum()
    }
}

/// What a run may change once: every file of the nodes, and the workstation's kubeconfig.
struct History {
    before: BTreeMap<PathBuf, Vec<u8>>,
    changed: BTreeMap<PathBuf, Vec<u8>>,
    kubeconfigs: BTreeSet<Option<(u64, i64, i64)>>,
}

impl History {
    fn of(watched: &Watched) -> Self {
        let kubeconfigs = BTreeSet::from([kubeconfig(watched)]);
        Self { before: watched.cluster.certificates(), changed: BTreeMap::new(), kubeconfigs }
    }

    /// Looks once nothing runs any more.
    fn look(&mut self, watched: &Watched, point: Point) {
        settle(&watched.cluster);
        for (file, bytes) in watched.cluster.certificates() {
            let known = self.changed.get(&file);
            if known.is_some() || self.before.get(&file) != Some(&bytes) {
                let first = known.cloned().unwrap_or_else(|| bytes.clone());
                assert!(first == bytes, "{point:?}: {} was changed twice", file.display());
                self.changed.insert(file, bytes);
            }
        }
        self.kubeconfigs.insert(kubeconfig(watched));
        assert!(self.kubeconfigs.len() <= 2, "{point:?}: the kubeconfig was replaced twice");
    }

    /// Whether nothing was changed so far.
    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.kubeconfigs.len() == 1
    }
}

/// Which file it is: a replaced one has another inode or time. None: there is none yet.
fn kubeconfig(watched: &Watched) -> Option<(u64, i64, i64)> {
    let found =
        fs::metadata(watched.cluster.path("lab/workstation/bmctl-workspace/lab/lab-kubeconfig")).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}
