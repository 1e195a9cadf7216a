//! What rounds took: the least and the median, and the processor time of the whole machine.

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks a second of the times in /proc: USER_HZ, 100 on every architecture that Debian knows.
const USER_HZ: u64 = 100;

/// Numbers of one kind, one a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    /// One more.
    pub(crate) fn push(&mut self, number: f64) {
        self.0.push(number);
    }

    /// The least.
    pub(crate) fn least(&self) -> f64 {
        self.sorted()[0]
    }

    /// The median.
    pub(crate) fn median(&self) -> f64 {
        self.sorted()[self.0.len() / 2]
    }

    /// `least / median`.
    pub(crate) fn text(&self, decimals: usize) -> String {
        format!("{:.decimals$} / {:.decimals$}", self.least(), self.median())
    }

    /// Number by number, as one by the other: rounds are taken in turns, so what disturbs one disturbs both.
    pub(crate) fn by(&self, other: &Self, of: fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| of(*ours, *theirs)).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut all = self.0.clone();
        all.sort_unstable_by(f64::total_cmp);
        all
    }
}

/// What something took by the clock.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures by the process's own clock")]
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}

/// Processor time that the whole machine has used since its start.
pub(crate) fn machine_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/stat").expect("/proc is mounted");
    let all = stat.lines().next().expect("a line of all processors");
    // user nice system idle iowait irq softirq
    let numbers: Vec<u64> = all.split_whitespace().skip(1).take(7).filter_map(|n| n.parse().ok()).collect();
    ticks(numbers.iter().enumerate().filter(|(at, _)| ![3, 4].contains(at)).map(|(_, n)| n).sum())
}

/// Processor time of the children of this process that it has waited for, and of theirs.
pub(crate) fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    // pid (name) state ...: of what follows the name, cutime and cstime are the 14th and 15th.
    let rest = stat.rsplit_once(") ").expect("a name in brackets").1;
    ticks(rest.split(' ').skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum())
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / USER_HZ)
}
