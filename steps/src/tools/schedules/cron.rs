//! cron: crontabs, and the folders whose scripts it runs.

use std::collections::BTreeSet;

use super::files::Files;
use super::renewing;
use super::{Renewer, Schedule, shown};

/// Folders whose scripts are run.
const PARTS: [&str; 4] = ["/etc/cron.hourly/", "/etc/cron.daily/", "/etc/cron.weekly/", "/etc/cron.monthly/"];

/// Files and folders of crontabs.
const TABS: [&str; 5] =
    ["/etc/crontab", "/etc/anacrontab", "/etc/cron.d/", "/var/spool/cron/crontabs/", "/var/spool/cron/"];

/// The patterns of all of them.
pub(super) fn patterns() -> Vec<String> {
    let pattern = |place: &&str| if place.ends_with('/') { format!("{place}*") } else { (*place).to_owned() };
    TABS.iter().chain(&PARTS).map(pattern).collect()
}

/// The files that the commands of crontabs name.
pub(super) fn scripts(files: &Files) -> BTreeSet<String> {
    tabs(files).flat_map(|(_, text)| commands(text).flat_map(renewing::named)).collect()
}

/// What of cron renews.
pub(super) fn renewers(files: &Files) -> Vec<Renewer> {
    let of_tab = |(path, text): (&str, &str)| {
        let by = commands(text).find_map(|line| {
            if renewing::command(line) {
                return Some(path.to_owned());
            }
            renewing::named(line)
                .find(|script| files.get(script).is_some_and(|file| renewing::text(&file.text)))
        })?;
        Some(Renewer::new(Schedule::Cron(shown(path)), &by))
    };
    let of_part = |path: &str| {
        let file = files.get(path).filter(|file| file.executable)?;
        renewing::text(&file.text).then(|| Renewer::new(Schedule::Cron(shown(path)), path))
    };
    let parts = files.paths().filter(|path| PARTS.iter().any(|folder| is_in(path, folder)));
    tabs(files).filter_map(of_tab).chain(parts.filter_map(of_part)).collect()
}

/// Every crontab that cron reads.
fn tabs(files: &Files) -> impl Iterator<Item = (&str, &str)> {
    let is_tab =
        |path: &&str| TABS.iter().any(|place| path == place || place.ends_with('/') && is_in(path, place));
    files.paths().filter(is_tab).filter_map(|path| Some((path, files.get(path)?.text.as_str())))
}

/// Whether a file is one of the folder's own that cron looks at.
fn is_in(path: &str, folder: &str) -> bool {
    const LEFT: [&str; 9] =
        [".bak", ".old", ".orig", ".disabled", ".swp", ".rpmsave", ".rpmnew", ".dpkg-old", ".dpkg-dist"];
    path.strip_prefix(folder).is_some_and(|name| {
        let left = name.starts_with('.') || name.ends_with('~') || LEFT.iter().any(|end| name.ends_with(end));
        !name.contains('/') && !left
    })
}

/// The lines of a crontab that run something: no comments, no variables.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let is_variable = |line: &str| {
        line.split_once('=').is_some_and(|(name, _)| {
            let name = name.trim();
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    text.lines()
        .map(str::trim)
        .filter(move |line| !line.is_empty() && !line.starts_with('#') && !is_variable(line))
}
