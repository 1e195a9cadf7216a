//! Which releases a node runs.

use certwright_engine::host::{Command, Host};
use certwright_engine::step::StepError;

use super::answer::{About, Answer, run};

/// Program, arguments, and the name of the answer.
const ASKED: [(&str, &[&str]); 6] = [
    ("kubeadm-version", &["kubeadm", "version", "-o", "short"]),
    ("kubelet-version", &["kubelet", "--version"]),
    ("crictl-version", &["crictl", "--version"]),
    ("kernel", &["uname", "-srm"]),
    ("os", &["cat", "/etc/os-release"]),
    ("date", &["date", "+%s"]),
];

/// Asks for all of them.
pub(super) async fn ask(host: &dyn Host, answers: &mut Vec<Answer>) -> Result<(), StepError> {
    for (name, argv) in ASKED {
        run(host, name, About::Plain, Command::reads(argv.iter().copied()), answers).await?;
    }
    Ok(())
}
