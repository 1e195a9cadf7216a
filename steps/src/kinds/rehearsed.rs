//! `command` in a rehearsal: what the lab has not is taken as done, and said to be.
//!
//! A plan's own programs are not the lab's. Were such a step to fail, nothing behind it could be rehearsed, and no resume
//! would ever go on. Invariant: what was not rehearsed says so in its own line, and no real host meets this kind.
//! Deliberately absent: pretending an effect; a file that the program would have made is not there.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use certwright_engine::host::Command;
use certwright_engine::plan::Params;
use certwright_engine::step::{Context, Done, Facts, Kind, Outlook, Probe, Step, StepError};

use super::command;
use crate::lab;

/// What every line begins with that tells of something that was not rehearsed.
pub const NOT_REHEARSED: &str = "not rehearsed";

/// The same to the plan language as on real hosts.
pub(super) const KIND: Kind =
    Kind::new(command::KIND.schema, |with| Box::new(Rehearsed::new(with, command::KIND.step(with))));

/// A step of this kind.
struct Rehearsed {
    inner: Box<dyn Step>,
    argv: Vec<String>,
    unless: Vec<String>,
    /// Hosts on which the lab has the program, but not with these arguments.
    taken: Mutex<BTreeSet<String>>,
}

impl Rehearsed {
    fn new(with: &Params, inner: Box<dyn Step>) -> Self {
        let (argv, unless) = (with.strings("argv"), with.strings("unless"));
        Self { inner, argv, unless, taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // Names are only added, each at once.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of the step the lab's host has not; None where it has all of it.
    async fn lacks(&self, cx: &Context) -> Result<Option<String>, StepError> {
        let host = cx.host.name();
        let programs = [&self.argv, &self.unless].into_iter().filter_map(|argv| argv.first());
        let mut missing = programs.filter(|program| !lab::has_program(host, program));
        if let Some(program) = missing.next() {
            let program = certwright_engine::text::escape(program);
            return Ok(Some(format!("{host} of the lab has no program {program}")));
        }
        if self.unless.is_empty() {
            return Ok(None);
        }
        let unless = Command::reads(self.unless.clone());
        let output = cx.run(&unless).await?;
        let gap = output.status == lab::GAP;
        Ok(gap.then(|| format!("the lab does not have `{}`", unless.display())))
    }
}

fn not_rehearsed(what: &str) -> String {
    format!("{NOT_REHEARSED}: {what}; taken as done")
}

#[async_trait]
impl Step for Rehearsed {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        match self.lacks(cx).await? {
            Some(what) => Ok(Probe::satisfied(not_rehearsed(&what))),
            None => self.inner.probe(cx).await,
        }
    }

    async fn apply(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        let applied = self.inner.apply(cx, facts).await;
        let gap = |error: &StepError| error.evidence.as_ref().and_then(|e| e.status) == Some(lab::GAP);
        match applied {
            Err(error) if gap(&error) => {
                self.taken().insert(cx.host.name().to_owned());
                let command = Command::mutates(self.argv.clone()).display();
                Ok(Done::new(not_rehearsed(&format!("the lab does not have `{command}`"))))
            }
            applied => applied,
        }
    }

    async fn verify(&self, cx: &Context, facts: &Facts) -> Result<Probe, StepError> {
        if self.taken().contains(cx.host.name()) {
            let command = Command::mutates(self.argv.clone()).display();
            return Ok(Probe::satisfied(not_rehearsed(&format!("the lab does not have `{command}`"))));
        }
        self.inner.verify(cx, facts).await
    }

    async fn undo(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        self.inner.undo(cx, facts).await
    }

    fn outlook(&self, facts: &Facts) -> Option<Outlook> {
        self.inner.outlook(facts)
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        self.inner.commands(facts)
    }
}
