//! The kubelet: static pods as processes, with the traps of the real one.

use std::process::ExitCode;

/// Runs with the arguments after the name.
pub fn main(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}
