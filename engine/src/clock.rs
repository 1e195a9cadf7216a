//! Time, as an argument: the only place that reads a clock.
//!
//! Waiting uses the boot-time clock (it goes on while a laptop sleeps); the wall clock is for certificates
//! and display. Virtual time serves rehearsals and tests: under a runtime whose time is paused
//! ([`tokio::time::pause`]) a wait of minutes costs nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds on a clock that never goes back within one process.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// This instant, `ms` later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant, 0 when it is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time of this process, real or virtual.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Real,
    /// Wall time at `start`, which advances with tokio's clock.
    Virtual {
        wall_ms: u64,
        start: tokio::time::Instant,
    },
}

impl Clock {
    /// The machine's own clocks.
    pub fn real() -> Self {
        Self(Source::Real)
    }

    /// A clock whose wall time is `wall_ms` (since 1970, in ms) now and follows tokio's (paused) time.
    pub fn virtual_from(wall_ms: u64) -> Self {
        Self(Source::Virtual { wall_ms, start: tokio::time::Instant::now() })
    }

    /// Milliseconds since 1970 as the wall clock of this machine has them.
    #[expect(clippy::disallowed_methods, reason = "this module is where the wall clock is read")]
    pub fn system_wall_ms() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
    }

    /// Milliseconds since 1970.
    pub fn wall_ms(&self) -> u64 {
        match &self.0 {
            Source::Real => Self::system_wall_ms(),
            Source::Virtual { wall_ms, start } => wall_ms + millis(start.elapsed()),
        }
    }

    /// The instant now, for waiting.
    pub fn mono(&self) -> Mono {
        match &self.0 {
            Source::Real => {
                let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                Mono(millis(t.try_into().expect("the time since boot is not negative")))
            }
            Source::Virtual { start, .. } => Mono(millis(start.elapsed())),
        }
    }

    /// Waits for `duration`; a suspended machine's sleep counts, to within five seconds.
    pub async fn sleep(&self, duration: Duration) {
        let until = self.mono().plus(millis(duration));
        loop {
            let left = until.since(self.mono());
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left.min(5_000))).await;
        }
    }
}

/// Whole milliseconds; more than u64 holds (585 million years) is as good as for ever.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
