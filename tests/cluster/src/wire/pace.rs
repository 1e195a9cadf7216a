//! How much faster than the real ones the components are: a divisor for waits that stand for work.

use std::time::Duration;

/// The environment variable with the divisor; 1 where it is not set.
pub const PACE: &str = "CLUSTER_PACE";

/// What takes the real component `ms`, at this process's pace.
pub fn paced(ms: u64) -> Duration {
    let divisor = std::env::var(PACE).ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(1);
    Duration::from_millis(ms) / divisor.max(1)
}
