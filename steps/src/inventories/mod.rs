//! Inventories from what an operator already has: a bmctl configuration, a cluster's nodes, an Ansible inventory.
//!
//! A source is read into a [`Draft`]; a draft becomes a new inventory, or is merged into one that is there. Pure: texts
//! come in, and a mistake in one is told with the name of its file. No text is trusted: what it multiplies (ranges, aliases,
//! groups in groups) is bounded by what an inventory may hold. Deliberately absent: any judgement of names and addresses,
//! which is the plan language's; what is written is read back by it.

pub mod ansible;
pub mod bmctl;
pub mod merge;
pub mod nodes;

use certwright_engine::plan::limits::{FILE_BYTES, HOSTS};
use certwright_engine::text::line;

/// The group that the shipped plan works on.
pub const GROUP: &str = "control-plane";

/// What a source says of a cluster; what it does not say is None.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: Option<String>,
    /// The namespace of its secrets in the admin cluster.
    pub namespace: Option<String>,
    /// Its kubeconfig on the workstation.
    pub kubeconfig: Option<String>,
    /// The admin cluster's; None for a cluster that is its own, or where the source does not say.
    pub admin_kubeconfig: Option<String>,
    /// Where clients reach its API servers: an address or a name without a port.
    pub virtual_ip: Option<String>,
    /// How most hosts are reached.
    pub ssh: Ssh,
    /// The control plane's hosts, in the order of the source.
    pub hosts: Vec<Host>,
    /// What the operator should know about how it was read, a line each; escaped.
    pub notes: Vec<String>,
}

/// How a host is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The login.
    pub user: Option<String>,
    /// The private key's file.
    pub identity: Option<String>,
    /// The port.
    pub port: Option<u16>,
}

/// A host of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name; its address where the source has no name for it.
    pub name: String,
    /// Where ssh finds it.
    pub address: String,
    /// Where it differs from [`Draft::ssh`].
    pub ssh: Ssh,
}

/// Why a source gives no draft.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DraftError {
    /// One line that names the file or the command, and the place.
    pub message: String,
    /// What to do, a line each.
    pub hints: Vec<String>,
}

impl DraftError {
    /// An error without hints.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    /// A text that is longer than any inventory.
    fn of_size(shown: &str, text: &str) -> Result<(), Self> {
        if text.len() <= FILE_BYTES {
            return Ok(());
        }
        Err(Self::new(format!("`{shown}` is larger than {} KiB", FILE_BYTES >> 10)))
    }

    /// More hosts than an inventory may hold; `whose` begins the sentence.
    fn of_number(whose: &str, hosts: usize) -> Result<(), Self> {
        if hosts <= HOSTS {
            return Ok(());
        }
        Err(Self::new(format!("{whose} has {hosts} hosts, and an inventory at most {HOSTS}")))
    }

    /// The same with one more hint.
    #[must_use]
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// A text of a source in a message: on one line, harmless, and not longer than a line.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => line(text),
        Some((end, _)) => format!("{}...", line(&text[..end])),
    }
}
