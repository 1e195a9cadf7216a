//! Everything that tells of a node's certificates, in one call: where they are, and what they are.
//!
//! The survey's constant script reads the kubelet's and the static pods' configuration where kubeadm puts it, and looks at
//! the files that are usual there; what that configuration names elsewhere is asked for in a call of its own
//! (`search`). Private keys stay on their node. [`Tree`] looks at a node's tree in a folder of this machine, led by the
//! same search. Deliberately absent: what a file is for; [`crate::certs`] knows.

mod request;

mod look;

mod search;

mod folder;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use certwright_engine::host::{Command, Host, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, host_error, refused};

pub use folder::{FolderError, Tree};
pub use look::{Look, parse, render};
pub use request::Request;

use super::script;
use super::survey::{self, Depth, FileFacts, SCRIPT};
use super::wanted::Configuration;
use crate::pki::Digest;
use search::Search;

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
    /// What these say.
    pub configuration: Configuration,
    /// What was surveyed, by path.
    pub files: BTreeMap<String, FileFacts>,
    /// Why the content of a path is not known; only of a tree in a folder.
    pub refused: BTreeMap<String, String>,
    /// What was surveyed because it was found in a folder: nothing names it.
    pub found: BTreeSet<String>,
    /// What is there and was not looked at, a sentence each.
    pub left_out: Vec<String>,
}

impl Collected {
    fn nothing(keys: Keys) -> Self {
        let (texts, files, refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let configuration = Configuration::of(&texts);
        let (found, left_out) = (BTreeSet::new(), Vec::new());
        Self { clock_ns: None, keys, texts, configuration, files, refused, found, left_out }
    }
}

/// The command line of one look on a real host.
pub fn command(keys: Keys, request: &Request) -> Command {
    let words = request.words(keys.depth());
    Command::reads(script(&SCRIPT, "", &words)).script("collect").deadline(Duration::from_secs(60))
}

/// What a node says to the first request, unread: where its files are in kubeadm's places it is all there is to say.
pub struct First {
    keys: Keys,
    request: Request,
    output: Output,
}

impl First {
    /// What it says but for its clock; None where it does not tell that.
    pub fn digest(&self) -> Option<Digest> {
        let said = self.output.stdout.bytes();
        let (place, _) = survey::clock(said)?;
        Some(Digest::of_parts(&[&said[..place.start], &said[place.end..]]))
    }

    /// The node's clock, ns since 1970.
    pub fn clock_ns(&self) -> Option<i128> {
        survey::clock(self.output.stdout.bytes()).map(|(_, ns)| ns)
    }
}

/// Asks a host for what there is where kubeadm puts it.
pub async fn first(host: &dyn Host, keys: Keys) -> Result<First, StepError> {
    let request = Request::usual();
    let output = ask(host, keys, &request).await?;
    Ok(First { keys, request, output })
}

/// Reads it, and asks for what it names elsewhere; also returns whether that was anything.
pub async fn rest(host: &dyn Host, first: First) -> Result<(Collected, bool), StepError> {
    let First { keys, request, output } = first;
    let mut search = Search::new(keys);
    search.take(request.clone(), read(host, keys, &request, &output)?);
    let mut asked = false;
    while let Some(request) = search.next() {
        asked = true;
        let output = ask(host, keys, &request).await?;
        let look = read(host, keys, &request, &output)?;
        search.take(request, look);
    }
    Ok((search.done(), asked))
}

async fn ask(host: &dyn Host, keys: Keys, request: &Request) -> Result<Output, StepError> {
    let command = command(keys, request);
    let output = host.run(&command).await.map_err(|error| host_error(&error, Some(&command)))?;
    if !output.success() {
        let what = format!("{}: its certificates cannot be collected", host.name());
        return Err(refused(ErrorClass::Refused, what, &command, &output));
    }
    Ok(output)
}

fn read(host: &dyn Host, keys: Keys, request: &Request, output: &Output) -> Result<Look, StepError> {
    parse(request, output).map_err(|error| error.step_error(host.name(), &command(keys, request), output))
}
