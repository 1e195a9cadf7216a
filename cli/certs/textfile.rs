//! A file that others read at any time, replaced at once.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::failure::Failure;

/// Puts `text` in place of `path`: a new file in the same folder, whose name no collector takes for its own, then a
/// rename. Everybody may read it.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        Failure::system(&format!("write `{}`", path.display()), error)
            .hint("--textfile wants a file in a folder in which you may write")
    };
    let name = path.file_name().ok_or_else(|| failed(&std::io::ErrorKind::InvalidInput.into()))?;
    let new = path.with_file_name(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let write = || {
        let mut file = std::fs::File::options().write(true).create_new(true).mode(0o644).open(&new)?;
        // Whatever the umask is: the collector is another user.
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(|error| {
        let _gone = std::fs::remove_file(&new);
        failed(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("certs.prom");
        for text in ["one\n", "two\n"] {
            replace(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        // A folder cannot be replaced by a file.
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::fs::create_dir(dir.path().join("folder/x")).unwrap();
        assert!(replace(&dir.path().join("folder"), "x").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "what was begun is gone");
        assert!(replace(&dir.path().join("not/there"), "x").is_err());
    }
}
