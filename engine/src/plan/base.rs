//! Where the relative paths of an inventory start.
//!
//! A run remembers files of the workstation for as long as it can be resumed or undone, from whatever folder that is
//! asked for: so they are made absolute once, when the plan is resolved.

use super::inventory::Inventory;
use super::{Cluster, SshSettings};

/// A folder, and the home that `~/` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The folder that relative paths start in, absolute.
    pub folder: String,
    /// The operator's home; None when it is not known, and `~/` is an ordinary name then.
    pub home: Option<String>,
}

impl Base {
    /// Makes the paths of an inventory absolute.
    pub(super) fn fix(&self, inventory: &mut Inventory) {
        if let Some(Cluster { kubeconfig, admin_kubeconfig, .. }) = &mut inventory.cluster {
            for path in [Some(kubeconfig), admin_kubeconfig.as_mut()].into_iter().flatten() {
                *path = self.file(path);
            }
        }
        let general = std::iter::once(&mut inventory.ssh);
        for SshSettings { identity, .. } in
            general.chain(inventory.hosts.iter_mut().map(|host| &mut host.ssh))
        {
            // ssh itself knows `~`, `~user` and `%` tokens here.
            if let Some(path) = identity.as_mut().filter(|path| !path.starts_with(['~', '%'])) {
                *path = self.file(path);
            }
        }
    }

    fn file(&self, path: &str) -> String {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => format!("{}/{rest}", home.trim_end_matches('/')),
            _ if path.starts_with('/') => path.to_owned(),
            (Some(_) | None, _) => format!("{}/{path}", self.folder.trim_end_matches('/')),
        }
    }
}
