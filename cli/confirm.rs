//! The last question before real hosts are changed: the cluster's name, typed.

use std::io::{BufRead, IsTerminal, Read};

use crate::failure::Failure;
use crate::runtime;
use crate::signals::{Stops, unless_stopped};
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
pub(crate) fn confirm(
    cluster: &str,
    yes: Option<&str>,
    what: &str,
    stops: &mut Stops,
) -> Result<(), Failure> {
    match yes {
        Some(name) => agree(cluster, name),
        None => agree(cluster, &ask(cluster, what, stops)?),
    }
}

/// Refuses another name in `--yes` before anything is looked at.
pub(crate) fn refuse_other(cluster: &str, yes: Option<&str>) -> Result<(), Failure> {
    yes.map_or(Ok(()), |name| agree(cluster, name))
}

fn agree(cluster: &str, answer: &str) -> Result<(), Failure> {
    if answer.trim() == cluster {
        return Ok(());
    }
    let answer = certwright_engine::text::escape(answer.trim());
    Err(ConfirmError::Other { cluster: cluster.to_owned(), answer }.into())
}

fn ask(cluster: &str, what: &str, stops: &mut Stops) -> Result<String, Failure> {
    const LONGEST: u64 = 1024;
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(ConfirmError::NotATerminal { cluster: cluster.to_owned() }.into());
    }
    err(&format!("\n{what}\nType the name of the cluster ({cluster}) to go on, anything else to stop: "));
    let (tell, told) = tokio::sync::oneshot::channel();
    // A read of a terminal cannot be called off: the thread ends with the process.
    drop(std::thread::spawn(move || {
        let mut answer = String::new();
        let read = stdin.lock().take(LONGEST).read_line(&mut answer);
        tell.send(if read.is_ok() { answer } else { String::new() })
    }));
    let answer = runtime::block_on_real(unless_stopped(stops, "before the name was given", told))??;
    Ok(answer.unwrap_or_default())
}
