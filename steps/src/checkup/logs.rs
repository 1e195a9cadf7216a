//! The containers of a node's control plane, and the ends of their logs and of the kubelet's.

use std::fmt::Write as _;

use certwright_engine::host::Command;
use certwright_engine::step::StepError;

use super::answer::{About, Answer, run};
use super::fatal;
use crate::diagnosis::instant;
use crate::kinds::{Node, log_nanoseconds};
use crate::pki::Component;
use crate::tools::crictl::{self, Container};
use crate::tools::systemctl;

/// Lines of each log, counted from the newest.
const TAIL: u32 = 200;

/// How old a line may be to speak of the present, seconds: whatever is wrong says so every few seconds.
const PRESENT: i64 = 15 * 60;

/// Asks for the list and the logs.
pub(super) async fn ask(node: &Node<'_>, answers: &mut Vec<Answer>) -> Result<(), StepError> {
    run(node.host, "runtime", About::Program("crictl"), node.crictl.version(), answers).await?;
    let containers = match node.containers().await {
        Ok(containers) => containers,
        // The runtime's own words are in the answer before.
        Err(error) => fatal(error).map(|()| Vec::new())?,
    };
    answers.push(Answer::told("containers", "crictl ps -a -o json", list(&containers)));
    for component in Component::ALL {
        let name = component.name();
        let newest = crictl::running(&containers, name).or_else(|| crictl::latest(&containers, name));
        let Some(container) = newest else { continue };
        let command = node.crictl.logs(&container.id, TAIL);
        run(node.host, format!("log-{name}"), About::Log(name), command, answers).await?;
    }
    let tail = TAIL.to_string();
    let journal = Command::reads(["journalctl", "--no-pager", "-u", "kubelet", "-n", &tail, "-o", "cat"]);
    run(node.host, "log-kubelet", About::Log("kubelet"), journal, answers).await?;
    run(node.host, "kubelet-unit", About::Plain, systemctl::is_active("kubelet"), answers).await
}

fn list(containers: &[Container]) -> String {
    let mut text = String::new();
    for container in containers {
        let Container { name, attempt, state, created_ns, id, namespace, .. } = container;
        let created = instant(i64::try_from(created_ns / 1_000_000_000).unwrap_or(0));
        writeln!(text, "{namespace}/{name}  {state:?}  attempt {attempt}  made {created}  {id}")
            .expect("a String takes any text");
    }
    text
}

/// The lines of a log that speak of the present: those of the last quarter of an hour, and those without a known time.
/// `now` in seconds since 1970.
pub fn recent(text: &str, now: i64) -> String {
    let now_ns = i128::from(now) * 1_000_000_000;
    let oldest = now_ns - i128::from(PRESENT) * 1_000_000_000;
    let is_recent = |line: &&str| log_nanoseconds(line, now_ns).is_none_or(|at| at >= oldest);
    text.lines().filter(is_recent).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrong_an_hour_ago_is_not_the_present() {
        let now = 1_795_555_800; // 2026-11-24T21:30:00Z
        let old = "E1124 20:30:00.000000       1 x.go:1] old";
        let new = "E1124 21:29:00.000000       1 x.go:1] new";
        assert_eq!(recent(&format!("{old}\n{new}\nundated\n"), now), format!("{new}\nundated\n"));
    }
}
