//! kube-controller-manager and kube-scheduler, as far as leases and the procedure know them.

use std::process::ExitCode;

/// Runs with the arguments after the name.
pub fn manager(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}

/// Runs with the arguments after the name.
pub fn scheduler(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}
