//! `command`: a program of the plan's own, made a step by saying how its effect is seen.
//!
//! Invariant: it never runs while its effect is already there. Deliberately absent: a shell; the argv of the
//! plan is the argv of the process.

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Output};
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport,
};
use certwright_engine::step::{Context, Done, Facts, Kind, Probe, Step, StepError, refused};

use crate::tools::output::cause;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "command",
        doc: "Runs a program unless its effect is already there.",
        fields: &[
            Field {
                name: "argv",
                ty: FieldType::Strings,
                default: None,
                doc: "The program and its arguments; no shell is involved.",
            },
            Field {
                name: "unless",
                ty: FieldType::Strings,
                default: Some("[]"),
                doc: "A program that only looks; when it exits with 0 the effect is there. Where it cannot be run nothing is \
                      known, and nothing is done; where it comes with what the step makes, say `creates`.",
            },
            Field {
                name: "creates",
                ty: FieldType::OptionalString,
                default: None,
                doc: "An absolute path; when something is there the effect is there.",
            },
        ],
        on: On::Anywhere,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Unsupported,
        timeout_ms: 10 * 60 * 1000,
        check,
    },
    |with| Box::new(RunCommand::new(with)),
);

fn check(with: &Params) -> Result<(), String> {
    let unless = with.strings("unless");
    let creates = with.opt_str("creates");
    if with.strings("argv").iter().take(1).all(String::is_empty) {
        return Err("`argv` names no program".to_owned());
    }
    if unless.is_empty() && creates.is_none() {
        return Err("one of `unless` and `creates` must say how its effect is seen".to_owned());
    }
    if creates.is_some_and(|path| !path.starts_with('/')) {
        return Err("`creates` must be an absolute path".to_owned());
    }
    Ok(())
}

/// A step of this kind. Where both conditions are given, both must hold.
struct RunCommand {
    argv: Vec<String>,
    unless: Vec<String>,
    creates: Option<String>,
}

impl RunCommand {
    fn new(with: &Params) -> Self {
        Self {
            argv: with.strings("argv"),
            unless: with.strings("unless"),
            creates: with.opt_str("creates").map(str::to_owned),
        }
    }

    /// The attempt's own timeout (the driver's) ends it; this only bounds a lost host.
    fn command(&self) -> Command {
        Command::mutates(self.argv.clone()).deadline(Duration::from_secs(60 * 60))
    }

    fn program(&self) -> String {
        certwright_engine::text::escape(&self.argv[0])
    }
}

/// A shell's statuses for a program that is not there or not a program: no retry mends it.
fn never_started(output: &Output) -> bool {
    matches!(output.status, 126 | 127)
}

#[async_trait]
impl Step for RunCommand {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        if let Some(path) = &self.creates
            && cx.host.stat(path).await?.is_none()
        {
            return Ok(Probe::drifted(format!("{path} is not there")));
        }
        if !self.unless.is_empty() {
            let unless = Command::reads(self.unless.clone());
            let output = cx.run(&unless).await?;
            if never_started(&output) {
                let why = cause(&output);
                let message = format!("{}: the program of `unless` cannot be run: {why}", cx.host.name());
                return Err(refused(ErrorClass::Invalid, message, &unless, &output).remedy(
                    "nothing was done, since nothing tells whether it is wanted: correct `unless`; for what comes with the \
                     step itself say `creates`",
                ));
            }
            if !output.success() {
                let (command, status) = (unless.display(), output.status);
                return Ok(Probe::drifted(format!("`{command}` exits with {status}")));
            }
        }
        Ok(Probe::satisfied(format!("the effect of {} is there", self.program())))
    }

    async fn apply(&self, cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        let command = self.command();
        let output = cx.run(&command).await?;
        if never_started(&output) {
            let message = format!("{}: {} cannot be run: {}", cx.host.name(), self.program(), cause(&output));
            return Err(refused(ErrorClass::Invalid, message, &command, &output));
        }
        if !output.success() {
            let message = format!("{}: {} exited with {}", cx.host.name(), self.program(), output.status);
            return Err(refused(ErrorClass::Refused, message, &command, &output));
        }
        Ok(Done::new(format!("{} exited with 0", self.program())))
    }

    async fn verify(&self, cx: &Context, _facts: &Facts) -> Result<Probe, StepError> {
        let probe = self.probe(cx).await?;
        match probe.verdict {
            certwright_engine::step::Verdict::Satisfied => Ok(probe),
            certwright_engine::step::Verdict::Drifted => Err(StepError::new(
                ErrorClass::Unsatisfied,
                format!("{}: {} ran, yet {}", cx.host.name(), self.program(), probe.summary),
            )
            .remedy("check that `unless` and `creates` describe what the program does")),
        }
    }

    fn commands(&self, _facts: &Facts) -> Vec<String> {
        vec![self.command().display()]
    }
}
