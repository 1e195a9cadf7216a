//! One thing that was asked of a node, and what came back.

use std::time::Duration;

use certwright_engine::host::{Command, Host, HostError};
use certwright_engine::step::{StepError, host_error};
use certwright_engine::text::Untrusted;

/// How long one question may take.
const WITHIN: Duration = Duration::from_secs(15);

/// Whose words an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The log of this component.
    Log(&'static str),
    /// What this program printed.
    Program(&'static str),
    /// A description, in which no trouble is looked for.
    Plain,
}

/// One thing that was asked of a node, and what came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its name, fit for a file: `log-etcd`.
    pub name: String,
    /// The command line or URL that asked.
    pub asked: String,
    /// Whose words it holds.
    pub about: About,
    /// Exit status of the command, or of HTTP; None where nothing came back.
    pub status: Option<i32>,
    /// What came back, both streams; or the words of whoever could not ask.
    pub text: Untrusted,
}

impl Answer {
    /// An answer that was put together from what is known.
    pub(super) fn told(name: &str, asked: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            asked: asked.to_owned(),
            about: About::Plain,
            status: None,
            text: Untrusted::new(text.into_bytes()),
        }
    }
}

/// Runs a command for its output; an error ends the checkup, since the host is not there any more.
pub(super) async fn run(
    host: &dyn Host,
    name: impl Into<String>,
    about: About,
    command: Command,
    answers: &mut Vec<Answer>,
) -> Result<(), StepError> {
    let command = command.deadline(WITHIN);
    let (status, text) = match host.run(&command).await {
        Ok(output) => {
            let mut bytes = output.stdout.bytes().to_vec();
            bytes.extend_from_slice(output.stderr.bytes());
            (Some(output.status), bytes)
        }
        Err(error) if is_over(&error) => return Err(host_error(&error, Some(&command))),
        Err(error) => (None, error.to_string().into_bytes()),
    };
    answers.push(Answer {
        name: name.into(),
        asked: command.display(),
        about,
        status,
        text: Untrusted::new(text),
    });
    Ok(())
}

/// Whether a host that says this is asked nothing more.
fn is_over(error: &HostError) -> bool {
    match error {
        HostError::NotReached { .. }
        | HostError::Identity { .. }
        | HostError::Auth { .. }
        | HostError::Unknown { .. } => true,
        HostError::Deadline { .. }
        | HostError::Busy { .. }
        | HostError::Owned { .. }
        | HostError::Refused { .. } => false,
    }
}
