//! Time by the clock and CPU time, and a file that is only written and synced.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What one round took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    wall: Duration,
    /// Of user and system.
    cpu: Duration,
}

impl Cost {
    pub(crate) fn wall_ms(&self) -> f64 {
        self.wall.as_secs_f64() * 1e3
    }

    pub(crate) fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3
    }
}

/// What the rounds took.
#[derive(Default)]
pub(crate) struct Costs(Vec<Cost>);

impl Costs {
    pub(crate) fn push(&mut self, cost: Cost) {
        self.0.push(cost);
    }

    fn sorted(&self, of: fn(&Cost) -> f64) -> Vec<f64> {
        let mut all: Vec<f64> = self.0.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    pub(crate) fn least(&self, of: fn(&Cost) -> f64) -> f64 {
        self.sorted(of)[0]
    }

    pub(crate) fn median(&self, of: fn(&Cost) -> f64) -> f64 {
        self.sorted(of)[self.0.len() / 2]
    }

    /// Least and median.
    pub(crate) fn text(&self) -> String {
        let both = |of| format!("{:.1} / {:.1} ms", self.least(of), self.median(of));
        format!("{} (CPU {})", both(Cost::wall_ms), both(Cost::cpu_ms))
    }
}

pub(crate) fn measure(work: impl FnOnce()) -> Cost {
    let cpu = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures by the process's own clock")]
    let start = std::time::Instant::now();
    let cpu_before = cpu();
    work();
    Cost { wall: start.elapsed(), cpu: cpu().saturating_sub(cpu_before) }
}

/// Each batch written and synced, and nothing else.
pub(crate) fn bare(path: &Path, batches: &[Vec<u8>]) -> Cost {
    let mut file = File::create_new(path).unwrap();
    let took = measure(|| {
        for batch in batches {
            file.write_all(batch).unwrap();
            file.sync_data().unwrap();
        }
    });
    std::fs::remove_file(path).unwrap();
    took
}

pub(crate) fn report(what: &str, bytes: usize, ours: &Costs, bare: &Costs) {
    println!(
        "{what}, {} KB: {}; bare write+fdatasync {}; ratio {:.2} / {:.2} (aim 1.15)",
        bytes / 1000,
        ours.text(),
        bare.text(),
        ours.least(Cost::wall_ms) / bare.least(Cost::wall_ms),
        ours.median(Cost::wall_ms) / bare.median(Cost::wall_ms),
    );
}
