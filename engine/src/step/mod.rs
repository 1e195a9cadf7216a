//! Step kinds: the open set that plans are made of.
//!
//! A step describes a desired state. Every attempt starts with a probe, so first try, retry and resume after
//! a crash are one thing. Exit code 0 is not evidence: verify looks at the world again.

mod kind;

mod shown;

use std::sync::Arc;

use async_trait::async_trait;

pub use kind::{Kind, Registry};

use crate::clock::Clock;
use crate::host::{Command, Host, HostError, Hosts, Output};
pub use crate::machine::{Evidence, Facts, StepError, Verdict};
use crate::plan::{Cluster, ErrorClass};

/// A probe's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Whether the world is as the step wants it.
    pub verdict: Verdict,
    /// What apply, verify and undo need to know; small, and never a secret.
    pub facts: Facts,
    /// One line for people: what is (not) as wanted.
    pub summary: String,
}

impl Probe {
    /// The world is as wanted.
    pub fn satisfied(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Satisfied, facts: Facts::default(), summary: summary.into() }
    }

    /// It is not.
    pub fn drifted(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Drifted, facts: Facts::default(), summary: summary.into() }
    }

    /// The same with facts.
    ///
    /// # Panics
    /// When `facts` does not serialize to JSON, a bug of the kind.
    #[must_use]
    pub fn facts(mut self, facts: &impl serde::Serialize) -> Self {
        self.facts = Facts::new(facts);
        self
    }
}

/// What an apply or an undo did, in one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The line.
    pub summary: String,
}

impl Done {
    /// Says what was done.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into() }
    }
}

/// What apply would do once an earlier step has changed what the probe looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// What must have happened and what apply does then, as the end of a sentence whose subject is the earlier task:
    /// `has written new files: stops and waits for etcd`.
    pub summary: String,
    /// The exact commands, one a line.
    pub commands: Vec<String>,
}

/// One step on one host.
#[async_trait]
pub trait Step: Send + Sync {
    /// Looks whether the world is as wanted; changes nothing.
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError>;

    /// Changes it. `facts` are those of this attempt's probe. Checking kinds have none.
    async fn apply(&self, _cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        Err(StepError::new(ErrorClass::Invalid, "this kind only checks and has nothing to apply"))
    }

    /// Looks again after apply; must be satisfied. `facts` are those of the task's first probe in this run: after
    /// a resume the last one may already have seen the effect.
    async fn verify(&self, cx: &Context, _facts: &Facts) -> Result<Probe, StepError> {
        let probe = self.probe(cx).await?;
        match probe.verdict {
            Verdict::Satisfied => Ok(probe),
            Verdict::Drifted => Err(StepError::new(ErrorClass::Unsatisfied, probe.summary)),
        }
    }

    /// Restores what the first probe saw; `facts` are that probe's.
    async fn undo(&self, _cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        Ok(Done::new("nothing to restore"))
    }

    /// What apply would do after a change by an earlier step, for `plan`; None where nothing can be told before.
    fn outlook(&self, _facts: &Facts) -> Option<Outlook> {
        None
    }

    /// The commands that apply would run, for `plan`: exact, one a line, given this probe's facts.
    fn commands(&self, _facts: &Facts) -> Vec<String> {
        Vec::new()
    }
}

/// What a step may use.
#[derive(Clone)]
pub struct Context {
    /// The host the task runs on.
    pub host: Arc<dyn Host>,
    /// All hosts, for the few steps that compare them.
    pub hosts: Hosts,
    /// Facts of the cluster.
    pub cluster: Cluster,
    /// Id of the run: names backups on nodes.
    pub run: String,
    /// Time.
    pub clock: Clock,
    /// Where progress goes.
    pub progress: Progress,
}

/// Droppable news about an operation in flight (`waiting for kube-apiserver, 12 s`).
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Sends each line to `sink`.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Drops everything.
    pub fn none() -> Self {
        Self::new(|_| ())
    }

    /// Tells one line.
    pub fn tell(&self, line: &str) {
        (self.0)(line);
    }
}

impl Context {
    /// Runs a command on the task's host; a call without result becomes a [`StepError`] with the evidence.
    pub async fn run(&self, command: &Command) -> Result<Output, StepError> {
        self.host.run(command).await.map_err(|error| host_error(&error, Some(command)))
    }
}

/// The step error of a host call that has no result.
pub fn host_error(error: &HostError, command: Option<&Command>) -> StepError {
    let mut step = StepError::new(error.class(), error.to_string());
    if let Some(remedy) = error.remedy() {
        step = step.remedy(remedy.into_owned());
    }
    if let Some(command) = command {
        step = step.evidence(Evidence { command: command.display(), status: None, last_lines: Vec::new() });
    }
    step
}

impl From<HostError> for StepError {
    fn from(error: HostError) -> Self {
        host_error(&error, None)
    }
}

/// The step error of a command that ran and said no.
pub fn refused(
    class: ErrorClass,
    message: impl Into<String>,
    command: &Command,
    output: &Output,
) -> StepError {
    let mut last_lines = output.stderr.last_lines(8);
    if last_lines.is_empty() {
        last_lines = output.stdout.last_lines(8);
    }
    StepError::new(class, message).evidence(Evidence {
        command: command.display(),
        status: Some(output.status),
        last_lines,
    })
}
