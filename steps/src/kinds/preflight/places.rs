//! The folders of a node that a preflight looks into, listed in one call.

use std::collections::BTreeMap;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, refused};

use crate::kinds::node::run;
use crate::pki::layout::KUBERNETES;
use crate::tools::folders::{self, Entry};

/// What kubeadm's upgrades leave.
pub(super) const UPGRADES: &str = "/etc/kubernetes/tmp";

/// Entries of folders by path; a folder that is not there is not listed.
pub(super) struct Places(BTreeMap<String, Vec<Entry>>);

impl Places {
    /// Lists the folders of kubeadm, of the kubelet, and that of the static pods.
    pub(super) async fn read(host: &dyn Host, manifests: &str, cert_dir: &str) -> Result<Self, StepError> {
        let etcd = format!("{cert_dir}/etcd");
        let folders = [KUBERNETES, UPGRADES, cert_dir, &etcd, "/var/lib/kubelet/pki", manifests];
        let folders = folders.map(str::to_owned);
        let command = folders::command(&folders);
        let output = run(host, &command).await?;
        if !output.success() {
            let message =
                format!("{}: the folders of manifests and certificates cannot be listed", host.name());
            return Err(refused(ErrorClass::Refused, message, &command, &output));
        }
        let listed = folders::parse(folders.len(), &output)
            .map_err(|error| error.step_error(host.name(), &command, &output))?;
        let there = folders.into_iter().zip(listed).filter_map(|(folder, entries)| Some((folder, entries?)));
        Ok(Self(there.collect()))
    }

    /// The entries of a folder, sorted by name; None where it is not there.
    pub(super) fn get(&self, folder: &str) -> Option<&[Entry]> {
        self.0.get(folder).map(Vec::as_slice)
    }

    /// All folders that are there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[Entry])> {
        self.0.iter().map(|(folder, entries)| (folder.as_str(), entries.as_slice()))
    }
}
