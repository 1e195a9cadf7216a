//! One schedule's computer: its folder, its lines, what was tried, what was seen. Everything waits on one notifier.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::Notify;

use crate::effects::{Attempt, Spot};
use crate::frames::Job;
use crate::random::Random;

/// The shells that `/bin/sh` is somewhere.
pub(crate) const SHELLS: [&[&str]; 3] = [&["/bin/dash"], &["/bin/bash"], &["/bin/busybox", "sh"]];

/// What happens to one request, its reply, or a new line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// So many bytes of the request arrive, then the line is cut.
    CutRequest(usize),
    /// All of the request but its last bytes, so many, arrive, then the line is cut.
    CutBeforeEnd(usize),
    /// So many bytes of the request arrive, the rest when it is released.
    HoldRequest(usize),
    /// So many bytes of the reply arrive on stream 0 or 1, then the line is cut.
    CutReply(usize, usize),
    /// So many bytes of the reply arrive on stream 0 or 1, the rest when it is released.
    HoldReply(usize, usize),
    /// Marks of nobody, and of the request before, come before the reply.
    Noise,
    /// No line is opened.
    Refuse,
}

/// A fault that waits for its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Armed {
    /// None: anybody's.
    pub(crate) process: Option<usize>,
    pub(crate) job: Job,
    /// Requests of that job that pass before.
    pub(crate) skip: usize,
    pub(crate) fault: Fault,
}

/// What the host's side sees of a line that its client lost or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All pipes are closed at once.
    Hard,
    /// Standard input ends; what is still said is read.
    Soft,
    /// Nothing, until the schedule ends.
    HalfOpen,
}

/// One line between a client and a worker.
pub(crate) struct Wire {
    pub(crate) process: usize,
    /// Process id of the worker's shell, which leads its group.
    pub(crate) pid: i32,
    /// How the shell ended, once it did.
    pub(crate) exited: Option<Result<i32, String>>,
    pub(crate) fate: Fate,
    /// The client holds its end.
    pub(crate) open: bool,
    pub(crate) cut: bool,
    /// Bytes wait on it to be released.
    pub(crate) held: bool,
    /// Requests that arrived whole.
    pub(crate) whole: usize,
    /// The attempt whose request came last.
    pub(crate) attempt: Option<usize>,
    /// What becomes of the reply: stream, bytes before, cut or held.
    pub(crate) reply: Option<(usize, usize, Ending)>,
    pub(crate) replied: [usize; 2],
    /// What comes before the worker's next words, on each stream.
    pub(crate) noise: [Vec<u8>; 2],
    /// What the worker said on standard output.
    pub(crate) heard: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(process: usize, pid: i32, fate: Fate) -> Self {
        Self {
            process,
            pid,
            exited: None,
            fate,
            open: true,
            cut: false,
            held: false,
            whole: 0,
            attempt: None,
            reply: None,
            replied: [0, 0],
            noise: [Vec::new(), Vec::new()],
            heard: Vec::new(),
        }
    }
}

/// What happens to a reply after so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Cut,
    Hold,
}

/// How a process' work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Done,
    /// Another run has the host.
    Owned,
    /// Somebody gave the host up.
    GivenUp,
}

/// What a client process is to the schedule.
pub(crate) struct Life {
    pub(crate) alive: bool,
    pub(crate) finish: Option<Finish>,
    /// Answers `busy` it got.
    pub(crate) busy: usize,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a thing that has happened or not")]
pub(crate) struct Inner {
    pub(crate) random: Random,
    pub(crate) trace: Vec<String>,
    pub(crate) fired: BTreeMap<&'static str, u64>,
    pub(crate) armed: Vec<Armed>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) lives: Vec<Life>,
    pub(crate) attempts: Vec<Attempt>,
    /// Where the next attempts stop, by process.
    pub(crate) gates: Vec<(usize, Spot)>,
    /// From now on no attempt stops.
    pub(crate) gates_open: bool,
    /// Held bytes go on.
    pub(crate) released: bool,
    /// Every line is closed.
    pub(crate) quiet: bool,
    /// A worker's shell was killed: it may leave a file that has a name for an instant.
    pub(crate) shell_killed: bool,
    /// Runs that began to give the host up, and how many lines of effects there were.
    pub(crate) freed: Vec<(&'static str, usize)>,
    /// Effects that a process reported as done.
    pub(crate) reported: Vec<usize>,
    pub(crate) problems: Vec<String>,
    /// Where a process waits between two effects.
    pub(crate) go_on: bool,
}

pub(crate) struct World {
    pub(crate) shell: usize,
    /// The worker's program.
    pub(crate) program: String,
    folder: TempDir,
    /// Inherited by every process of the schedule: its reader sees the end when none is left.
    pub(crate) life: Mutex<Option<OwnedFd>>,
    inner: Mutex<Inner>,
    changed: Notify,
}

impl World {
    pub(crate) fn new(seed: u64, shell: usize, program: &str, life: OwnedFd) -> Arc<Self> {
        let shm = Path::new("/dev/shm");
        let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        let inner = Inner {
            random: Random(seed),
            trace: Vec::new(),
            fired: BTreeMap::new(),
            armed: Vec::new(),
            wires: Vec::new(),
            lives: Vec::new(),
            attempts: Vec::new(),
            gates: Vec::new(),
            gates_open: false,
            released: false,
            quiet: false,
            shell_killed: false,
            freed: Vec::new(),
            reported: Vec::new(),
            problems: Vec::new(),
            go_on: false,
        };
        let world = Self {
            shell,
            program: program.to_owned(),
            folder: folder.expect("a folder"),
            life: Mutex::new(Some(life)),
            inner: Mutex::new(inner),
            changed: Notify::new(),
        };
        fs::File::create(world.path("effects")).expect("created");
        Arc::new(world)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn base(&self) -> PathBuf {
        self.path("base")
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something and wakes whoever waits for it.
    pub(crate) fn update<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let result = act(&mut self.inner());
        self.changed.notify_waiters();
        result
    }

    /// Waits until it holds.
    pub(crate) async fn until(&self, holds: impl Fn(&Inner) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(&self.inner()) {
                return;
            }
            changed.await;
        }
    }

    /// Looks every millisecond whether it holds, at most so often; for what only the kernel knows.
    pub(crate) async fn poll(&self, most: usize, mut holds: impl FnMut() -> bool) -> bool {
        for _ in 0..most {
            if holds() {
                return true;
            }
            pause(Duration::from_millis(1)).await;
        }
        false
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("64 bits");
        usize::try_from(self.inner().random.below(bound)).expect("64 bits")
    }

    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.inner().random.percent(chance)
    }

    pub(crate) fn pick<T: Copy>(&self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    pub(crate) fn trace(&self, text: impl Into<String>) {
        self.inner().trace.push(text.into());
    }

    pub(crate) fn fired(&self, name: &'static str) {
        self.update(|inner| {
            *inner.fired.entry(name).or_default() += 1;
            inner.trace.push(format!("fired: {name}"));
        });
    }

    pub(crate) fn problem(&self, text: String) {
        self.update(|inner| {
            inner.trace.push(format!("PROBLEM {text}"));
            inner.problems.push(text);
        });
    }

    /// The lines of the effects file.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("effects")).expect("it is there");
        text.lines().map(str::to_owned).collect()
    }

    /// How many processes wait for the host's lock.
    pub(crate) fn lock_waiters(&self) -> usize {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(lock) = fs::metadata(self.base().join("lock")) else { return 0 };
        let inode = format!(":{} ", lock.ino());
        let locks = fs::read_to_string("/proc/locks").expect("/proc is mounted");
        locks.lines().filter(|line| line.contains("-> FLOCK") && line.contains(&inode)).count()
    }
}

/// Real time passes: the schedule's own clock stands still.
pub(crate) async fn pause(real: Duration) {
    tokio::task::spawn_blocking(move || std::thread::sleep(real)).await.expect("it sleeps");
}
