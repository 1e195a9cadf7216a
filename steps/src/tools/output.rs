//! What is said of output that cannot be understood.

use certwright_engine::host::{Command, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, refused};
use certwright_engine::text::{Untrusted, escape};

/// A program's output is not what this program prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// More was printed than is kept.
    #[error("the output of {what} is too large to be read whole")]
    Cut {
        /// The program, as people know it.
        what: &'static str,
    },
    /// It has another shape.
    #[error("the output of {what} is not understood: {why}")]
    Shape {
        /// The program, as people know it.
        what: &'static str,
        /// What is wrong with it, escaped.
        why: String,
    },
}

impl OutputError {
    pub(crate) fn shape(what: &'static str, why: impl std::fmt::Display) -> Self {
        let mut why = escape(&why.to_string()).replace('\n', " ");
        if let Some((end, _)) = why.char_indices().nth(300) {
            why.truncate(end);
            why.push_str("...");
        }
        Self::Shape { what, why }
    }

    /// The step error, with the host, the command and its last lines as evidence.
    pub fn step_error(&self, host: &str, command: &Command, output: &Output) -> StepError {
        refused(ErrorClass::Invalid, format!("{host}: {self}"), command, output)
    }
}

impl From<OutputError> for StepError {
    fn from(error: OutputError) -> Self {
        Self::new(ErrorClass::Invalid, error.to_string())
    }
}

/// The bytes of a stream that was kept whole.
pub(crate) fn whole<'a>(what: &'static str, stream: &'a Untrusted) -> Result<&'a [u8], OutputError> {
    if stream.is_cut() { Err(OutputError::Cut { what }) } else { Ok(stream.bytes()) }
}

/// Parses a stream as JSON of type `T`.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    stream: &Untrusted,
) -> Result<T, OutputError> {
    serde_json::from_slice(whole(what, stream)?).map_err(|error| OutputError::shape(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::printed;

    #[test]
    fn output_that_is_not_understood_names_its_host() {
        let error = OutputError::shape("`crictl ps`", "no JSON");
        let told = error.step_error("cp-2", &Command::reads(["crictl", "ps"]), &printed("?"));
        assert_eq!(told.message, "cp-2: the output of `crictl ps` is not understood: no JSON");
    }
}
