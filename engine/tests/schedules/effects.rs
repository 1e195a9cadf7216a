//! What the commands of a schedule do, and what must be true of it in the end.
//!
//! An effect is two lines in a file, `begin` and `end`, appended one after the other: a second one, half a one, and
//! one that came too late are all seen afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, FlockOperation, Mode, flock, mknodat};

use crate::world::{Inner, World};

/// $1 the schedule's folder, $2 effect, $3 attempt, $4 where it stops, $5 `whole` or `rest`; with $2 `-` the effect is
/// the first line of its input.
pub(crate) const SCRIPT: &str = r#"
dir=$1 id=$2 att=$3 gate=$4
test "$id" != - || IFS= read -r id
stop() {
    test "$gate" != "$1" || { echo "$att $1 $$" >"$dir/at"; read -r _ <"$dir/go-$att"; }
}
stop before
if test "$5" = whole; then
    read -r run _ <"$dir/base/owner"
    echo "begin $id $att $run" >>"$dir/effects"
fi
stop between
echo "half of $id is done"
echo "end $id $att" >>"$dir/effects"
stop after
"#;

/// Where a command stops until its gate is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    Before,
    Between,
    After,
}

impl Spot {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Between => "between",
            Self::After => "after",
        }
    }
}

/// What its caller was told of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Status(i32),
    /// Certainly not started.
    Denied,
    Unknown,
}

/// One call that was to make an effect.
pub(crate) struct Attempt {
    pub(crate) process: usize,
    pub(crate) run: &'static str,
    pub(crate) told: Option<Told>,
    /// How many of its requests arrived whole.
    pub(crate) whole: usize,
    /// Nothing of it may come after so many lines of the file: somebody took the host over.
    pub(crate) dead_from: Option<usize>,
    /// Its command was killed.
    pub(crate) killed: bool,
    pub(crate) gate: Option<(Spot, OwnedFd)>,
    /// Its command stands at its gate, with this process id.
    pub(crate) at: Option<i32>,
}

impl World {
    /// The gate at which the next attempt of that process stops, made now.
    pub(crate) fn gate(&self, process: usize, attempt: usize) -> Option<(Spot, OwnedFd)> {
        let spot = {
            let mut inner = self.inner();
            let place = inner.gates.iter().position(|(of, _)| *of == process)?;
            let (_, spot) = inner.gates.remove(place);
            if inner.gates_open {
                return None;
            }
            spot
        };
        let path = self.path(&format!("go-att-{attempt}-"));
        mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a fifo");
        let both = fs::OpenOptions::new().read(true).write(true).open(&path).expect("it opens");
        Some((spot, OwnedFd::from(both)))
    }

    /// Lets every command go on; from now on none stops.
    pub(crate) fn open_gates(&self) {
        self.update(|inner| {
            inner.trace.push("gates open".into());
            inner.gates_open = true;
            inner.attempts.iter().filter_map(|attempt| attempt.gate.as_ref()).for_each(|(_, fifo)| {
                rustix::io::write(fifo, b"\n").expect("it takes a byte");
            });
        });
    }

    /// Lets the commands go on that have a gate now.
    pub(crate) fn open_gates_so_far(&self) {
        self.open_gates();
        self.inner().gates_open = false;
    }

    /// The host was taken over by `run`: nothing of its earlier attempts comes any more.
    pub(crate) fn retire(&self, run: &str) {
        let lines = self.effects().len();
        self.update(|inner| {
            let Inner { attempts, lives, .. } = inner;
            for attempt in attempts.iter_mut().filter(|attempt| attempt.run == run) {
                if attempt.told.is_some() || !lives[attempt.process].alive {
                    attempt.dead_from = attempt.dead_from.or(Some(lines));
                }
            }
        });
    }

    /// What must be true once nothing moves any more; what is not is noted as a problem.
    pub(crate) fn judge(&self) {
        let lines = self.effects();
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut runs: Vec<String> = Vec::new();
        let mut problems = Vec::new();
        let inner = self.inner();
        let mut began = vec![0; inner.attempts.len()];
        let mut ended = vec![0; inner.attempts.len()];
        for (number, line) in lines.iter().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, id, attempt, ref rest @ ..] = words[..] else {
                problems.push(format!("a torn line: {line:?}"));
                continue;
            };
            *counts.entry((id.to_owned(), what.to_owned())).or_default() += 1;
            let attempt = attempt.trim_start_matches("att-").trim_end_matches('-');
            let index: usize = attempt.parse().expect("an attempt");
            let attempt = &inner.attempts[index];
            if what == "begin" {
                began[index] += 1;
                if rest != [attempt.run] {
                    problems.push(format!("{line:?} began while the owner was {rest:?}"));
                }
                if let Some(before) = runs.last().filter(|run| *run != attempt.run)
                    && !inner.freed.iter().any(|(run, lines)| run == before && *lines <= number)
                {
                    problems.push(format!("{line:?} began on a host that run {before} had not given up"));
                }
                if runs.last().is_none_or(|run| run != attempt.run) {
                    runs.push(attempt.run.to_owned());
                }
            } else {
                ended[index] += 1;
            }
            if attempt.told == Some(Told::Denied) {
                problems.push(format!("{line:?}, of which it was said that it did not start"));
            }
            if attempt.dead_from.is_some_and(|from| number >= from) {
                problems.push(format!("{line:?} came after the host was taken over"));
            }
        }
        for ((id, what), count) in &counts {
            if *count > 1 {
                problems.push(format!("double effect: {count} times {what} {id}"));
            }
        }
        if runs.len() > 2 {
            problems.push(format!("runs had the host by turns: {runs:?}"));
        }
        let count = |id: usize, what: &str| counts.get(&(format!("e{id}"), what.to_owned())).copied();
        for id in &inner.reported {
            if (count(*id, "begin"), count(*id, "end")) != (Some(1), Some(1)) {
                problems.push(format!("lost effect: e{id} was reported as done"));
            }
        }
        for (index, attempt) in inner.attempts.iter().enumerate() {
            if began[index] > attempt.whole {
                problems.push(format!("attempt {index} began though its request never arrived whole"));
            }
            if began[index] > ended[index] && !attempt.killed {
                problems.push(format!("attempt {index} died half-way, and nobody killed it"));
            }
            if let Some(Told::Status(status)) = attempt.told
                && (status == 0) != (ended[index] > 0)
                && !attempt.killed
            {
                problems.push(format!(
                    "attempt {index}: status {status}, but its end came {} times",
                    ended[index]
                ));
            }
        }
        let killed = inner.shell_killed;
        drop(inner);
        problems.extend(self.left_behind(killed));
        for problem in problems {
            self.problem(problem);
        }
    }

    /// What is left in the base folder that should not be there.
    fn left_behind(&self, shell_killed: bool) -> Vec<String> {
        let mut problems = Vec::new();
        let base = self.base();
        let names = |folder: &std::path::Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect::<Vec<_>>()
        };
        // A shell that is killed between the making of a file and the removal of its name leaves it.
        let by_kill = |name: &str| {
            let nonce = name.split('.').next().unwrap_or_default();
            shell_killed && (name == "owner.new" || nonce.len() == 32 && name.len() <= 35)
        };
        for name in names(&base) {
            if !["lock", "owner", "run"].contains(&name.as_str()) && !by_kill(&name) {
                problems.push(format!("`{name}` is left in the base folder"));
            }
        }
        for name in names(&base.join("run")) {
            if name != "current" && !by_kill(&name) {
                problems.push(format!("`run/{name}` is left in the base folder"));
            }
        }
        if let Ok(lock) = fs::File::open(base.join("lock"))
            && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err()
        {
            problems.push("the lock is held".into());
        }
        problems
    }
}
