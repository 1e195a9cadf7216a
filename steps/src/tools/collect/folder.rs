//! A node's tree in a folder of this machine: a backup, a lab node, a mounted image, or this machine's own `/`.
//!
//! Invariant: no path and no symlink leads out of the folder; the kernel resolves them as if it were `/` (`openat2` with
//! `RESOLVE_IN_ROOT`). Only regular files are read, and of each no more than the survey would.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;

use super::look::Look;
use super::request::Request;
use super::search::Search;
use super::{Collected, Keys};
use crate::tools::survey::{self, FileFacts, FileKind};
use crate::tools::wanted;

/// Names of folders that are told, and odd ones; the script has the same numbers.
const LISTED: usize = 1024;
const STRANGE: usize = 16;

/// Content of larger files is not looked into, bytes; the survey has the same number.
const LARGEST: u64 = 262_144;

/// Why nothing could be read of a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be opened.
    #[error("cannot open the folder `{}`: {why}", .path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The kernel cannot keep paths inside.
    #[error("this kernel has no openat2 (Linux 5.6), without which symlinks could lead out of `{}`", .path.display())]
    Kernel {
        /// The folder.
        path: PathBuf,
    },
}

/// A node's tree.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

/// What is at a path of the tree.
enum Found {
    Nothing,
    /// Something, and its content where it is a file that may be read.
    Something(Box<Stat>, Result<Vec<u8>, String>),
    /// Its place cannot be looked at.
    Refused(String),
}

impl Tree {
    /// Opens the folder that is the node's `/`.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let failed = |why: Errno| FolderError::Open { path: path.to_owned(), why: words(why) };
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let tree = Self { root };
        match tree.open_at(".", OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOSYS) => Err(FolderError::Kernel { path: path.to_owned() }),
            Err(error) => Err(failed(error)),
            Ok(_) => Ok(tree),
        }
    }

    /// Collects as on a host; what may not be read says so.
    pub fn collect(&self, keys: Keys) -> Collected {
        let mut search = Search::new(keys);
        while let Some(request) = search.next() {
            let look = self.look(keys, &request);
            search.take(request, look);
        }
        search.done()
    }

    /// Looks as the script does on a host.
    pub fn look(&self, keys: Keys, request: &Request) -> Look {
        let mut look = Look::default();
        let units: Vec<String> =
            request.units.iter().flat_map(|folder| self.units(folder, &mut look.odd)).collect();
        for path in units.into_iter().chain(request.texts.iter().cloned()) {
            match self.text(&path) {
                Ok(Some(text)) => drop(look.texts.insert(path, text)),
                Ok(None) => {}
                Err(why) => drop(look.refused.insert(path, why)),
            }
        }
        for folder in &request.folders {
            self.certificates(OsStr::new(folder), wanted::DEEP, &mut look);
        }
        let found: Vec<String> = look.names.iter().take(wanted::MOST).cloned().collect();
        for path in found.iter().chain(&request.files) {
            let facts = self.facts(path, keys, &mut look.refused);
            look.files.insert(path.clone(), facts);
        }
        look
    }

    /// The lines of a file of configuration, each with its end; None where there is no file.
    fn text(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let (stat, mut content) = match self.open_and_read(path) {
            Found::Something(stat, content) => (stat, content?),
            Found::Refused(why) => return Err(why),
            Found::Nothing => return Ok(None),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        content.truncate(usize::try_from(LARGEST).expect("a small number"));
        if content.last().is_some_and(|last| *last != b'\n') {
            content.push(b'\n');
        }
        Ok(Some(content))
    }

    /// Facts of one path; why its content or the key beside it is not known is added to `refused`.
    fn facts(&self, path: &str, keys: Keys, refused: &mut BTreeMap<String, String>) -> FileFacts {
        let (stat, content) = match self.open_and_read(path) {
            Found::Nothing => return FileFacts::missing(path),
            Found::Refused(why) => {
                refused.insert(path.to_owned(), why);
                return FileFacts::missing(path);
            }
            Found::Something(stat, content) => (stat, content),
        };
        let content = content.unwrap_or_else(|why| {
            refused.insert(path.to_owned(), why);
            Vec::new()
        });
        let key = path.strip_suffix(".crt").map(|stem| format!("{stem}.key"));
        let beside = key.and_then(|key| match self.open_and_read(&key) {
            Found::Something(_, Ok(content)) => Some(content),
            // It is there, and may not be read.
            Found::Something(_, Err(why)) | Found::Refused(why) => {
                refused.insert(key, why);
                Some(Vec::new())
            }
            Found::Nothing => None,
        });
        let mut facts = FileFacts::of_content(path, &content, beside.as_deref()).cut_to(keys.depth());
        facts.kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Folder,
            _ => FileKind::Other,
        };
        facts.mode = stat.st_mode & 0o7777;
        (facts.uid, facts.gid) = (stat.st_uid, stat.st_gid);
        facts.size = u64::try_from(stat.st_size).unwrap_or(0);
        facts.mtime_ns = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        facts
    }

    fn open_and_read(&self, path: &str) -> Found {
        let fd = match self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Found::Nothing,
            Err(Errno::ACCESS | Errno::PERM) => return self.look_outside(path),
            Err(error) => return Found::Refused(words(error)),
        };
        let stat = match fstat(&fd) {
            Ok(stat) => stat,
            Err(error) => return Found::Refused(words(error)),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Found::Something(Box::new(stat), Ok(Vec::new()));
        }
        let mut content = Vec::new();
        let read = std::fs::File::from(fd).take(LARGEST + 1).read_to_end(&mut content);
        let content = read.map(|_| content).map_err(|error| error.to_string());
        Found::Something(Box::new(stat), content)
    }

    /// What can be told of a file that may not be read.
    fn look_outside(&self, path: &str) -> Found {
        let may_not = words(Errno::ACCESS);
        match self.open_at(path, OFlags::PATH).and_then(|fd| fstat(&fd)) {
            Ok(stat) => Found::Something(Box::new(stat), Err(may_not)),
            Err(_) => Found::Refused(may_not),
        }
    }

    fn open_at(&self, path: impl AsRef<OsStr>, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = path.as_ref().as_bytes();
        let path = &path[path.iter().take_while(|byte| **byte == b'/').count()..];
        let path = if path.is_empty() { b"." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    /// The kubelet's units and drop-ins of a folder.
    fn units(&self, folder: &str, strange: &mut BTreeSet<String>) -> Vec<String> {
        let mut all = vec![format!("{folder}/kubelet.service")];
        let drop_ins = format!("{folder}/kubelet.service.d");
        for (name, _) in self.names(OsStr::new(&drop_ins)).unwrap_or_default() {
            if has_extension(&name, "conf") {
                all.extend(told(OsStr::new(&drop_ins), &name, strange));
            }
        }
        all
    }

    /// Adds the names of the `.crt` and `.pem` files of a folder and of those in it.
    fn certificates(&self, folder: &OsStr, deep: usize, into: &mut Look) {
        let names = self.names(folder).unwrap_or_else(|why| {
            into.refused.insert(folder.to_string_lossy().into_owned(), why);
            Vec::new()
        });
        for (name, kind) in names {
            if kind == FileType::Directory && deep > 1 {
                self.certificates(&below(folder, &name), deep - 1, into);
            }
            if has_extension(&name, "crt") || has_extension(&name, "pem") {
                let path = told(folder, &name, &mut into.odd);
                into.names.extend(path.filter(|_| into.names.len() < LISTED));
            }
        }
    }

    /// The names in a folder and what they are, sorted; none where there is no folder, an error where it may not be read.
    fn names(&self, folder: &OsStr) -> Result<Vec<(OsString, FileType)>, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let dir = match self.open_at(folder, flags).and_then(Dir::new) {
            Ok(dir) => dir,
            Err(error @ (Errno::ACCESS | Errno::PERM)) => return Err(words(error)),
            Err(_) => return Ok(Vec::new()),
        };
        let mut names: Vec<(OsString, FileType)> = dir
            .flatten()
            .map(|entry| (OsStr::from_bytes(entry.file_name().to_bytes()).to_owned(), entry.file_type()))
            .filter(|(name, _)| name != "." && name != "..")
            .collect();
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(names)
    }
}

fn below(folder: &OsStr, name: &OsStr) -> OsString {
    let mut path = folder.to_owned();
    path.push("/");
    path.push(name);
    path
}

/// The path of a name in a folder; None for one that no line can hold, or that is no UTF-8, which is told as such.
fn told(folder: &OsStr, name: &OsStr, strange: &mut BTreeSet<String>) -> Option<String> {
    let path = below(folder, name);
    if let Some(plain) = path.to_str().filter(|path| !path.contains('\n')) {
        return Some(plain.to_owned());
    }
    if strange.len() < STRANGE {
        strange.insert(survey::odd(path.as_bytes()));
    }
    None
}

fn has_extension(name: &OsStr, extension: &str) -> bool {
    name.as_bytes().rsplit(|byte| *byte == b'.').next() == Some(extension.as_bytes())
        && name.as_bytes().contains(&b'.')
}

/// The system's words for an error, without its number.
fn words(error: Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
