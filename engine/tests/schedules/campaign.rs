//! Plays many schedules at once, until one breaks a rule, and counts what happened in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::scenes::SCENES;
use crate::stage::play;
use crate::world::{SHELLS, World};

/// What a campaign saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// Schedules by shell.
    pub(crate) schedules: [u64; SHELLS.len()],
    /// How often each thing really happened, by shell.
    pub(crate) fired: BTreeMap<&'static str, [u64; SHELLS.len()]>,
    /// Effects that were reported as done, workers that were started.
    pub(crate) effects: u64,
    pub(crate) workers: u64,
    /// The first schedule that broke a rule, and how.
    pub(crate) broken: Option<(u64, String)>,
}

/// What must really have happened, under each shell.
pub(crate) const FAULTS: [&str; 38] = [
    "abandon of a living run",
    "abandon waited for the lock",
    "answer: busy",
    "answer: deadline",
    "answer: given up",
    "answer: not reached",
    "answer: owned",
    "answer: unknown",
    "client killed",
    "command killed",
    "deadline passed",
    "group killed",
    "late start behind a waiting takeover",
    "late start ended with its line",
    "late start refused at once",
    "late start while idle",
    "line cut while the command runs",
    "line refused",
    "noise with marks of another nonce",
    "one channel only",
    "release held",
    "reply cut on stderr",
    "reply cut on stdout",
    "reply delayed",
    "reply held",
    "request cut after its last byte",
    "request cut before its first byte",
    "request cut within",
    "request delayed",
    "request held",
    "resume",
    "second operator after an abandon",
    "second operator refused",
    "shell killed",
    "somebody waited for the lock",
    "worker killed at any moment",
    "worker killed while idle",
    "worker killed within a request",
];

/// Shells by turns: bash takes twice the time of the others.
const TURNS: [usize; 5] = [0, 2, 1, 0, 2];

/// Which scene and shell a seed plays.
fn cast(seed: u64) -> (usize, usize) {
    let (scenes, turns) = (SCENES.len() as u64, TURNS.len() as u64);
    let index = |n: u64| usize::try_from(n).expect("it is small");
    (index(seed % scenes), TURNS[index(seed / scenes % turns)])
}

/// Plays the schedules with these seeds against that program of the worker.
pub(crate) fn run(seeds: Range<u64>, program: &str, limit: Duration) -> Seen {
    let counter = AtomicU64::new(seeds.start);
    let results = Mutex::new(Seen::default());
    // Most of the time a schedule waits for its processes.
    let players = 16 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..players {
            scope.spawn(|| {
                loop {
                    let seed = counter.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || results.lock().expect("no panic under it").broken.is_some() {
                        return;
                    }
                    let (scene, shell) = cast(seed);
                    let world = play(seed, scene, shell, program, limit);
                    results.lock().expect("no panic under it").add(seed, scene, shell, &world);
                }
            });
        }
    });
    results.into_inner().expect("no panic under it")
}

impl Seen {
    fn add(&mut self, seed: u64, scene: usize, shell: usize, world: &World) {
        let inner = world.inner();
        self.schedules[shell] += 1;
        for (name, count) in &inner.fired {
            self.fired.entry(name).or_default()[shell] += count;
        }
        self.effects += inner.reported.len() as u64;
        self.workers += inner.wires.len() as u64;
        if !inner.problems.is_empty() && self.broken.is_none() {
            let (scene, _) = SCENES[scene];
            let text = format!(
                "seed {seed} ({scene}, {}):\n  {}\ntrace:\n  {}\neffects:\n  {}\n`CERTWRIGHT_SEED={seed}` runs it alone",
                SHELLS[shell].join(" "),
                inner.problems.join("\n  "),
                inner.trace.join("\n  "),
                world.effects().join("\n  "),
            );
            self.broken = Some((seed, text));
        }
    }

    /// The figures, one line a fault.
    pub(crate) fn report(&self) -> String {
        let total: u64 = self.schedules.iter().sum();
        let [dash, bash, busybox] = self.schedules;
        let mut text = format!(
            "{total} schedules (dash {dash}, bash {bash}, busybox {busybox}), {} effects, {} workers\n",
            self.effects, self.workers
        );
        for (name, [dash, bash, busybox]) in &self.fired {
            writeln!(text, "{dash:>7} {bash:>7} {busybox:>7}  {name}").expect("a string takes it");
        }
        text
    }
}
