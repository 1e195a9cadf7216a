//! The last question before real hosts are changed: the name of what it is about, typed.

use std::fmt;
use std::io::{BufRead, IsTerminal, Read};

use crate::failure::Failure;
use crate::runtime;
use crate::signals::{Stops, unless_stopped};
use crate::terminal::err;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmError {
    /// Nobody can be asked.
    #[error("{about} was not confirmed: standard input is no terminal")]
    NotATerminal {
        /// What it is about.
        about: About,
    },
    /// Another name was given.
    #[error("{about} was not confirmed: the answer was `{answer}`")]
    Other {
        /// What it is about.
        about: About,
        /// What was given, escaped.
        answer: String,
    },
}

/// What a question is about: its name is the answer.
#[derive(Debug, Clone)]
pub(crate) enum About {
    /// A cluster.
    Cluster(String),
    /// A run.
    Run(String),
}

impl About {
    /// The answer that agrees.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Cluster(name) | Self::Run(name) => name,
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "cluster",
            Self::Run(_) => "run",
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.noun(), self.name())
    }
}

/// Wants the cluster's name: from `--yes=NAME`, else typed.
pub(crate) fn confirm(
    cluster: &str,
    yes: Option<&str>,
    what: &str,
    stops: &mut Stops,
) -> Result<(), Failure> {
    confirm_name(&About::Cluster(cluster.to_owned()), yes, what, stops)
}

/// Wants the name of what the question is about: from `--yes=NAME`, else typed.
pub(crate) fn confirm_name(
    about: &About,
    yes: Option<&str>,
    what: &str,
    stops: &mut Stops,
) -> Result<(), Failure> {
    match yes {
        Some(name) => agree(about, name),
        None => agree(about, &ask(about, what, stops)?),
    }
}

/// Refuses another name in `--yes` before anything is looked at.
pub(crate) fn refuse_other(cluster: &str, yes: Option<&str>) -> Result<(), Failure> {
    yes.map_or(Ok(()), |name| agree(&About::Cluster(cluster.to_owned()), name))
}

fn agree(about: &About, answer: &str) -> Result<(), Failure> {
    if answer.trim() == about.name() {
        return Ok(());
    }
    let answer = certwright_engine::text::escape(answer.trim());
    Err(ConfirmError::Other { about: about.clone(), answer }.into())
}

fn ask(about: &About, what: &str, stops: &mut Stops) -> Result<String, Failure> {
    const LONGEST: u64 = 1024;
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(ConfirmError::NotATerminal { about: about.clone() }.into());
    }
    let (noun, name) = (about.noun(), about.name());
    err(&format!("\n{what}\nType the name of the {noun} ({name}) to go on, anything else to stop: "));
    let (tell, told) = tokio::sync::oneshot::channel();
    // A read of a terminal cannot be called off: the thread ends with the process.
    let thread = std::thread::Builder::new().spawn(move || {
        let mut answer = String::new();
        let read = stdin.lock().take(LONGEST).read_line(&mut answer);
        tell.send(if read.is_ok() { answer } else { String::new() })
    });
    drop(thread.map_err(|error| Failure::system("read the name", &error))?);
    let answer = runtime::block_on_real(unless_stopped(stops, "before the name was given", told))??;
    Ok(answer.unwrap_or_default())
}
