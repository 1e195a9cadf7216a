//! Whether an API server that says it is ready answers a read through its etcd.

use certwright_engine::step::StepError;

use super::restart::{Proof, Restart};
use crate::kinds::node::{own_server, run};
use crate::pki::Component;
use crate::tools::crictl::Container;
use crate::tools::kubectl::{self, ADMIN_CONF, Failure, Kubectl};

impl Restart<'_> {
    /// Why an API server that was stopped and says that it is ready is not yet: some builds' readiness knows nothing of
    /// etcd, so a read through it is the proof. An answer of any kind is one; what it is judged by comes later.
    pub(super) async fn unanswered(
        &self,
        component: Component,
        stopped: Option<&Container>,
    ) -> Result<Option<String>, StepError> {
        if component != Component::KubeApiserver || stopped.is_none() || self.proof != Proof::Ready {
            return Ok(None);
        }
        let server = own_server(self.node)?;
        let command = Kubectl::new(ADMIN_CONF).server(&server).kubeadm_config();
        let output = run(self.node.host, &command).await?;
        Ok(match kubectl::classify(&output) {
            Some(failure @ (Failure::ConnectionRefused | Failure::Closed | Failure::TimedOut)) => {
                Some(format!("{} does not answer a read yet: {}", component.name(), failure.cause()))
            }
            None | Some(_) => None,
        })
    }
}
