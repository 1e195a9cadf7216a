//! When the kubelet starts a container again: the measured back-off, by restarts in a row.

use std::time::Duration;

use crate::wire::pace::paced;

/// From the end of a container to the start of the next one, ms. Measured on a real node.
const STEPS: [u64; 6] = [900, 12_000, 25_000, 55_000, 82_000, 164_000];
/// All later ones, ms.
const MOST: u64 = 300_000;
/// The kubelet forgets restarts when a container has run this long, ms.
const FORGETS: u64 = 600_000;

/// The restarts of one pod, as one kubelet remembers them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BackOff {
    in_row: usize,
    /// The end that the wait is counted from: id and time.
    end: Option<(String, u64)>,
}

impl BackOff {
    /// Whether a container may be started at `now`, the last one having been `id`, from `started` to `ended`, ms;
    /// a kubelet that started at `since` counts from then.
    pub(super) fn is_over(&mut self, id: &str, (started, ended): (u64, u64), since: u64, now: u64) -> bool {
        if self.end.as_ref().is_none_or(|(known, _)| known != id) {
            if ended.saturating_sub(started) > ms(paced(FORGETS)) {
                self.in_row = 0;
            }
            self.end = Some((id.to_owned(), ended.max(since)));
        }
        let from = self.end.as_ref().map_or(since, |(_, at)| *at);
        from + self.wait() <= now
    }

    /// Takes note of a start.
    pub(super) fn started(&mut self) {
        self.in_row += 1;
    }

    fn wait(&self) -> u64 {
        ms(paced(STEPS.get(self.in_row).copied().unwrap_or(MOST)))
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_restart_in_a_row_waits_longer_and_a_long_life_is_forgiven() {
        let mut back_off = BackOff::default();
        let mut ended = 10_000;
        for wait in [900, 12_000, 25_000, 55_000, 82_000, 164_000, 300_000] {
            let id = format!("id-{ended}");
            assert!(!back_off.is_over(&id, (ended - 10, ended), 0, ended + wait - 1), "{wait}");
            assert!(back_off.is_over(&id, (ended - 10, ended), 0, ended + wait), "{wait}");
            back_off.started();
            ended += wait + 10;
        }
        let life = (ended, ended + FORGETS + 1);
        assert!(back_off.is_over("long", life, 0, life.1 + 900));
    }
}
