//! Process 1 waits for every process that nobody else waits for.

use std::time::Duration;

use rustix::process::{WaitOptions, wait};

use super::units::Units;

/// How long to wait where there is no child at all.
const NOBODY: Duration = Duration::from_millis(20);

/// Waits for children for ever, and tells the units of theirs.
pub(super) fn run(units: &Units) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let code = status.exit_status().or_else(|| status.terminating_signal().map(|s| 128 + s));
                units.ended(pid.as_raw_nonzero().get().unsigned_abs(), code.unwrap_or(1));
            }
            Ok(None) | Err(_) => std::thread::sleep(NOBODY),
        }
    }
}
