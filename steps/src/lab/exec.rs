//! One command on one host of the lab: the single implementation behind both doors.
//!
//! [`exec`] meets the faults that wait for the command and asks its program, in a world that is up to now. The effect is
//! there when it returns; [`Answer::takes`] says how long the caller is kept waiting. What the lab does not have, a
//! program or a flag, ends with status 125 and words that say so: it never pretends.

use std::fs::File;
use std::path::Path;

use super::fault::FaultKind;
use super::files::{Files, absent_is_none};
use super::state::State;
use super::world::{Touched, World};
use super::{LabError, programs};

/// The exit status of what the lab does not have.
pub const GAP: i32 = 125;

/// Where paths that a command names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Below the host's folder: rehearsals.
    Folder,
    /// On the machine itself, where the host's folders are mounted.
    Machine,
    /// On a machine where nothing is simulated but the program.
    Real(Reach),
}

/// Whether the cluster's API answers a program of a real machine, as its caller found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It gave the object that was asked for.
    Answers,
    /// It did not, as long as the program waits for it.
    Silent,
}

/// A command as it reaches a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The host.
    pub(super) host: &'a str,
    /// Program and arguments.
    pub(super) argv: &'a [String],
    /// Its standard input, where it is not the machine's.
    pub(super) stdin: &'a [u8],
    /// Where its paths are.
    pub(super) place: Place,
    /// The lab's lock, where there is a lab: what the command starts for real holds it too.
    pub(super) lock: Option<&'a File>,
}

/// What a command left, and how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Exit status.
    pub(super) status: i32,
    /// Standard output.
    pub(super) stdout: Vec<u8>,
    /// Standard error.
    pub(super) stderr: Vec<u8>,
    /// How long the caller waits, ms.
    pub(super) takes: u64,
}

impl Answer {
    /// Success with this output.
    pub(super) fn ok(stdout: impl Into<String>) -> Self {
        Self { stdout: stdout.into().into_bytes(), ..Self::default() }
    }

    /// This status, and these words on stderr.
    pub(super) fn fail(status: i32, stderr: impl Into<String>) -> Self {
        Self { status, stderr: stderr.into().into_bytes(), ..Self::default() }
    }

    /// Something the lab does not have.
    pub(super) fn gap(what: impl std::fmt::Display) -> Self {
        Self::fail(
            GAP,
            format!("certwright-lab: {what}: the lab does not have that (a limit of the rehearsal)\n"),
        )
    }

    /// The same with more output.
    pub(super) fn stdout(mut self, text: impl AsRef<str>) -> Self {
        self.stdout.extend_from_slice(text.as_ref().as_bytes());
        self
    }

    /// The same with more on stderr.
    pub(super) fn stderr(mut self, text: impl AsRef<str>) -> Self {
        self.stderr.extend_from_slice(text.as_ref().as_bytes());
        self
    }

    /// The same, taking `ms`.
    pub(super) fn takes(self, ms: u64) -> Self {
        Self { takes: ms, ..self }
    }
}

/// Whether a command did anything to the lab's processes and objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// It looked.
    Nothing,
    /// It changed something.
    Changed,
}

/// A program's view of the lab while it runs.
pub(super) struct Shell<'a> {
    /// Processes and files; only [`Shell::change`] hands them out to be changed.
    world: World<'a>,
    /// The command.
    pub(super) call: Call<'a>,
    /// What it has done so far.
    deed: Deed,
}

impl Shell<'_> {
    /// The lab's memory.
    pub(super) fn state(&self) -> &State {
        self.world.state
    }

    /// Processes and objects, to change them.
    pub(super) fn change(&mut self) -> World<'_> {
        self.deed = Deed::Changed;
        World { state: &mut *self.world.state, files: self.world.files }
    }

    /// The lab's folders.
    pub(super) fn files(&self) -> &Files {
        self.world.files
    }

    /// Lab time, ms since 1970.
    pub(super) fn now(&self) -> u64 {
        self.world.state.now
    }

    /// A path that the command names, read where the command runs.
    pub(super) fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        match self.call.place {
            Place::Folder if path == "/dev/stdin" => Ok(Some(self.call.stdin.to_vec())),
            Place::Folder => self.world.files.read(self.call.host, path),
            Place::Machine | Place::Real(_) => absent_is_none(std::fs::read(Path::new(path))),
        }
    }

    /// The same as text.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        String::from_utf8(self.read(path).ok()??).ok()
    }

    /// True when the command runs on a control-plane node.
    pub(super) fn on_node(&self) -> bool {
        self.state().nodes.contains_key(self.call.host)
    }

    /// The arguments after the program.
    pub(super) fn args(&self) -> &[String] {
        &self.call.argv[1..]
    }

    /// What the program says on stderr beside its own words.
    fn said_beside(&self) -> Vec<u8> {
        self.asked_for(SAYS).unwrap_or_default()
    }

    /// What the program prints with what somebody wants in the place of its own words.
    fn reworded(&self, stdout: Vec<u8>) -> Vec<u8> {
        let Some(wanted) = self.asked_for(REWORDS) else { return stdout };
        let (Ok(wanted), Ok(text)) = (String::from_utf8(wanted), String::from_utf8(stdout.clone())) else {
            return stdout;
        };
        let words: Vec<&str> = wanted.split('\0').collect();
        let swap = |text: String, pair: &[&str]| match pair {
            [from, to] => text.replace(from, to),
            _odd => text,
        };
        words.chunks(2).fold(text, swap).into_bytes()
    }

    /// The file that somebody who wants to see what becomes of it put there for the program.
    fn asked_for(&self, folder: &str) -> Option<Vec<u8>> {
        let name =
            self.call.argv.first().map_or("", |program| program.rsplit('/').next().unwrap_or_default());
        let plain = !name.is_empty() && !name.starts_with('.');
        let path = format!("{folder}/{name}");
        if plain { self.world.files.read(self.call.host, &path).ok().flatten() } else { None }
    }

    /// The command line, for records.
    pub(super) fn line(&self) -> String {
        line(self.call.argv)
    }

    /// Takes a fault of this kind that waits for this host and whose argument fits.
    pub(super) fn fault(
        &mut self,
        kind: FaultKind,
        fits: impl Fn(Option<&str>) -> bool,
    ) -> Option<super::Fault> {
        let line = self.line();
        self.world.state.take_fault(kind, self.call.host, &line, fits)
    }
}

/// Where a host's programs find what they say beside their own words: one file a program, for those who want to see
/// what becomes of it.
const SAYS: &str = "/run/certwright-lab/says";

/// Where they find words of theirs and those that are printed in their place, each ended by a NUL: hostile names.
const REWORDS: &str = "/run/certwright-lab/rewords";

/// A command line for records; of a script only its place is told.
pub(super) fn line(argv: &[String]) -> String {
    let shown = |a: &String| if a.contains('\n') { "SCRIPT".to_owned() } else { a.clone() };
    argv.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// Runs a command in a lab that was brought up to now.
pub(super) fn exec(state: &mut State, files: &Files, call: Call<'_>) -> Result<(Answer, Deed), LabError> {
    let mut shell = Shell { world: World { state, files }, call, deed: Deed::Nothing };
    let slow = shell.fault(FaultKind::Slow, |_| true);
    if shell.on_node() && shell.fault(FaultKind::KubeletExpired, |_| true).is_some() {
        let now = shell.now();
        shell.change().expire_kubelet(call.host, now)?;
    }
    let mut answer = programs::run(&mut shell)?;
    answer.stderr.extend(shell.said_beside());
    answer.stdout = shell.reworded(answer.stdout);
    if let Some(fault) = slow {
        let seconds = fault.argument.and_then(|s| s.parse().ok()).unwrap_or(5);
        answer.takes += shell.state().delay(1000 * seconds);
    }
    // The processes of a real machine live by themselves.
    if shell.deed == Deed::Changed && matches!(call.place, Place::Folder | Place::Machine) {
        // What the command changed has its first consequences now: nothing is to be seen half-done.
        let now = shell.now();
        shell.world.advance(now, Touched::Host(call.host))?;
    }
    Ok((answer, shell.deed))
}
