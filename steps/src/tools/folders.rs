//! What lies in folders, by name, of several at once; no name disturbs the frame.

use certwright_engine::host::{Command, Output};

use super::output::whole;
use super::{OutputError, script};

/// Prints `folder NUMBER` (from 1) for each folder that is there, and after it its entries: their kind (find's `%y`), a
/// slash, and their name. Fields end in NUL. Arguments: ROOT, then absolute paths.
pub const SCRIPT: &str = r#"LC_ALL=C; export LC_ALL
root=$1; shift
n=0
for folder in "$@"; do
    n=$((n + 1))
    test -d "$root$folder" || continue
    printf 'folder %s\0' "$n"
    find "$root$folder/" -mindepth 1 -maxdepth 1 -printf '%y/%f\0' || exit 1
done
"#;

const WHAT: &str = "the listing of folders";

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as it is.
    pub name: String,
    /// What it is, a link not followed.
    pub kind: EntryKind,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symlink.
    Link,
    /// Anything else.
    Other,
}

impl EntryKind {
    /// Reads find's `%y`.
    fn of(letter: &str) -> Self {
        match letter {
            "f" => Self::File,
            "d" => Self::Folder,
            "l" => Self::Link,
            _ => Self::Other,
        }
    }
}

/// The command that lists these folders.
pub fn command(folders: &[String]) -> Command {
    Command::reads(script(SCRIPT, "", folders)).script("list-folders")
}

/// The entries of each of `count` folders, sorted by name; None for one that is not there.
pub fn parse(count: usize, output: &Output) -> Result<Vec<Option<Vec<Entry>>>, OutputError> {
    let mut all: Vec<Option<Vec<Entry>>> = vec![None; count];
    let mut at = None;
    for field in whole(WHAT, &output.stdout)?.split(|byte| *byte == 0).filter(|field| !field.is_empty()) {
        let field = String::from_utf8_lossy(field);
        if let Some(number) = field.strip_prefix("folder ") {
            let number: usize = number.parse().map_err(|_| OutputError::shape(WHAT, &field))?;
            at = number.checked_sub(1).filter(|at| *at < count);
            if let Some(folder) = at.and_then(|at| all.get_mut(at)) {
                *folder = Some(Vec::new());
            }
            continue;
        }
        let shape = || OutputError::shape(WHAT, &field);
        let (kind, name) = field.split_once('/').ok_or_else(shape)?;
        let folder = at.and_then(|at| all[at].as_mut()).ok_or_else(shape)?;
        folder.push(Entry { name: name.to_owned(), kind: EntryKind::of(kind) });
    }
    for entries in all.iter_mut().flatten() {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{printed, run};

    #[test]
    fn folders_are_listed_whatever_their_entries_are_called() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a");
        std::fs::create_dir_all(folder.join("older 1")).unwrap();
        for name in ["x\ny", "older 2", "folder 2", ".hidden", "\u{1b}[2J"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("/nowhere", folder.join("link")).unwrap();
        let path = |name: &str| place.path().join(name).display().to_string();
        let folders = [path("none"), path("a"), path("a/older 1")];
        let listed = parse(3, &run(&command(&folders).argv)).unwrap();
        let entries = listed[1].as_ref().unwrap();
        let names: Vec<(&str, EntryKind)> =
            entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
        assert_eq!(
            names,
            [
                ("\u{1b}[2J", EntryKind::File),
                (".hidden", EntryKind::File),
                ("folder 2", EntryKind::File),
                ("link", EntryKind::Link),
                ("older 1", EntryKind::Folder),
                ("older 2", EntryKind::File),
                ("x\ny", EntryKind::File)
            ]
        );
        assert_eq!((&listed[0], &listed[2]), (&None, &Some(Vec::new())));
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        for bad in ["fx\0", "folder x\0", "folder 9\0fx\0"] {
            assert!(parse(2, &printed(bad)).is_err(), "{bad}");
        }
    }
}
