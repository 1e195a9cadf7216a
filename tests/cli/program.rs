//! Runs the program in a place of its own, with an environment of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use expect_test::Expect;
use tempfile::TempDir;

use crate::redact::redact;

const NOBODY: u32 = 65_534;

/// A folder with a home, and the program run from within it.
pub(crate) struct Place {
    dir: TempDir,
}

/// What the program left.
pub(crate) struct Ran {
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// Exit code; None when a signal ended it.
    pub(crate) code: Option<i32>,
    root: PathBuf,
}

impl Place {
    /// An empty place.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("certwright-cli-").tempdir().expect("a folder for a test");
        fs::create_dir(dir.path().join("home")).expect("a home");
        Self { dir }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that only its owner can change.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("its folder");
        fs::write(&path, text).expect("a file of a test");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its mode");
        self
    }

    /// The program with these arguments (split at blanks), not started yet.
    pub(crate) fn command(&self, args: &str) -> Command {
        self.under(env!("CARGO_BIN_EXE_certwright"), args)
    }

    /// Another program in the same place.
    #[expect(clippy::disallowed_methods, reason = "this is what the tests are about")]
    pub(crate) fn under(&self, program: impl AsRef<std::ffi::OsStr>, args: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(args.split_whitespace())
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("USER", "ops")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &str) -> Ran {
        self.ran(self.command(args).output().expect("the program starts"))
    }

    /// Runs it as a user who owns nothing here (the mode of a file means nothing to root).
    pub(crate) fn run_as_nobody(&self, args: &str) -> Ran {
        if !rustix::process::geteuid().is_root() {
            return self.run(args);
        }
        let program = self.path("certwright");
        // Copied by another process: a copy open for writing here could be inherited by a neighbour's fork.
        let copied = self.under("cp", concat!(env!("CARGO_BIN_EXE_certwright"), " certwright")).status();
        assert!(copied.expect("cp starts").success());
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755)).expect("its folder's mode");
        let output = self.under(program, args).uid(NOBODY).gid(NOBODY).output();
        self.ran(output.expect("the program starts"))
    }

    /// What a finished command left.
    pub(crate) fn ran(&self, output: Output) -> Ran {
        Ran {
            stdout: String::from_utf8(output.stdout).expect("the program writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("the program writes UTF-8"),
            code: output.status.code(),
            root: self.dir.path().canonicalize().expect("the folder is there"),
        }
    }

    /// All files and folders below `name`, for comparisons; empty when it is not there.
    pub(crate) fn tree(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path(name), &mut found);
        found.sort();
        found
    }
}

fn walk(path: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        found.push(entry.path().display().to_string());
        walk(&entry.path(), found);
    }
}

impl Ran {
    /// Compares everything, with times, ids and paths masked.
    pub(crate) fn is(&self, expected: &Expect) {
        expected.assert_eq(&self.shown());
    }

    /// Everything, with times, ids and paths masked.
    pub(crate) fn shown(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let mut text = format!("exit {code}\n");
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text.extend(["--- ", name, "\n", stream]);
            }
        }
        redact(&text, &self.root)
    }

    /// The JSON objects on standard output, one a line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let line = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in `{line}`"));
        self.stdout.lines().map(line).collect()
    }

    /// The same, after checking the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }
}
