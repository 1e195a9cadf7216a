//! Inventories from what an operator already has: a bmctl configuration, a cluster's nodes, an Ansible inventory.
//!
//! A source is read into a [`Draft`]; a draft becomes a new inventory, or is merged into one that is there. Deliberately
//! absent: any judgement of names and addresses, which is the plan language's; what is written is read back by it.

pub(crate) mod ansible;
pub(crate) mod bmctl;
pub(crate) mod merge;
pub(crate) mod nodes;

/// The group that the shipped plan works on.
pub(crate) const GROUP: &str = "control-plane";

/// What a source says of a cluster; what it does not say is None.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Its name.
    pub(crate) name: Option<String>,
    /// The namespace of its secrets in the admin cluster.
    pub(crate) namespace: Option<String>,
    /// Its kubeconfig on the workstation.
    pub(crate) kubeconfig: Option<String>,
    /// The admin cluster's; None for a cluster that is its own, or where the source does not say.
    pub(crate) admin_kubeconfig: Option<String>,
    /// Where clients reach its API servers: an address or a name without a port.
    pub(crate) virtual_ip: Option<String>,
    /// How most hosts are reached.
    pub(crate) ssh: Ssh,
    /// The control plane's hosts, in the order of the source.
    pub(crate) hosts: Vec<Host>,
    /// What the operator should know about how it was read, a line each; escaped.
    pub(crate) notes: Vec<String>,
}

/// How a host is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ssh {
    /// The login.
    pub(crate) user: Option<String>,
    /// The private key's file.
    pub(crate) identity: Option<String>,
    /// The port.
    pub(crate) port: Option<u16>,
}

/// A host of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Its name; its address where the source has no name for it.
    pub(crate) name: String,
    /// Where ssh finds it.
    pub(crate) address: String,
    /// Where it differs from [`Draft::ssh`].
    pub(crate) ssh: Ssh,
}

/// Why a source gives no draft.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct DraftError {
    /// One line that names the file or the command, and the place.
    pub(crate) message: String,
    /// What to do, a line each.
    pub(crate) hints: Vec<String>,
}

impl DraftError {
    /// An error without hints.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    /// The same with one more hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
