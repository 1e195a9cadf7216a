//! The folders of the lab: `DIR/NODE` is that node's `/`, `DIR/workstation` the operator's.
//!
//! Everything the lab writes carries lab time as its modification time, so that "written after the container
//! started" holds when virtual time runs ahead of the machine's. Paths never leave their folder.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// The folders of one lab.
#[derive(Debug, Clone)]
pub(super) struct Files {
    dir: PathBuf,
    roots: Roots,
}

/// Where the root of a host is.
#[derive(Debug, Clone, Copy)]
enum Roots {
    /// A folder of the lab each.
    Folders,
    /// The folder itself: the host is this machine.
    One,
}

impl Files {
    /// The folders below `dir`.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), roots: Roots::Folders }
    }

    /// The files of this machine, whatever the host is called.
    pub(super) fn of_machine() -> Self {
        Self { dir: PathBuf::from("/"), roots: Roots::One }
    }

    /// The lab's own folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder that is `host`'s root.
    pub(super) fn root(&self, host: &str) -> PathBuf {
        match self.roots {
            Roots::Folders => self.dir.join(host),
            Roots::One => self.dir.clone(),
        }
    }

    /// Where `path` of `host` lies; a `..` in it is refused.
    pub(super) fn path(&self, host: &str, path: &str) -> io::Result<PathBuf> {
        let mut out = self.root(host);
        for part in Path::new(path).components() {
            match part {
                Component::Normal(part) => out.push(part),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "path with `..`"));
                }
            }
        }
        Ok(out)
    }

    /// The bytes of a file; None when nothing is there.
    pub(super) fn read(&self, host: &str, path: &str) -> io::Result<Option<Vec<u8>>> {
        absent_is_none(std::fs::read(self.path(host, path)?))
    }

    /// The text of a file; None when nothing is there, not a file, or not text.
    pub(super) fn text(&self, host: &str, path: &str) -> Option<String> {
        String::from_utf8(self.read(host, path).ok()??).ok()
    }

    /// Writes a file in place, as kubeadm does: its mode stays, a reader may see half of it.
    pub(super) fn write(&self, host: &str, path: &str, bytes: &[u8], mode: u32, now: u64) -> io::Result<()> {
        let path = self.path(host, path)?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let is_new = !path.exists();
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&path)?;
        if is_new {
            // Whatever the umask of this process is.
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.write_all(bytes)?;
        file.set_modified(system_time(now))
    }

    /// Puts a file in place atomically, with `mode`, creating its folders with 0700.
    pub(super) fn replace(
        &self,
        host: &str,
        path: &str,
        bytes: &[u8],
        mode: u32,
        now: u64,
    ) -> io::Result<()> {
        let path = self.path(host, path)?;
        let parent = path.parent().unwrap_or(&self.dir).to_owned();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&parent)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = parent.join(format!(".{name}.new"));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.set_modified(system_time(now))?;
        file.set_permissions(Permissions::from_mode(mode))?;
        std::fs::rename(&new, &path)
    }

    /// What changes when any of these files does: modification times, sizes, file numbers.
    pub(super) fn stamp(&self, host: &str, paths: &[String]) -> String {
        let one = |path: &String| {
            let meta = self.path(host, path).and_then(std::fs::metadata);
            meta.map_or_else(
                |_| "-".to_owned(),
                |m| format!("{}.{:09}/{}/{}", m.mtime(), m.mtime_nsec(), m.len(), m.ino()),
            )
        };
        paths.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// The newest modification time of these files, ms since 1970; 0 when there are none.
    pub(super) fn newest(&self, host: &str, paths: &[String]) -> u64 {
        let one = |path: &String| {
            let meta = self.path(host, path).and_then(std::fs::metadata).ok()?;
            u64::try_from(meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000).ok()
        };
        paths.iter().filter_map(one).max().unwrap_or(0)
    }
}

/// Makes a folder with exactly this mode; the lab's own folder, where it is new, is for its owner alone.
pub(super) fn folder(place: &Path, mode: u32) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(place)?;
    std::fs::set_permissions(place, Permissions::from_mode(mode))
}

/// `None` for a file that is not there.
pub(super) fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A lab time as the file system has it.
pub(super) fn system_time(ms: u64) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}
