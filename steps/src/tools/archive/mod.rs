//! Backups on the node: made, read back, listed, restored from, pruned.
//!
//! A backup is `NAME.tar` (plain tar: numeric owners, modes, links, times), `NAME.tar.contents` (SHA-256 of every file
//! in it, for `sha256sum -c`) and, written last, `NAME.tar.sha256` (of both). It counts only when all three are there
//! and agree. All are 0600 in a 0700 folder of root's. CA keys are in it, so it never leaves the node.

mod error;

#[cfg(test)]
mod tests;

mod wire;

use std::time::Duration;

use certwright_engine::host::{Command, Host};

pub use error::ArchiveError;

use super::script;

/// Makes a backup. Arguments: ROOT, archive path, then absolute paths of files and folders.
pub const BACKUP: &str = concat!(include_str!("common.sh"), include_str!("backup.sh"));
/// Lists backups. Arguments: ROOT, folder, then the paths to compare each one with.
pub const LIST: &str = concat!(include_str!("common.sh"), include_str!("list.sh"));
/// Puts files back. Arguments: ROOT, archive path, then absolute paths of files.
pub const RESTORE: &str = concat!(include_str!("common.sh"), include_str!("restore.sh"));
/// Removes backups. Arguments: ROOT, folder, then file names of archives.
pub const PRUNE: &str = concat!(include_str!("common.sh"), include_str!("prune.sh"));

/// A backup that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Path of its `.tar`.
    pub path: String,
    /// When it was made, ns since 1970 on the node's clock.
    pub made_ns: i128,
    /// Size of the `.tar`, bytes.
    pub size: u64,
    /// Whether it can be relied on.
    pub state: ArchiveState,
}

/// Whether a backup can be relied on, and how it compares with the files now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveState {
    /// Incomplete, or its sums do not agree: it does not count.
    Damaged,
    /// Verified; its files are exactly those under the paths now.
    Current,
    /// Verified; the files under the paths have changed since, or it was not compared.
    Older,
}

/// Makes a verified backup of `paths` (those that exist) at `archive`, an absolute path ending in `.tar`.
pub async fn backup(host: &dyn Host, archive: &str, paths: &[String]) -> Result<(), ArchiveError> {
    let command = backup_command(archive, paths);
    wire::run(host, &command).await.map(drop)
}

/// The command of [`backup`], to be shown.
pub fn backup_command(archive: &str, paths: &[String]) -> Command {
    let args: Vec<String> = [&[archive.to_owned()], paths].concat();
    Command::mutates(script(BACKUP, "", &args)).script("backup").deadline(Duration::from_secs(150))
}

/// All backups in `folder`, newest first, compared with what is under `paths` now; none when there is no folder.
pub async fn list(host: &dyn Host, folder: &str, paths: &[String]) -> Result<Vec<Archive>, ArchiveError> {
    let args: Vec<String> = [&[folder.to_owned()], paths].concat();
    let command =
        Command::reads(script(LIST, "", &args)).script("list-backups").deadline(Duration::from_secs(90));
    let output = wire::run(host, &command).await?;
    wire::parse_list(folder, &output, &command)
}

/// Puts files back from a verified backup: content, owner, mode and time, each by an atomic rename.
///
/// All of them are extracted and checked before the first is put in place.
pub async fn restore(host: &dyn Host, archive: &str, paths: &[String]) -> Result<(), ArchiveError> {
    let command = restore_command(archive, paths);
    wire::run(host, &command).await.map(drop)
}

/// The command of [`restore`], to be shown.
pub fn restore_command(archive: &str, paths: &[String]) -> Command {
    let args: Vec<String> = [&[archive.to_owned()], paths].concat();
    Command::mutates(script(RESTORE, "", &args)).script("restore").deadline(Duration::from_secs(150))
}

/// Removes all but the newest `keep` (at least 1) verified backups of `folder`, and damaged ones older than the newest verified
/// one; returns the paths removed.
pub async fn prune(host: &dyn Host, folder: &str, keep: usize) -> Result<Vec<String>, ArchiveError> {
    let surplus = surplus(&list(host, folder, &[]).await?, keep);
    if surplus.is_empty() {
        return Ok(surplus);
    }
    let names = surplus.iter().map(|path| path.rsplit('/').next().unwrap_or_default().to_owned());
    let args: Vec<String> = std::iter::once(folder.to_owned()).chain(names).collect();
    wire::run(host, &Command::mutates(script(PRUNE, "", &args)).script("prune-backups")).await?;
    Ok(surplus)
}

/// What [`prune`] removes of `archives`, newest first: beyond the newest `keep` verified ones everything that is
/// older than they are, and damaged ones older than the newest verified one. With no verified one, nothing.
fn surplus(archives: &[Archive], keep: usize) -> Vec<String> {
    let mut verified = 0;
    let mut surplus = Vec::new();
    for archive in archives {
        let removed = match archive.state {
            ArchiveState::Damaged => verified > 0,
            ArchiveState::Current | ArchiveState::Older => {
                verified += 1;
                verified > keep.max(1)
            }
        };
        if removed {
            surplus.push(archive.path.clone());
        }
    }
    surplus
}
