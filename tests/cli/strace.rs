//! strace: which system calls a command makes, and a command of which one call fails or is its last.
//!
//! The program's runtime has one thread, which makes every call of a rehearsal: that thread alone is traced, and a call is
//! named by its name and its number among those of that name. Where another thread is meant, strace is told which
//! ([`Watch`]).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

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
const STRIKES: [Strike; 3] = [Strike::Kill, Strike::Eio, Strike::Enospc];

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

impl Call {
    /// The ways in which it can be struck: a close that fails has closed all the same, which strace cannot play.
    pub(crate) fn strikes(&self) -> &'static [Strike] {
        if self.name == "close" { &STRIKES[..1] } else { &STRIKES }
    }
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
    numbered(lines(place))
}

/// Lines of strace as calls.
fn numbered(lines: Vec<String>) -> Vec<Call> {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let made = lines.into_iter().filter_map(|line| {
        let name = line.split_once('(')?.0.to_owned();
        let nth = seen.entry(name.clone()).or_default();
        *nth += 1;
        Some(Call { name, nth: *nth, line })
    });
    made.collect()
}

/// Runs a command of which this call is struck.
pub(crate) fn struck(place: &Place, call: &Call, strike: Strike, paths: &[PathBuf], args: &str) -> Struck {
    let output = traced(place, &["-e", &inject(call, strike)], &call.name, paths, args);
    met(lines(place), strike, output)
}

fn inject(call: &Call, strike: Strike) -> String {
    let how = match strike {
        Strike::Kill => "signal=KILL",
        Strike::Eio => "error=EIO",
        Strike::Enospc => "error=ENOSPC",
    };
    format!("inject={}:{how}:when={}", call.name, call.nth)
}

fn met(lines: Vec<String>, strike: Strike, output: Output) -> Struck {
    let mut lines = lines.into_iter();
    let line = match strike {
        Strike::Kill => lines.last().filter(|_| output.status.signal() == Some(9)),
        Strike::Eio | Strike::Enospc => lines.find(|line| line.ends_with("(INJECTED)")),
    };
    let said = [output.stdout, output.stderr].concat();
    Struck { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned(), line }
}

/// strace on one thread of a process that runs already.
pub(crate) struct Watch<'a> {
    place: &'a Place,
    strace: Child,
    strike: Option<Strike>,
}

impl<'a> Watch<'a> {
    /// Traces the calls of these names, and may strike one; from here on, what the thread does is seen.
    pub(crate) fn on(thread: u32, place: &'a Place, names: &str, strike: Option<(&Call, Strike)>) -> Self {
        let mut command = place.under("strace", "-y -o trace -e signal=none");
        command.args(["-p", &thread.to_string()]);
        command.args(["-e", &format!("trace={names}")]);
        if let Some((call, strike)) = strike {
            command.args(["-e", &inject(call, strike)]);
        }
        let mut strace =
            command.stderr(Stdio::piped()).spawn().expect("strace is installed (tests/run does it)");
        let mut said = String::new();
        let told = BufReader::new(strace.stderr.take().expect("a pipe")).read_line(&mut said);
        assert!(told.is_ok() && said.ends_with("attached\n"), "strace may not look at a thread: {said}");
        Self { place, strace, strike: strike.map(|(_, strike)| strike) }
    }

    /// What it saw of a process that has ended.
    pub(crate) fn calls(mut self) -> Vec<Call> {
        self.ended();
        numbered(lines(self.place))
    }

    /// What became of the strike, and of the process.
    pub(crate) fn struck(mut self, output: Output) -> Struck {
        self.ended();
        met(lines(self.place), self.strike.expect("it strikes"), output)
    }

    fn ended(&mut self) {
        assert!(self.strace.wait().is_ok(), "strace ends with its thread");
    }
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

/// A campaign: strikes one in `CERTWRIGHT_STEP` of these calls from `CERTWRIGHT_FIRST` on, each in all its ways; how many of
/// those failed. One that fails says so by itself, and the others are struck all the same.
pub(crate) fn campaign<P>(
    points: &[P],
    call: impl Fn(&P) -> &Call,
    mut strike: impl FnMut(&P, Strike),
) -> usize {
    let (first, step) = (number("CERTWRIGHT_FIRST", 0), number("CERTWRIGHT_STEP", 1));
    let mut failed = 0;
    for (at, point) in points.iter().enumerate().skip(first).step_by(step) {
        for way in call(point).strikes() {
            failed += usize::from(catch_unwind(AssertUnwindSafe(|| strike(point, *way))).is_err());
        }
        if (at - first) % (10 * step) == 0 {
            println!("{at} of {}: {failed} failed", points.len());
        }
    }
    failed
}

/// A number of the environment.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
