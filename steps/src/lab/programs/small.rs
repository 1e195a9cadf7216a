//! `systemctl`, `date` and `df`, as far as the procedure uses them.

use super::table::{row, table};
use crate::lab::LabError;
use crate::lab::exec::{Answer, Shell};
use crate::lab::fault::FaultKind;

/// How far a clock is off by the fault, s, unless it says so.
const CLOCK_OFF: i64 = 300;

/// `systemctl is-active|restart|status kubelet`.
pub(super) fn systemctl(shell: &mut Shell<'_>) -> Result<Answer, LabError> {
    let words: Vec<&str> = shell.args().iter().map(String::as_str).collect();
    let (verb, unit) = match words.as_slice() {
        [verb, unit] | [verb, "--quiet" | "-q" | "--no-pager", unit] => (*verb, *unit),
        _ => return Ok(Answer::gap(format_args!("systemctl {}", words.join(" ")))),
    };
    let quiet = words.contains(&"--quiet") || words.contains(&"-q");
    let answer = match (verb, unit.trim_end_matches(".service")) {
        ("is-active", "kubelet") => {
            // A kubelet that cannot start is between two tries of systemd.
            let active = kubelet_is_active(shell);
            let text = if active { "active\n" } else { "activating\n" };
            let answer = Answer::ok(if quiet { "" } else { text });
            Answer { status: if active { 0 } else { 3 }, ..answer }
        }
        ("is-active", "containerd") => Answer::ok(if quiet { "" } else { "active\n" }),
        ("is-active", _) => Answer { status: 3, ..Answer::ok(if quiet { "" } else { "inactive\n" }) },
        ("restart", "kubelet") => {
            let (now, host) = (shell.now(), shell.call.host);
            let stuck =
                shell.state().node(host).pods.iter().find(|(_, pod)| pod.stuck).map(|(name, _)| name.clone());
            let still = stuck.filter(|pod| {
                shell
                    .fault(FaultKind::ContainerStaysDown, |name| name.is_none_or(|name| name == pod))
                    .is_some()
            });
            shell.change().restart_kubelet(host, now)?;
            if let Some(pod) = still.and_then(|pod| shell.change().state.node_mut(host).pods.get_mut(&pod)) {
                pod.stuck = true;
            }
            Answer::default().takes(shell.state().delay(500))
        }
        ("status", "kubelet") => {
            let active = kubelet_is_active(shell);
            let state =
                if active { "active (running)" } else { "activating (auto-restart) (Result: exit-code)" };
            let text = format!(
                "* kubelet.service - kubelet\n     Loaded: loaded (/lib/systemd/system/kubelet.service; enabled; preset: \
                 enabled)\n     Active: {state}\n"
            );
            Answer { status: if active { 0 } else { 3 }, ..Answer::ok(text) }
        }
        _ => Answer::gap(format_args!("systemctl {verb} {unit}")),
    };
    Ok(answer)
}

fn kubelet_is_active(shell: &Shell<'_>) -> bool {
    shell.state().node(shell.call.host).kubelet.active
}

/// `date +%s`.
pub(super) fn date(shell: &mut Shell<'_>) -> Answer {
    match shell.args() {
        [format] if format == "+%s" => {}
        other => return Answer::gap(format_args!("date {}", other.join(" "))),
    }
    let off = clock_off(shell);
    Answer::ok(format!("{}\n", (shell.now() / 1000).cast_signed() + off))
}

/// By how much the clock of the host is off, s.
pub(super) fn clock_off(shell: &mut Shell<'_>) -> i64 {
    let off = shell.fault(FaultKind::ClockOff, |_| true);
    off.map_or(0, |fault| fault.argument.and_then(|s| s.parse().ok()).unwrap_or(CLOCK_OFF))
}

/// `df -Pk PATH` and `df -Pi PATH`: what the machine says of the lab's folder.
pub(super) fn df(shell: &Shell<'_>) -> Answer {
    let (unit, path) = match shell.args() {
        [flags, path] if flags == "-Pk" => (Unit::Kib, path),
        [flags, path] if flags == "-Pi" => (Unit::Inodes, path),
        other => return Answer::gap(format_args!("df {}", other.join(" "))),
    };
    let place = match shell.files().path(shell.call.host, path) {
        Ok(place) if place.exists() => place,
        _ => return Answer::fail(1, format!("df: {path}: No such file or directory\n")),
    };
    let fs = match rustix::fs::statvfs(&place) {
        Err(error) => return Answer::fail(1, format!("df: {path}: {error}\n")),
        Ok(fs) => fs,
    };
    let (head, all, free, available) = match unit {
        Unit::Kib => {
            let kib = |blocks: u64| blocks * fs.f_frsize / 1024;
            let head = ["Filesystem", "1024-blocks", "Used", "Available", "Capacity", "Mounted on"];
            (head, kib(fs.f_blocks), kib(fs.f_bfree), kib(fs.f_bavail))
        }
        Unit::Inodes => {
            let head = ["Filesystem", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"];
            (head, fs.f_files, fs.f_ffree, fs.f_favail)
        }
    };
    let used = all - free;
    let part = format!("{}%", (100 * used).div_ceil((used + available).max(1)));
    let numbers = [all, used, available].map(|n| n.to_string());
    let rows = [row(head), row(["/dev/vda", &numbers[0], &numbers[1], &numbers[2], &part, "/"])];
    Answer::ok(table(&rows, 0, 1))
}

/// What `df` counts.
enum Unit {
    Kib,
    Inodes,
}
