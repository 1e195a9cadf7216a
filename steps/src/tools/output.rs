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
        Self::Shape { what, why: cut(&escape(&why.to_string()).replace('\n', " "), CAUSE_MAX) }
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

/// The longest cause in a message, characters; all of it is in the evidence.
const CAUSE_MAX: usize = 300;

/// Why a program failed, in its own last words where it left any; one line, escaped.
pub(crate) fn cause(output: &Output) -> String {
    if let Some(line) = output.stderr.last_lines(1).pop().filter(|line| !line.trim().is_empty()) {
        return cut(without_shell(&line), CAUSE_MAX);
    }
    match output.status {
        status @ 129..=192 => format!("ended by signal {} without a word", status - 128),
        status => format!("status {status} and no words"),
    }
}

/// What our shell on the host says of a program that it cannot start, without its own name and line: `certwright: 85: exec:
/// kubectl: not found` of dash, `certwright: line 85: exec: ...` of bash, `certwright: exec: line 85: ...` of busybox.
fn without_shell(line: &str) -> &str {
    let Some(said) = line.strip_prefix("certwright: ").and_then(|line| Some(line.split_once("exec: ")?.1))
    else {
        return line;
    };
    match said.strip_prefix("line ").and_then(|said| said.split_once(": ")) {
        Some((number, said)) if number.bytes().all(|b| b.is_ascii_digit()) => said,
        Some(_) | None => said,
    }
}

/// A text of at most `max` characters; `...` tells that there was more.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A count and its noun: `1 node`, `3 nodes`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
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
    use crate::tools::testing::{failed, printed};

    #[test]
    fn the_cause_of_a_failure_is_the_programs_last_words_or_its_end() {
        assert_eq!(cause(&failed(1, "first\nerror: no\u{1b} route\n")), "error: no\\u{1b} route");
        assert_eq!(cause(&failed(137, "")), "ended by signal 9 without a word");
        assert_eq!(cause(&failed(74, "")), "status 74 and no words");
        assert_eq!(cause(&failed(1, &"x".repeat(1000))).chars().count(), CAUSE_MAX + 3);
    }

    #[test]
    fn what_a_hosts_shell_says_of_a_missing_program_is_told_without_the_shell() {
        for said in [
            "1: exec: kubectl: not found",
            "line 1: exec: kubectl: not found",
            "exec: line 0: kubectl: not found",
        ] {
            assert_eq!(cause(&failed(127, &format!("certwright: {said}\n"))), "kubectl: not found");
        }
        assert_eq!(cause(&failed(127, "a: exec: line 2: b\n")), "a: exec: line 2: b");
    }

    #[test]
    fn output_that_is_not_understood_names_its_host() {
        let error = OutputError::shape("`crictl ps`", "no JSON");
        let told = error.step_error("cp-2", &Command::reads(["crictl", "ps"]), &printed("?"));
        assert_eq!(told.message, "cp-2: the output of `crictl ps` is not understood: no JSON");
    }
}
