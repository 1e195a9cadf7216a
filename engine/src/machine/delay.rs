//! How long a retry waits: a function of the policy, the attempt and the run's seed, so that it is the same
//! whenever it is asked.

use crate::plan::{Backoff, Retry, TaskId};

/// Delay after the `used`-th attempt (counting from 1), ms; `key` is what jitter is drawn from.
pub(super) fn delay_ms(retry: &Retry, used: u32, key: (u64, TaskId, u32)) -> u64 {
    let full = match retry.backoff {
        Backoff::Constant => retry.delay_ms,
        Backoff::Exponential => {
            let doublings = used.saturating_sub(1).min(63);
            retry.delay_ms.saturating_mul(1 << doublings).min(retry.max_delay_ms)
        }
    };
    if !retry.jitter {
        return full;
    }
    let half = full / 2;
    half + draw(key) % (full - half).saturating_add(1)
}

/// Well mixed bits of the key (the finalizer of SplitMix64, Steele et al. 2014).
fn draw((seed, task, attempt): (u64, TaskId, u32)) -> u64 {
    let mut x = seed ^ (u64::from(task.0) << 32 | u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(backoff: Backoff, jitter: bool) -> Retry {
        Retry { delay_ms: 2_000, max_delay_ms: 30_000, backoff, jitter, ..Retry::default() }
    }

    #[test]
    fn an_exponential_delay_doubles_up_to_its_bound() {
        let policy = retry(Backoff::Exponential, false);
        let delays: Vec<u64> = (1..=6).map(|used| delay_ms(&policy, used, (0, TaskId(0), used))).collect();
        assert_eq!(delays, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(delay_ms(&policy, u32::MAX, (0, TaskId(0), 1)), 30_000);
        assert_eq!(delay_ms(&retry(Backoff::Constant, false), 9, (0, TaskId(0), 9)), 2_000);
    }

    #[test]
    fn jitter_fills_the_upper_half_of_the_delay_and_is_the_same_every_time() {
        let policy = retry(Backoff::Constant, true);
        let draws: Vec<u64> = (0..1_000).map(|t| delay_ms(&policy, 1, (7, TaskId(t), 1))).collect();
        assert!(draws.iter().all(|d| (1_000..=2_000).contains(d)));
        assert!(draws.iter().any(|d| *d < 1_050) && draws.iter().any(|d| *d > 1_950), "spread out");
        assert!((0..1_000).map(|t| delay_ms(&policy, 1, (7, TaskId(t), 1))).eq(draws.iter().copied()));
        assert_ne!(delay_ms(&policy, 1, (8, TaskId(3), 1)), draws[3], "another seed, another delay");
        let endless = Retry { delay_ms: u64::MAX, ..policy };
        assert!(delay_ms(&endless, 1, (0, TaskId(0), 1)) >= u64::MAX / 2);
    }
}
