//! Controllers behind the API: the cluster's kubeconfig secret, and the rollout of etcd-defrag.

use super::World;
use super::cluster::Quorum;
use super::pods::{DEFRAG, new_defrag};
use crate::lab::LabError;
use crate::lab::build::{EARLY, YEAR};
use crate::lab::kubeconf;
use crate::lab::mint::{self, Dates, Minted};
use crate::pki::layout::{Authority, CERT_DIR};

/// Between two pods of a rollout, ms.
pub(in crate::lab) const ROLLOUT_STEP: u64 = 3_000;

impl World<'_> {
    /// A controller renews the kubeconfig in the secret some time after the API works, once half of its life is over.
    pub(super) fn refresh_secret(&mut self, at: u64, quorum: &Quorum) -> Result<(), LabError> {
        let state = &mut *self.state;
        let Some(after) = state.spec.secret_after_ms else { return Ok(()) };
        let works = state.nodes.keys().any(|n| state.api_is_ready(n, at, quorum));
        let is_old = state.objects.kubeconfig_not_after < (at / 1000).cast_signed() + YEAR / 2;
        if !works || !is_old || state.objects.kubeconfig.is_none() {
            state.objects.kubeconfig_at = None;
            return Ok(());
        }
        match state.objects.kubeconfig_at {
            None => state.objects.kubeconfig_at = Some(at + state.delay(after)),
            Some(due) if due <= at => {
                state.objects.kubeconfig_at = None;
                self.new_secret(at)?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn new_secret(&mut self, at: u64) -> Result<(), LabError> {
        let Some(first) = self.state.spec.nodes.first().map(|n| n.name.clone()) else { return Ok(()) };
        let read = |path: String| self.files.text(&first, &path);
        let (Some(certificate), Some(key)) =
            (read(Authority::Ca.certificate(CERT_DIR)), read(Authority::Ca.key(CERT_DIR)))
        else {
            return Ok(());
        };
        let Some(old) = self.state.objects.kubeconfig.clone() else { return Ok(()) };
        let pem = kubeconf::data(&old, "client-certificate-data").unwrap_or_default();
        let Ok(subject) = mint::subject_of(&pem) else { return Ok(()) };
        let now = (at / 1000).cast_signed();
        let dates = Dates { from: now - EARLY, to: now + YEAR };
        let ca = Minted { certificate, key };
        let pair = mint::leaf(&ca, &subject, dates, self.state.serial()).map_err(LabError::mint)?;
        self.state.objects.kubeconfig = Some(kubeconf::with_pair(&old, &pair));
        self.state.objects.kubeconfig_not_after = dates.to;
        Ok(())
    }

    /// A rollout replaces one pod after the other, while a controller-manager and the node's kubelet can work.
    pub(super) fn roll_out(&mut self, at: u64, quorum: &Quorum) {
        let Some(set) = &self.state.objects.defrag else { return };
        let (generation, step_at) = (set.generation, set.step_at);
        let works = self.state.controllers_work(at, quorum);
        let old = self.state.nodes.iter().find(|(name, node)| {
            node.pods.get(DEFRAG).is_none_or(|p| p.generation < generation)
                && self.state.kubelet_is_heard(name, at, quorum)
        });
        let next = match (old.map(|(name, _)| name.clone()), step_at) {
            (Some(_), None) if works => Some(at + self.state.delay(ROLLOUT_STEP)),
            (Some(name), Some(due)) if works && due <= at => {
                new_defrag(self.state, self.files, &name, at);
                Some(at + self.state.delay(ROLLOUT_STEP))
            }
            (Some(_), Some(due)) if works => Some(due),
            (Some(_) | None, _) => None,
        };
        if let Some(set) = &mut self.state.objects.defrag {
            set.step_at = next;
        }
    }
}
