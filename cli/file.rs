//! Files that a verb writes: new ones, and ones that are replaced at once.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use certwright_engine::text::harmless;
use tempfile::NamedTempFile;

use crate::exit::Exit;
use crate::failure::{Failure, words};
use crate::source::not_regular;

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
        let action = format!("write the {what} `{}`", path.display());
        match (error.kind(), absent_folder(path)) {
            (io::ErrorKind::AlreadyExists, _) => Failure::system(&action, &"something is there already")
                .hint(format!("{option} wants the name of a file that is not there yet")),
            (io::ErrorKind::NotFound, Some(folder)) => {
                Failure::system(&action, &format!("there is no folder `{}`", folder.display()))
                    .hint(format!("{option} makes a file, and no folder"))
            }
            (_, _) => Failure::system(&action, &error),
        }
    })
}

/// The folder of a file that is to be made, where there is none.
fn absent_folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}

/// Refuses what [`replace`] would, before work is done whose outcome is to be kept there; `option` names the file.
pub(crate) fn replaceable(path: &Path, option: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::new(Exit::Refused, "system", format!("write `{}`: {why}", path.display())).hint(format!(
            "{option} wants a regular file, or a name that is free, in a folder in which you may write"
        ))
    };
    let real = followed(path).map_err(|error| refused(words(&error)))?;
    match real.parent() {
        Some(folder) if !folder.is_dir() => {
            Err(refused(format!("there is no folder `{}`", folder.display())))
        }
        Some(_) | None => Ok(()),
    }
}

/// The file that a name stands for, symlinks followed; an error where something else than a regular file is there: that would
/// be lost by an exchange.
fn followed(path: &Path) -> io::Result<PathBuf> {
    match (path.canonicalize(), fs::symlink_metadata(path)) {
        (Ok(real), _) => match fs::metadata(&real)?.file_type() {
            is if is.is_file() => Ok(real),
            is => Err(io::Error::other(not_regular(is))),
        },
        (Err(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path),
        (Err(error), Ok(is)) if is.is_symlink() && error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::other("a symlink that leads nowhere"))
        }
        (Err(error), _) => Err(error),
    }
}

/// Puts `text` in the place of a file whole or not at all; a link stays one.
pub(crate) fn replace(path: &Path, text: &str, readers: Readers) -> Result<(), Failure> {
    exchange(path, text, readers)
        .map_err(|error| Failure::system(&format!("write `{}`", path.display()), &error))
}

fn exchange(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let real = followed(path)?;
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
        assert!(failure.message.ends_with("report.md`: something is there already"), "{}", failure.message);
        assert_eq!(failure.hints, ["--to wants the name of a file that is not there yet"]);
        let nowhere = dir.path().join("nodir/r.md");
        let failure = create(&nowhere, "", "report", "--to").unwrap_err();
        let folder = dir.path().join("nodir");
        assert!(failure.message.ends_with(&format!(": there is no folder `{}`", folder.display())));
        assert_eq!(failure.hints, ["--to makes a file, and no folder"]);
    }

    /// A device that is replaced by a file is gone for every program of the machine.
    #[test]
    fn what_is_no_regular_file_is_refused_and_stays_and_symlinks_are_followed() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let node = |name: &str, what| mknodat(CWD, at(name), what, Mode::RUSR | Mode::WUSR, 0).unwrap();
        node("pipe", FileType::Fifo);
        node("socket", FileType::Socket);
        fs::create_dir(at("folder")).unwrap();
        for (link, to) in [
            ("to-pipe", "pipe"),
            ("dangling", "gone"),
            ("loop", "loop"),
            ("device", "/dev/null"),
            ("good", "file"),
        ] {
            std::os::unix::fs::symlink(to, at(link)).unwrap();
        }
        fs::write(at("file"), "old\n").unwrap();
        let kinds = || {
            let all = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap());
            let mut all: Vec<_> = all.map(|it| (it.file_name(), it.metadata().unwrap().mode())).collect();
            all.sort();
            all
        };
        let before = kinds();
        for (name, why) in [
            ("pipe", "a pipe, not a regular file"),
            ("to-pipe", "a pipe, not a regular file"),
            ("socket", "a socket, not a regular file"),
            ("device", "a device, not a regular file"),
            ("folder", "a folder, not a regular file"),
            ("dangling", "a symlink that leads nowhere"),
            ("loop", "oo many"),
        ] {
            for refused in [
                replaceable(&at(name), "--textfile").unwrap_err(),
                replace(&at(name), "x", Readers::Everybody).unwrap_err(),
            ] {
                assert!(refused.message.contains(why), "{name}: {}", refused.message);
            }
            assert_eq!(kinds(), before, "{name}");
        }
        let refused = replaceable(&at("nowhere/x.prom"), "--textfile").unwrap_err();
        assert!(refused.message.contains("there is no folder `"), "{}", refused.message);
        for fits in ["good", "file", "new"] {
            replaceable(&at(fits), "--textfile").unwrap();
        }
        replace(&at("good"), "new\n", Readers::Everybody).unwrap();
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "new\n");
        assert!(fs::symlink_metadata(at("good")).unwrap().is_symlink());
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
