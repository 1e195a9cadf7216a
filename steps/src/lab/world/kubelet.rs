//! The kubelets: their own certificate, the trap it sets, and what they tell the API server.

use super::World;
use super::cluster::Quorum;
use super::load::kubelet_client;
use crate::lab::LabError;
use crate::lab::build::{EARLY, KUBELET_CURRENT, YEAR, dates, kubelet_file_name};
use crate::lab::kubeconf;
use crate::lab::mint::{self, Dates, Minted, Seen};
use crate::lab::spec::Validity;
use crate::lab::state::{Container, Pod, Posted};
use crate::pki::layout::{Authority, CERT_DIR, Component};

/// How long a kubelet stays after it last had a valid certificate, once an API server answers, ms. Measured.
const PATIENCE: u64 = 300_000;
/// How often a kubelet tells that it lives, ms.
const HEARTBEAT: u64 = 10_000;
/// How long a rotation takes once it is possible, ms.
const ROTATION: u64 = 5_000;

impl World<'_> {
    /// A kubelet with an expired client certificate exits once its API server answers; a dead one is started again
    /// and again by systemd, and lives when kubelet.conf leads to a valid certificate.
    pub(super) fn live_kubelets(&mut self, at: u64) -> Result<(), LabError> {
        let quorum = self.state.quorum(at);
        for name in self.state.names() {
            let answers = self.state.api_is_ready(&name, at, &quorum);
            let kubelet = &self.state.node(&name).kubelet;
            let last_valid =
                kubelet.client.as_ref().map_or(0, |l| u64::try_from(l.not_after).unwrap_or(0) * 1000);
            let valid = kubelet.client.as_ref().is_some_and(|l| l.is_valid(at));
            if kubelet.active && !valid && answers && last_valid + self.state.delay(PATIENCE) <= at {
                self.stop_kubelet(&name, at);
            } else if !kubelet.active {
                self.start_kubelet(&name, at)?;
            }
        }
        Ok(())
    }

    /// `systemctl restart kubelet`: a start with an expired certificate fails.
    pub(in crate::lab) fn restart_kubelet(&mut self, node: &str, at: u64) -> Result<(), LabError> {
        self.stop_kubelet(node, at);
        for pod in self.state.node_mut(node).pods.values_mut() {
            pod.stuck = false;
        }
        self.start_kubelet(node, at)
    }

    fn stop_kubelet(&mut self, node: &str, at: u64) {
        let kubelet = &mut self.state.node_mut(node).kubelet;
        kubelet.active = false;
        kubelet.since = at;
    }

    fn start_kubelet(&mut self, node: &str, at: u64) -> Result<(), LabError> {
        let client = kubelet_client(self.files, node);
        if client.as_ref().is_some_and(|l| l.is_valid(at)) {
            let kubelet = &mut self.state.node_mut(node).kubelet;
            kubelet.active = true;
            kubelet.since = at;
            kubelet.client = client;
            self.store_embedded(node, at)?;
        }
        Ok(())
    }

    /// A kubelet puts a certificate that its kubeconfig embeds where it keeps those it gets later.
    fn store_embedded(&mut self, node: &str, at: u64) -> Result<(), LabError> {
        let conf = self.files.text(node, "/etc/kubernetes/kubelet.conf").unwrap_or_default();
        let data = |field| kubeconf::data(&conf, field);
        let (Some(certificate), Some(key)) = (data("client-certificate-data"), data("client-key-data"))
        else {
            return Ok(());
        };
        if self.files.text(node, KUBELET_CURRENT).is_some() {
            return Ok(());
        }
        let not_before = Seen::read(&certificate).map_or(0, |seen| seen.dates.from);
        self.store(node, &Minted { certificate, key }, not_before + EARLY, at)
    }

    /// A kubelet renews its own client certificate late in its life, while controllers and API server work.
    pub(super) fn rotate_kubelets(&mut self, at: u64, quorum: &Quorum) -> Result<(), LabError> {
        let works = self.state.controllers_work(at, quorum);
        for name in self.state.names() {
            let possible = works && self.state.kubelet_is_heard(&name, at, quorum);
            let delay = self.state.delay(ROTATION);
            let kubelet = &self.state.node(&name).kubelet;
            let seconds = (at / 1000).cast_signed();
            // The kubelet picks a moment between 70 and 90 % of the lifetime.
            let late = kubelet
                .client
                .as_ref()
                .is_some_and(|l| seconds > l.not_before + (l.not_after - l.not_before) * 8 / 10);
            let rotates_at = kubelet.rotates_at;
            let mut set = |due| self.state.node_mut(&name).kubelet.rotates_at = due;
            match rotates_at {
                None if possible && late => set(Some(at + delay)),
                Some(due) if due <= at && possible => {
                    set(None);
                    self.rotate_kubelet(&name, at)?;
                }
                Some(_) if !possible => set(None),
                None | Some(_) => {}
            }
        }
        Ok(())
    }

    fn rotate_kubelet(&mut self, node: &str, at: u64) -> Result<(), LabError> {
        let now = (at / 1000).cast_signed();
        self.give_kubelet(node, Dates { from: now - EARLY, to: now + YEAR }, at)
    }

    /// The kubelet's client certificate turns out to have expired a day ago; it goes on until it sees that.
    pub(in crate::lab) fn expire_kubelet(&mut self, node: &str, at: u64) -> Result<(), LabError> {
        self.give_kubelet(node, dates(Validity::Expired, at), at)
    }

    /// Gives a kubelet another client certificate where it looks for it; nothing without the node's CA.
    fn give_kubelet(&mut self, node: &str, dates: Dates, at: u64) -> Result<(), LabError> {
        let read = |path: String| self.files.text(node, &path);
        let (Some(certificate), Some(key)) =
            (read(Authority::Ca.certificate(CERT_DIR)), read(Authority::Ca.key(CERT_DIR)))
        else {
            return Ok(());
        };
        let Some(old) = self.state.node(node).kubelet.client.clone() else { return Ok(()) };
        let Ok(subject) = mint::subject_of(&old.pem) else { return Ok(()) };
        let ca = Minted { certificate, key };
        let pair = mint::leaf(&ca, &subject, dates, self.state.serial()).map_err(LabError::mint)?;
        self.store(node, &pair, dates.from + EARLY, at)?;
        self.state.node_mut(node).kubelet.client = kubelet_client(self.files, node);
        Ok(())
    }

    /// Writes a certificate that the kubelet got at `got`, s since 1970, and lets the link lead to it.
    fn store(&self, node: &str, pair: &Minted, got: i64, at: u64) -> Result<(), LabError> {
        let name = kubelet_file_name("client", got);
        let path = format!("/var/lib/kubelet/pki/{name}");
        let pem = format!("{}{}", pair.certificate, pair.key);
        let link = self.files.root(node).join(&KUBELET_CURRENT[1..]);
        let new = link.with_extension("new");
        self.files
            .write(node, &path, pem.as_bytes(), 0o600, at)
            .and_then(|()| std::os::unix::fs::symlink(&name, &new))
            .and_then(|()| std::fs::rename(&new, &link))
            .map_err(|e| LabError::io("write", &link, e))
    }

    /// A kubelet that is heard tells how its pods are; what a silent one told last stays.
    pub(super) fn post(&mut self, at: u64, quorum: &Quorum) {
        for name in self.state.names() {
            if !self.state.kubelet_is_heard(&name, at, quorum) {
                continue;
            }
            let node = self.state.node(&name);
            if node.heartbeat + HEARTBEAT <= at {
                self.state.node_mut(&name).heartbeat = at;
            }
            let node = self.state.node(&name);
            let mut seen: Vec<(&String, &Pod, &Container, bool)> = Vec::new();
            for (pod, entry) in &node.pods {
                if let Some(container) = entry.containers.last() {
                    seen.push((pod, entry, container, self.is_ready(&name, pod, at, quorum)));
                }
            }
            let is_told = |&(pod, entry, container, ready): &_| {
                node.posted.get(pod).is_some_and(|told| told.tells(entry, container, ready))
            };
            if seen.len() == node.posted.len() && seen.iter().all(is_told) {
                continue;
            }
            let post = |(pod, entry, container, ready): (&String, _, _, _)| {
                (pod.clone(), Posted::of(entry, container, ready))
            };
            let posted = seen.into_iter().map(post).collect();
            self.state.node_mut(&name).posted = posted;
        }
    }

    fn is_ready(&self, node: &str, pod: &str, at: u64, quorum: &Quorum) -> bool {
        let Some(container) = self.state.node(node).running(pod) else { return false };
        match Component::from_name(pod) {
            Some(Component::Etcd) => quorum.has(node),
            Some(Component::KubeApiserver) => self.state.api_is_ready(node, at, quorum),
            // Only the scheduler has a readiness probe that sees the API.
            Some(Component::KubeScheduler) => container.ready_at <= at && container.connected,
            Some(Component::KubeControllerManager) | None => container.ready_at <= at,
        }
    }
}
