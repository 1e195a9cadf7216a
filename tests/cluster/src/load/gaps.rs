//! Successes over time, and the longest time without one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::report::Gap;

/// A stream of tries. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Track {
    name: Arc<str>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// When it was begun, where that was before the first success.
    begun: Option<Instant>,
    first: Option<Duration>,
    last: Option<Instant>,
    longest: Duration,
    tries: u64,
    failures: u64,
    first_failure: Option<String>,
}

impl Track {
    pub(super) fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), seen: Arc::default() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a try ended, now.
    pub(super) fn note<T, E: std::fmt::Display>(&self, tried: &Result<T, E>) {
        let mut seen = self.seen();
        seen.tries += 1;
        match tried {
            Ok(_) => seen.succeeded(Instant::now()),
            Err(error) => {
                seen.failures += 1;
                seen.first_failure.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// Whether there was a success.
    pub(super) fn is_warm(&self) -> bool {
        self.seen().last.is_some()
    }

    /// Forgets what was before now, but for the last success.
    pub(super) fn begin(&self) {
        let mut seen = self.seen();
        *seen = Seen { last: Some(Instant::now()), ..Seen::default() };
    }

    /// Begins where nothing answers yet: what counts is the time to the first success, and the gaps after it.
    pub(super) fn begin_cold(&self) {
        *self.seen() = Seen { begun: Some(Instant::now()), ..Seen::default() };
    }

    /// What was seen until now; the time since the last success counts.
    pub(super) fn end(&self) -> Gap {
        let mut seen = self.seen();
        let now = Instant::now();
        let since = seen.last.map_or(Duration::ZERO, |last| now - last);
        seen.longest = seen.longest.max(since);
        Gap {
            name: self.name.to_string(),
            tries: seen.tries,
            failures: seen.failures,
            longest_s: seen.longest.as_secs_f64(),
            first_s: seen.first.map(|first| first.as_secs_f64()),
            first_failure: seen.first_failure.clone(),
        }
    }
}

impl Seen {
    fn succeeded(&mut self, now: Instant) {
        if let (None, Some(begun)) = (self.first, self.begun) {
            self.first = Some(now - begun);
        }
        if let Some(last) = self.last {
            self.longest = self.longest.max(now - last);
        }
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Track;

    #[tokio::test(start_paused = true)]
    async fn from_a_cold_start_the_first_success_is_found_and_the_gap_after_it() {
        let track = Track::new("t");
        let wait = |ms| tokio::time::sleep(Duration::from_millis(ms));
        track.note(&Ok::<_, String>(()));
        track.begin_cold();
        wait(7000).await;
        track.note(&Err::<(), _>("refused"));
        wait(500).await;
        track.note(&Ok::<_, String>(()));
        wait(2000).await;
        track.note(&Ok::<_, String>(()));
        let gap = track.end();
        assert_eq!((gap.first_s, gap.longest_s), (Some(7.5), 2.0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_gap_is_found_also_at_the_end() {
        let track = Track::new("t");
        let wait = |ms| tokio::time::sleep(Duration::from_millis(ms));
        track.note(&Ok::<_, String>(()));
        wait(9000).await;
        track.begin();
        wait(100).await;
        track.note(&Ok::<_, String>(()));
        wait(1200).await;
        track.note(&Err::<(), _>("refused"));
        wait(300).await;
        track.note(&Ok::<_, String>(()));
        let gap = track.end();
        assert_eq!((gap.tries, gap.failures, gap.longest_s), (3, 1, 1.5));
        assert_eq!(gap.first_failure.as_deref(), Some("refused"));
        wait(4000).await;
        assert!((track.end().longest_s - 4.0).abs() < 1e-9);
    }
}
