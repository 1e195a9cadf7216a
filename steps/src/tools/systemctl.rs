//! systemctl: whether a unit runs, and starting it anew.

use certwright_engine::host::{Command, Output};
use certwright_engine::text::escape;

/// What systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitState {
    /// `active`.
    Active,
    /// `activating`: starting, or waiting to be started again after it died.
    Activating,
    /// `inactive`, or there is no such unit.
    Inactive,
    /// `failed`.
    Failed,
    /// Any other word (`reloading`, `deactivating`, `maintenance`), escaped; empty when nothing was printed.
    Other(String),
}

/// `systemctl is-active UNIT`; its exit status is 3 for a unit that does not run.
pub fn is_active(unit: &str) -> Command {
    Command::reads(["systemctl", "is-active", unit])
}

/// `systemctl restart UNIT`: returns once the process was started, not once it stays.
pub fn restart(unit: &str) -> Command {
    Command::mutates(["systemctl", "restart", unit])
}

/// Parses the one word of `is-active`.
pub fn parse_is_active(output: &Output) -> UnitState {
    let text = output.stdout.lossy();
    match text.trim() {
        "active" => UnitState::Active,
        "activating" => UnitState::Activating,
        "inactive" | "unknown" => UnitState::Inactive,
        "failed" => UnitState::Failed,
        other => UnitState::Other(escape(other.lines().next().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{fixture, printed};

    #[test]
    fn the_words_of_systemd_are_understood() {
        let recorded = fixture("expired/api-process-up/systemctl-is-active-kubelet");
        assert_eq!(parse_is_active(&recorded), UnitState::Active);
        for (word, state) in [
            ("inactive", UnitState::Inactive),
            ("failed", UnitState::Failed),
            ("activating", UnitState::Activating),
            ("unknown", UnitState::Inactive),
            ("deactivating", UnitState::Other("deactivating".into())),
            ("", UnitState::Other(String::new())),
            ("\u{1b}[2J\nactive", UnitState::Other("\\u{1b}[2J".into())),
        ] {
            assert_eq!(parse_is_active(&printed(format!("{word}\n"))), state, "{word}");
        }
    }
}
