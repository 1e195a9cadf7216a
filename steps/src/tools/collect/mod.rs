//! Everything that tells of a node's certificates, in one call: where they are, and what they are.
//!
//! One constant script reads the kubelet's and the static pods' configuration on the node, and surveys the files that
//! these name ([`super::survey`]): private keys stay on their node. [`folder`] reads the same of a node's tree in a
//! folder of this machine. Deliberately absent: what a file is for; [`crate::certs`] knows.

mod folder;

mod format;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use certwright_engine::host::{Command, Host};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, host_error, refused};

pub use folder::{FolderError, Tree};
pub use format::{parse, render};

use super::script;
use super::survey::{Depth, FileFacts};

/// The script. Arguments: ROOT, `keys` or `public`.
pub const SCRIPT: &str = concat!(include_str!("collect.sh"), include_str!("../survey/survey.sh"));

/// Whether private keys are looked at, where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The digest of each public half is asked for.
    Asked,
    /// Nothing is asked of them: openssl takes milliseconds for each.
    NotAsked,
    /// They were asked for, and the node has no openssl.
    NoOpenssl,
}

impl Keys {
    fn depth(self) -> Depth {
        match self {
            Self::Asked => Depth::Keys,
            Self::NotAsked | Self::NoOpenssl => Depth::Public,
        }
    }

    /// Its name in the script's output.
    fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::NotAsked => "not-asked",
            Self::NoOpenssl => "no-openssl",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Asked, Self::NotAsked, Self::NoOpenssl].into_iter().find(|keys| keys.word() == word)
    }
}

/// What was collected of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// The node's clock, ns since 1970; None for a tree in a folder.
    pub clock_ns: Option<i128>,
    /// Whether keys were looked at.
    pub keys: Keys,
    /// The files of configuration by path.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// What was surveyed, by path.
    pub files: BTreeMap<String, FileFacts>,
    /// Why the content of a path is not known; only of a tree in a folder.
    pub refused: BTreeMap<String, String>,
}

/// The command line on a real host.
pub fn command(keys: Keys) -> Command {
    let words = [keys.depth().word().to_owned()];
    Command::reads(script(SCRIPT, "", &words)).script("collect").deadline(Duration::from_secs(60))
}

/// Collects on a host, in one call.
pub async fn collect(host: &dyn Host, keys: Keys) -> Result<Collected, StepError> {
    let command = command(keys);
    let output = host.run(&command).await.map_err(|error| host_error(&error, Some(&command)))?;
    if !output.success() {
        let what = format!("{}: its certificates cannot be collected", host.name());
        return Err(refused(ErrorClass::Refused, what, &command, &output));
    }
    parse(&output).map_err(|error| error.step_error(host.name(), &command, &output))
}
