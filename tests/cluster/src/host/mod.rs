//! A cluster: its hosts, networks and processes.

use std::process::ExitCode;

/// Runs with the arguments after the name.
pub fn up(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}
