//! What is asked of the node itself: its programs, clock, space and kubelet.

use std::collections::BTreeSet;
use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError, refused};

use crate::kinds::fields::BACKUPS;
use crate::kinds::finding::Finding;
use crate::kinds::node::run;
use crate::pki::layout::KUBERNETES;
use crate::span::span;
use crate::tools::{date, df, programs as on_path};

/// What a look for programs told.
pub(super) struct Programs {
    /// Programs that are not on the node's PATH, those of certwright's own worker among them, and a folder in which it
    /// cannot keep its files.
    pub(super) findings: Vec<Finding>,
    lacking: Vec<String>,
    /// Whether the worker can hand a command its standard input, and run one that changes something.
    worker_is_whole: bool,
}

impl Programs {
    /// Whether this program can be run with whatever it wants.
    pub(super) fn can_run(&self, program: &str) -> bool {
        self.worker_is_whole && !self.lacks(program)
    }

    /// Whether this program is not there.
    pub(super) fn lacks(&self, program: &str) -> bool {
        self.lacking.iter().any(|lacking| lacking == program)
    }
}

/// Looks for programs, and for what the worker needs.
pub(super) async fn programs(host: &dyn Host, wanted: &[String]) -> Result<Programs, StepError> {
    let command = on_path::missing(wanted);
    let output = run(host, &command).await?;
    if !output.success() {
        let message = format!("{}: looking for programs failed", host.name());
        return Err(refused(ErrorClass::Refused, message, &command, &output)
            .remedy("certwright needs /bin/sh on the node, through sudo where the login is not root"));
    }
    let finding = |program: String| {
        let program = certwright_engine::text::escape(&program);
        Finding::new(
            format!("{program} is not on the PATH"),
            format!("install {program} on {}, in /usr/bin, /usr/local/bin or /opt/bin", host.name()),
        )
    };
    let lacks = on_path::parse_missing(wanted, &output);
    let worker_is_whole = lacks.of_worker.is_empty() && lacks.read_only.is_none();
    let mut findings: Vec<Finding> = lacks.wanted.iter().cloned().map(finding).collect();
    if !lacks.of_worker.is_empty() {
        let names: Vec<&str> = lacks.of_worker.iter().map(|(name, _)| *name).collect();
        let packages: BTreeSet<&str> = lacks.of_worker.iter().map(|(_, package)| *package).collect();
        let packages = packages.into_iter().collect::<Vec<_>>().join(" and ");
        findings.push(Finding::new(
            format!("certwright's worker finds no {} that does what it needs", names.join(", ")),
            format!("install {packages} on {} (busybox has smaller ones of the same names)", host.name()),
        ));
    }
    if let Some(folder) = lacks.read_only {
        let folder = certwright_engine::text::escape(&folder);
        findings.push(Finding::new(
            format!("{folder} is read-only, and certwright keeps its lock and its backups there"),
            format!("see why (`dmesg`, `findmnt -T {folder}`), then remount it writable"),
        ));
    }
    Ok(Programs { findings, lacking: lacks.wanted, worker_is_whole })
}

/// A clock too far from the workstation's: everything after this is judged by dates.
pub(super) async fn clock(cx: &Context, most: Duration) -> Result<Option<Finding>, StepError> {
    let (wall, start) = (cx.clock.wall_ms(), cx.clock.mono());
    let command = date::seconds();
    let output = cx.run(&command).await?;
    let theirs =
        date::parse_seconds(&output).map_err(|error| error.step_error(cx.host.name(), &command, &output))?;
    // Half of the round trip; `date` cuts to the second, so its middle is taken.
    let ours_ms = i128::from(wall) + i128::from(cx.clock.mono().since(start)) / 2;
    let skew_ms = i128::from(theirs) * 1000 + 500 - ours_ms;
    if skew_ms.unsigned_abs() <= most.as_millis() + 500 {
        return Ok(None);
    }
    let way = if skew_ms > 0 { "ahead of" } else { "behind" };
    let by = span(i64::try_from((skew_ms.abs() + 500) / 1000).unwrap_or(i64::MAX));
    let most = humantime::format_duration(most);
    Ok(Some(Finding::new(
        format!("its clock is {by} {way} the workstation's (at most {most} is accepted)"),
        "set both clocks by NTP: certificates are judged and issued by them",
    )))
}

/// Files that must be able to be made where certificates and backups are written: an archive with its sums, what
/// certwright keeps of its commands, and new files beside old ones.
const LEAST_INODES: u64 = 100;

/// Too little space where certificates and backups are written.
pub(super) async fn space(host: &dyn Host, least_mib: u64) -> Result<Vec<Finding>, StepError> {
    let mut findings = Vec::new();
    for path in [KUBERNETES.to_owned(), nearest_folder(host, BACKUPS).await?] {
        let command = df::available(&path);
        let output = run(host, &command).await?;
        if !output.success() {
            let message = format!("{}: the free space of {path} is not known", host.name());
            return Err(refused(ErrorClass::Refused, message, &command, &output));
        }
        let free = df::parse_available_kib(&output)
            .map_err(|error| error.step_error(host.name(), &command, &output))?;
        if free < least_mib.saturating_mul(1024) {
            findings.push(Finding::new(
                format!("{path} has {} MiB free, {least_mib} MiB are needed", free / 1024),
                format!("free space on the file system of {path}"),
            ));
        }
        let command = df::inodes(&path);
        let output = run(host, &command).await?;
        if !output.success() {
            let message = format!("{}: how many files {path} may still hold is not known", host.name());
            return Err(refused(ErrorClass::Refused, message, &command, &output));
        }
        let free = df::parse_free_inodes(&output)
            .map_err(|error| error.step_error(host.name(), &command, &output))?;
        if let Some(free) = free.filter(|free| *free < LEAST_INODES) {
            findings.push(Finding::new(
                format!("the file system of {path} has {free} inodes free, {LEAST_INODES} are needed"),
                format!("remove files there (`df -i {path}` counts them; many small ones are often logs or sessions)"),
            ));
        }
    }
    Ok(findings)
}

/// `path`, or the nearest folder above it that exists.
async fn nearest_folder(host: &dyn Host, path: &str) -> Result<String, StepError> {
    let mut path = path;
    while let Some((above, _)) = path.rsplit_once('/') {
        if host.stat(path).await?.is_some() {
            return Ok(path.to_owned());
        }
        path = above;
    }
    Ok("/".to_owned())
}
