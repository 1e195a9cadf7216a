//! The last question before real hosts are changed: the cluster's name, typed.

use std::io::{BufRead, IsTerminal, Read};

use crate::terminal::err;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmError {
    /// Nobody can be asked.
    #[error("cluster `{cluster}` was not confirmed: standard input is no terminal")]
    NotATerminal {
        /// The cluster.
        cluster: String,
    },
    /// Another name was given.
    #[error("cluster `{cluster}` was not confirmed: the answer was `{answer}`")]
    Other {
        /// The cluster.
        cluster: String,
        /// What was given, escaped.
        answer: String,
    },
}

/// Wants the cluster's name: from `--yes=NAME`, else typed.
pub(crate) fn confirm(cluster: &str, yes: Option<&str>, what: &str) -> Result<(), ConfirmError> {
    let answer = match yes {
        Some(name) => name.to_owned(),
        None => ask(cluster, what)?,
    };
    if answer.trim() == cluster {
        return Ok(());
    }
    let answer = certwright_engine::text::escape(answer.trim());
    Err(ConfirmError::Other { cluster: cluster.to_owned(), answer })
}

fn ask(cluster: &str, what: &str) -> Result<String, ConfirmError> {
    const LONGEST: u64 = 1024;
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(ConfirmError::NotATerminal { cluster: cluster.to_owned() });
    }
    err(&format!("\n{what}\nType the name of the cluster ({cluster}) to go on, anything else to stop: "));
    let mut answer = String::new();
    let read = stdin.lock().take(LONGEST).read_line(&mut answer);
    Ok(if read.is_ok() { answer } else { String::new() })
}
