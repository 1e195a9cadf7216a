//! A survey of files on a node: what they are, their certificates, and whose public key lies beside them.
//!
//! One constant script answers for many paths in one call. Private keys never leave the node: PEM is cut to its
//! CERTIFICATE blocks there, a kubeconfig comes with its keys and tokens replaced, and a private key is told by its
//! public half, which openssl takes out of it there. Paths are not printed but numbered, so hostile names cannot disturb
//! the frame.

mod cut;

mod facts;

mod format;

mod render;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;
use std::time::Duration;

use certwright_engine::host::{Command, Host, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, host_error, refused};

pub use facts::{FactsError, FileFacts, FileKind, KeyFacts, KubeconfigText};
pub use format::parse;
pub(in crate::tools) use format::{Frame, Record, clock, frame, odd};
pub use render::render;
pub(in crate::tools) use render::render_frame;

use super::{OutputError, script};

/// The script. Arguments: ROOT, [`Depth::word`], then absolute node paths; it knows more words ([`super::collect`]).
///
/// Without what is written for people: a worker reads its requests byte by byte, which is what it must do with a pipe.
pub static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let lines = SOURCE.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
});

const SOURCE: &str = concat!(
    include_str!("take.sh"),
    "\ncontent='",
    include_str!("content.awk"),
    "'\n\n",
    include_str!("tell.sh")
);

/// How much is asked of every file: a key costs the node an openssl, and a digest reads the whole of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What stat knows.
    Dates,
    /// The certificates of `.crt` and `.pem` files too.
    Certificates,
    /// Kubeconfigs too, and nothing of private keys.
    Public,
    /// Keys too: all but the digests of the files.
    Keys,
    /// Everything that [`FileFacts`] holds.
    Whole,
}

impl Depth {
    const ALL: [Self; 5] = [Self::Dates, Self::Certificates, Self::Public, Self::Keys, Self::Whole];

    /// Its name on the script's command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dates => "dates",
            Self::Certificates => "certificates",
            Self::Public => "public",
            Self::Keys => "keys",
            Self::Whole => "whole",
        }
    }

    /// Reads the name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|depth| depth.word() == word)
    }
}

/// The command line of a survey on a real host.
pub fn command(depth: Depth, paths: &[String]) -> Command {
    let words: Vec<String> = std::iter::once(depth.word().to_owned()).chain(paths.iter().cloned()).collect();
    Command::reads(script(&SCRIPT, "", &words)).script("survey").deadline(Duration::from_secs(60))
}

/// Paths a call: an argument list and an answer of moderate size.
const AT_ONCE: usize = 64;

/// Surveys `paths` on a host; the answer has one entry a path, in the same order, with the facts of `depth`.
pub async fn survey(host: &dyn Host, depth: Depth, paths: &[String]) -> Result<Vec<FileFacts>, StepError> {
    let mut facts = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE) {
        let command = command(depth, some);
        let output = host.run(&command).await.map_err(|error| host_error(&error, Some(&command)))?;
        if !output.success() {
            return Err(refused(ErrorClass::Refused, "the survey of files failed", &command, &output));
        }
        facts.extend(parse(some, &output).map_err(|error| error.step_error(host.name(), &command, &output))?);
    }
    Ok(facts)
}

/// What a lab prints for facts: a successful output that [`parse`] reads back.
pub fn answer(facts: &[FileFacts]) -> Output {
    Output { stdout: certwright_engine::text::Untrusted::new(render(facts)), ..Output::default() }
}

const WHAT: &str = "the survey script";

fn shape(why: impl std::fmt::Display) -> OutputError {
    OutputError::shape(WHAT, why)
}
