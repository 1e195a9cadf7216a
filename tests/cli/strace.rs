//! strace: which system calls a command makes, and a command of which one call fails or is its last.
//!
//! The program's runtime has one thread, which makes every call here: that thread alone is traced, and a call is named by
//! its name and its number among those of that name.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Output;

use crate::program::Place;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strike {
    /// The process dies as it enters it.
    Kill,
    /// It fails: the disk cannot be read or written.
    Eio,
    /// It fails: the disk is full.
    Enospc,
}

/// All of them.
pub(crate) const STRIKES: [Strike; 3] = [Strike::Kill, Strike::Eio, Strike::Enospc];

/// One system call of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// Its name.
    pub(crate) name: String,
    /// Which of that name, from 1.
    pub(crate) nth: usize,
    /// The line strace wrote of it.
    pub(crate) line: String,
}

/// How a command ended of which a call was struck.
pub(crate) struct Struck {
    /// Exit code; None when it was killed.
    pub(crate) code: Option<i32>,
    /// Both streams.
    pub(crate) said: String,
    /// The line of the call; None where the strike did not come to pass.
    pub(crate) line: Option<String>,
}

/// The calls of these names that a command makes, on these paths alone where there are any; the command ends well.
pub(crate) fn calls(place: &Place, names: &str, paths: &[PathBuf], args: &str) -> Vec<Call> {
    let output = traced(place, &[], names, paths, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args}: {said}");
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let made = lines(place).into_iter().filter_map(|line| {
        let name = line.split_once('(')?.0.to_owned();
        let nth = seen.entry(name.clone()).or_default();
        *nth += 1;
        Some(Call { name, nth: *nth, line })
    });
    made.collect()
}

/// Runs a command of which this call is struck.
pub(crate) fn struck(place: &Place, call: &Call, strike: Strike, paths: &[PathBuf], args: &str) -> Struck {
    let how = match strike {
        Strike::Kill => "signal=KILL",
        Strike::Eio => "error=EIO",
        Strike::Enospc => "error=ENOSPC",
    };
    let inject = format!("inject={}:{how}:when={}", call.name, call.nth);
    let output = traced(place, &["-e", &inject], &call.name, paths, args);
    let mut lines = lines(place).into_iter();
    let line = match strike {
        Strike::Kill => lines.last().filter(|_| output.status.signal() == Some(9)),
        Strike::Eio | Strike::Enospc => lines.find(|line| line.ends_with("(INJECTED)")),
    };
    let said = [output.stdout, output.stderr].concat();
    Struck { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned(), line }
}

fn traced(place: &Place, more: &[&str], names: &str, paths: &[PathBuf], args: &str) -> Output {
    let trace = format!("trace={names}");
    let mut command = place.under("strace", "-qq -y -o trace -e signal=none");
    command.args(["-e", &trace]).args(more);
    for path in paths {
        command.arg("-P").arg(path);
    }
    command.arg(env!("CARGO_BIN_EXE_certwright")).args(args.split_whitespace());
    command.output().expect("strace is installed (tests/run does it)")
}

/// What strace wrote, without what happened beside calls.
fn lines(place: &Place) -> Vec<String> {
    let text = fs::read(place.path("trace")).expect("strace wrote");
    let text = String::from_utf8_lossy(&text);
    let calls = text.lines().filter(|line| !line.starts_with("+++") && !line.starts_with("---"));
    calls.map(str::to_owned).collect()
}
