//! kube-apiserver: the verbs that kubectl, kubelets and controllers need here, on a real etcd.

use std::process::ExitCode;

/// Runs with the arguments after the name.
pub fn main(_args: &[String]) -> ExitCode {
    ExitCode::from(70)
}
