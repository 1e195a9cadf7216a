//! What the scripts print: strict lines, values that are numbers or places in the argument list.

use certwright_engine::host::{Command, Host, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{host_error, refused};

use super::{Archive, ArchiveError, ArchiveState};
use crate::tools::output::cause;

/// Status of a script that refused and changed nothing.
const REFUSED: i32 = 75;

pub(super) async fn run(host: &dyn Host, command: &Command) -> Result<Output, ArchiveError> {
    let output = host.run(command).await.map_err(|e| ArchiveError::Host(host_error(&e, Some(command))))?;
    if output.success() { Ok(output) } else { Err(error(command, &output)) }
}

/// The archive (or folder) a script was called for.
fn subject(command: &Command) -> String {
    command.argv[5].clone()
}

fn error(command: &Command, output: &Output) -> ArchiveError {
    let archive = subject(command);
    let stdout = output.stdout.lossy();
    let last = stdout.lines().next_back().unwrap_or_default();
    let words: Vec<&str> = last.split(' ').collect();
    let path = |number: &str| number.parse::<usize>().ok().and_then(|n| command.argv.get(6 + n)).cloned();
    let folder = || archive.rsplit_once('/').map_or("/", |(folder, _)| folder).to_owned();
    let known = match (output.status, &words[..]) {
        (REFUSED, ["refused", "no-space", need, have]) => match (need.parse(), have.parse()) {
            (Ok(need_kib), Ok(have_kib)) => {
                Some(ArchiveError::NoSpace { archive: archive.clone(), need_kib, have_kib })
            }
            (_, _) => None,
        },
        (REFUSED, ["refused", "unsafe-folder"]) => {
            // A list and a removal are called for the folder itself.
            let folder = if archive.strip_suffix(".tar").is_some() { folder() } else { archive.clone() };
            Some(ArchiveError::UnsafeFolder { folder })
        }
        (REFUSED, ["refused", "inside", number]) => {
            path(number).map(|path| ArchiveError::Inside { archive: archive.clone(), path })
        }
        (REFUSED, ["refused", "linked", number]) => path(number).map(ArchiveError::LinkedFolder),
        (REFUSED, ["refused", "not-held", number]) => {
            path(number).map(|path| ArchiveError::NotHeld { archive: archive.clone(), path })
        }
        (REFUSED, ["refused", "unsafe-target", number]) => path(number).map(ArchiveError::UnsafeTarget),
        (REFUSED, ["refused", "exists"]) => Some(ArchiveError::Exists(archive.clone())),
        (REFUSED, ["refused", "nothing"]) => Some(ArchiveError::NothingThere(archive.clone())),
        (REFUSED, ["refused", "differs"]) => Some(ArchiveError::Differs(archive.clone())),
        (REFUSED, ["refused", "damaged"]) => Some(ArchiveError::Damaged(archive.clone())),
        (_, _) => None,
    };
    known.unwrap_or_else(|| failed(archive, last == "interrupted", command, output))
}

fn failed(archive: String, interrupted: bool, command: &Command, output: &Output) -> ArchiveError {
    let evidence =
        *refused(ErrorClass::Refused, "", command, output).evidence.expect("refused gives evidence");
    let full = evidence.last_lines.iter().find(|line| line.contains(super::error::DISK_FULL));
    let last = full.or(evidence.last_lines.last());
    let evidence_line = last.cloned().unwrap_or_else(|| cause(output));
    if interrupted {
        ArchiveError::Interrupted { archive, evidence_line, evidence }
    } else {
        ArchiveError::Failed { what: format!("backup `{archive}`"), evidence_line, evidence }
    }
}

pub(super) fn parse_list(
    folder: &str,
    output: &Output,
    command: &Command,
) -> Result<Vec<Archive>, ArchiveError> {
    let text = output.stdout.lossy();
    let mut lines: Vec<&str> = text.lines().collect();
    let end = lines.pop().and_then(|line| line.strip_prefix("end ")?.parse::<usize>().ok());
    let archives: Option<Vec<Archive>> = lines.iter().map(|line| archive(folder, line)).collect();
    match archives {
        Some(mut archives) if end == Some(archives.len()) && !output.stdout.is_cut() => {
            archives.sort_by(|a, b| (b.made_ns, &b.path).cmp(&(a.made_ns, &a.path)));
            Ok(archives)
        }
        Some(_) | None => Err(failed(subject(command), false, command, output)),
    }
}

fn archive(folder: &str, line: &str) -> Option<Archive> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["archive", name, made, size, state] = words[..] else { return None };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if !name.bytes().all(plain) || name.strip_suffix(".tar").is_none() || name.starts_with('.') {
        return None;
    }
    let (seconds, fraction) = made.split_once('.')?;
    if fraction.len() > 9 {
        return None;
    }
    let ns: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Archive {
        path: format!("{}/{name}", folder.trim_end_matches('/')),
        made_ns: i128::from(seconds.parse::<i64>().ok()?) * 1_000_000_000 + i128::from(ns),
        size: size.parse().ok()?,
        state: match state {
            "damaged" => ArchiveState::Damaged,
            "current" => ArchiveState::Current,
            "older" => ArchiveState::Older,
            _ => return None,
        },
    })
}
