//! What crictl means when it fails.

use certwright_engine::host::{Command, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, refused};

use crate::tools::output::cause;

/// Why crictl failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The RPC's deadline passed, in either spelling. Not a failure of the stop: look at the same id.
    DeadlineExceeded,
    /// No such container or sandbox.
    NotFound,
    /// The runtime does not answer: no socket, connection refused.
    Unavailable,
    /// Anything else.
    Other,
}

impl Failure {
    /// The class retry policies see.
    pub fn class(self) -> ErrorClass {
        match self {
            Self::DeadlineExceeded => ErrorClass::DeadlineExceeded,
            Self::Unavailable => ErrorClass::Unavailable,
            Self::NotFound | Self::Other => ErrorClass::Refused,
        }
    }

    /// The cause in a few words.
    pub fn cause(self) -> &'static str {
        match self {
            Self::DeadlineExceeded => "context deadline exceeded",
            Self::NotFound => "not found",
            Self::Unavailable => "the container runtime does not answer",
            Self::Other => "crictl failed",
        }
    }
}

/// Why crictl failed; None when its exit status is 0 (which proves nothing for `stop`).
///
/// Old releases say `FATA[0002] ...` or `level=fatal`, newer ones `level=error`; the gRPC text is the same.
pub fn classify(output: &Output) -> Option<Failure> {
    if output.success() {
        return None;
    }
    let text = output.stderr.lossy();
    let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    Some(if any(&["DeadlineExceeded", "context deadline exceeded"]) {
        Failure::DeadlineExceeded
    } else if any(&["code = NotFound", "not found", "could not find"]) {
        Failure::NotFound
    } else if any(&["code = Unavailable", "connection refused", "no such file or directory", "connect: "]) {
        Failure::Unavailable
    } else {
        Failure::Other
    })
}

/// The step error of a crictl call that failed, with its evidence; `object` is what it was about.
///
/// # Panics
/// When the output is that of a success, a bug.
pub fn step_error(object: &str, command: &Command, output: &Output) -> StepError {
    let failure = classify(output).expect("only a failed call has an error");
    let message = match failure {
        Failure::Other => format!("{object}: {}: {}", failure.cause(), cause(output)),
        Failure::DeadlineExceeded | Failure::NotFound | Failure::Unavailable => {
            format!("{object}: {}", failure.cause())
        }
    };
    refused(failure.class(), message, command, output)
}
