//! systemctl: the units of a host.

use std::process::ExitCode;

/// Runs with the arguments after the name.
pub fn main(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}
