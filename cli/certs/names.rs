//! What hosts and folders of a command line are called: as short as tells them apart.
//!
//! Invariant: no two of them have one name, by which rows, columns and labels are told apart.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use certwright_engine::plan::HostSpec;
use certwright_engine::text::line;

use crate::failure::Failure;

/// Folders, each with as much of the end of its path as no other has; one that is named twice is looked at once.
pub(super) fn of_folders(folders: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let mut all: Vec<(Vec<&OsStr>, &PathBuf)> = Vec::new();
    let absolute: Vec<PathBuf> = folders.iter().map(|folder| absolute(folder)).collect();
    for (folder, absolute) in folders.iter().zip(&absolute) {
        let parts = parts(absolute);
        if !all.iter().any(|(known, _)| *known == parts) {
            all.push((parts, folder));
        }
    }
    let name = |(parts, folder): &(Vec<&OsStr>, &PathBuf)| {
        let is_apart = |long: &usize| {
            let own = end(parts, *long);
            all.iter().filter(|(other, _)| end(other, *long) == own).count() == 1
        };
        let long = (1..=parts.len()).find(is_apart).unwrap_or(parts.len());
        let shown: Vec<_> = end(parts, long).iter().map(|part| part.to_string_lossy()).collect();
        (line(&shown.join("/")), (*folder).clone())
    };
    all.iter().map(name).collect()
}

/// The last parts of a path, all of one that has fewer.
fn end<'a, 'b>(parts: &'a [&'b OsStr], long: usize) -> &'a [&'b OsStr] {
    &parts[parts.len().saturating_sub(long)..]
}

fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The parts of a path, `root` for `/`.
fn parts(path: &Path) -> Vec<&OsStr> {
    let is_part = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    let parts: Vec<_> = path.components().filter(is_part).map(Component::as_os_str).collect();
    if parts.is_empty() { vec![OsStr::new("root")] } else { parts }
}

/// Hosts as the command line names them: by their own name, or all that was said where two have one name; one that is
/// named twice is asked once.
pub(super) fn of_hosts(
    words: &[String],
    read: impl Fn(&str) -> Result<HostSpec, Failure>,
) -> Result<Vec<HostSpec>, Failure> {
    let mut all: Vec<(&String, HostSpec)> = Vec::new();
    for word in words {
        let spec = read(word)?;
        if !all.iter().any(|(known, _)| *known == word) {
            all.push((word, spec));
        }
    }
    let names: Vec<String> = all.iter().map(|(_, spec)| spec.name.clone()).collect();
    let is_shared = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let called = |(word, spec): (&String, HostSpec)| {
        if is_shared(&spec.name) { HostSpec { name: word.clone(), ..spec } } else { spec }
    };
    Ok(all.into_iter().map(called).collect())
}

#[cfg(test)]
mod tests {
    use certwright_engine::plan::SshSettings;

    use super::*;

    #[test]
    fn a_folder_has_the_name_of_its_last_part_and_of_more_where_two_have_that() {
        let check = |folders: &[&str], expected: &[&str]| {
            let folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
            let names: Vec<String> = of_folders(&folders).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, expected);
        };
        check(&["/backups/cp-1/"], &["cp-1"]);
        check(&["/"], &["root"]);
        check(&["/", "/x/root"], &["root", "x/root"]);
        check(&["/b/cp-1", "/a/cp-1", "/a/cp-2"], &["b/cp-1", "a/cp-1", "cp-2"]);
        check(&["/x/a/cp-1", "/y/a/cp-1", "/b/cp-1"], &["x/a/cp-1", "y/a/cp-1", "b/cp-1"]);
        check(&["/cp-1", "/a/cp-1"], &["cp-1", "a/cp-1"]);
        check(&["/a/cp-1", "/a/./cp-1/"], &["cp-1"]);
        check(&["/a/b\u{1b}[31m\nx"], &["b\\u{1b}[31m\\nx"]);
    }

    #[test]
    fn hosts_behind_one_address_keep_what_tells_them_apart() {
        let read = |text: &str| {
            let name = text.split(':').next().unwrap_or_default().to_owned();
            Ok(HostSpec { name, address: None, groups: Vec::new(), ssh: SshSettings::default() })
        };
        let words = ["127.0.0.1:2201", "127.0.0.1:2202", "cp-3", "cp-3"].map(str::to_owned);
        let specs = of_hosts(&words, read).expect("hosts");
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["127.0.0.1:2201", "127.0.0.1:2202", "cp-3"]);
    }
}
