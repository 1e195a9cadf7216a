//! Files that a verb writes: new ones, and ones that are replaced at once.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::Path;

use certwright_engine::text::harmless;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Who may read a file that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Everybody, whatever the umask is.
    Everybody,
    /// Those who could before; of a new one its owner alone.
    AsBefore,
}

/// Writes a new document that nobody else may read, as harmless as what a terminal is shown; `what` it is and the `option`
/// that names it are for the error.
pub(crate) fn create(path: &Path, text: &str, what: &str, option: &str) -> Result<(), Failure> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let text = harmless(text);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::system(&format!("write the {what} `{}`", path.display()), &error)
            .hint(format!("{option} wants the name of a file that is not there yet"))
    })
}

/// Puts `text` in the place of a file whole or not at all; a link stays one.
pub(crate) fn replace(path: &Path, text: &str, readers: Readers) -> Result<(), Failure> {
    exchange(path, text, readers)
        .map_err(|error| Failure::system(&format!("write `{}`", path.display()), &error))
}

fn exchange(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let real = path.canonicalize().or_else(|_| std::path::absolute(path))?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    // Its name, `.tmp` and more, is none that a collector of such files takes for its own.
    let mut file = NamedTempFile::new_in(folder).map_err(|error| {
        // Its own words name a file that nobody knows.
        io::Error::new(
            error.kind(),
            format!("no file can be made in `{}` ({})", folder.display(), error.kind()),
        )
    })?;
    file.write_all(text.as_bytes())?;
    match (readers, fs::metadata(&real)) {
        (Readers::Everybody, _) => file.as_file().set_permissions(Permissions::from_mode(0o644))?,
        (Readers::AsBefore, Ok(old)) => {
            file.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
            chown(file.path(), Some(old.uid()), Some(old.gid()))?;
        }
        (Readers::AsBefore, Err(_)) => {}
    }
    file.as_file().sync_all()?;
    file.persist(&real).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_takes_no_file_is_named() {
        let failure =
            replace(Path::new("/nonexistent/x.prom"), "", Readers::Everybody).expect_err("no such folder");
        let expected =
            "write `/nonexistent/x.prom`: no file can be made in `/nonexistent` (entity not found)";
        assert_eq!(failure.message, expected);
    }

    #[test]
    fn a_new_document_is_its_owners_alone_harmless_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.md");
        create(&path, "a \u{1b}[2J b\n", "report", "--to").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a \\u{1b}[2J b\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let failure = create(&path, "", "report", "--to").unwrap_err();
        assert_eq!(failure.hints, ["--to wants the name of a file that is not there yet"]);
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("certs.prom");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        for text in ["one\n", "two\n"] {
            replace(&path, text, Readers::Everybody).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(mode(&path), 0o644);
        let own = dir.path().join("own");
        replace(&own, "one\n", Readers::AsBefore).unwrap();
        assert_eq!(mode(&own), 0o600);
        fs::set_permissions(&own, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&own, dir.path().join("link")).unwrap();
        replace(&dir.path().join("link"), "two\n", Readers::AsBefore).unwrap();
        assert_eq!((fs::read_to_string(&own).unwrap().as_str(), mode(&own)), ("two\n", 0o640));
        // A folder cannot be replaced by a file.
        fs::create_dir_all(dir.path().join("folder/x")).unwrap();
        assert!(replace(&dir.path().join("folder"), "x", Readers::Everybody).is_err());
        assert!(replace(&dir.path().join("not/there"), "x", Readers::Everybody).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "what was begun is gone");
    }
}
