//! A survey of files on a node: what they are, their certificates, and whose public key lies beside them.
//!
//! One constant script answers for many paths in one call. Private keys never leave the node: PEM is cut to its
//! CERTIFICATE blocks there, a kubeconfig comes with its keys and tokens replaced, and a private key is told by the
//! digest of its public half. Paths are not printed but numbered, so hostile names cannot disturb the frame.

mod facts;

mod format;

use std::time::Duration;

use certwright_engine::host::{Command, Host, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, host_error, refused};

pub use facts::{FileFacts, FileKind, KeyFacts, KubeconfigText};
pub use format::{parse, render};

use super::{OutputError, script};

/// The script. Arguments: ROOT, then absolute node paths.
pub const SCRIPT: &str = include_str!("survey.sh");

/// The command line of a survey on a real host.
pub fn command(paths: &[String]) -> Command {
    Command::reads(script(SCRIPT, "", paths)).deadline(Duration::from_secs(60))
}

/// Surveys `paths` on a host; the answer has one entry a path, in the same order.
pub async fn survey(host: &dyn Host, paths: &[String]) -> Result<Vec<FileFacts>, StepError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let command = command(paths);
    let output = host.run(&command).await.map_err(|error| host_error(&error, Some(&command)))?;
    if !output.success() {
        return Err(refused(ErrorClass::Refused, "the survey of files failed", &command, &output));
    }
    parse(paths, &output).map_err(|error| error.step_error(&command, &output))
}

/// What a lab prints for facts: a successful output that [`parse`] reads back.
pub fn answer(facts: &[FileFacts]) -> Output {
    Output {
        stdout: certwright_engine::text::Untrusted::new(render(facts).into_bytes()),
        ..Output::default()
    }
}

const WHAT: &str = "the survey script";

fn shape(why: impl std::fmt::Display) -> OutputError {
    OutputError::shape(WHAT, why)
}
