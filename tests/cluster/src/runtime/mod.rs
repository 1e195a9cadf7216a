//! The container runtime and its crictl: containers are processes of the host.

use std::process::ExitCode;

/// Runs with the arguments after the name.
pub fn main(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}

/// Runs with the arguments after the name.
pub fn crictl(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}
