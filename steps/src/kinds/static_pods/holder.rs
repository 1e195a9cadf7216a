//! Whether a node's scheduler holds the lease of all schedulers.
//!
//! An aid, not a condition, as for the leadership of etcd: where it cannot be told, the scheduler counts as one that does
//! not, and in the worst case nothing is scheduled for as long as the node's API server takes to come back.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

use super::restart::Restart;
use crate::kinds::node::{own_server, run};
use crate::pki::Component;
use crate::tools::crictl;
use crate::tools::kubectl::{self, ADMIN_CONF, Kubectl};

impl Restart<'_> {
    /// Whether the node's own scheduler holds it now.
    pub(super) async fn holds_schedulers_lease(&self) -> Result<bool, StepError> {
        match self.holder().await {
            // A lost line tells nothing of the node, and ends the attempt.
            Err(error) if error.class == ErrorClass::Unknown => Err(error),
            Err(_) => Ok(false),
            Ok(holds) => Ok(holds),
        }
    }

    async fn holder(&self) -> Result<bool, StepError> {
        let name = Component::KubeScheduler.name();
        let containers = self.node.containers().await?;
        let Some(container) = crictl::running(&containers, name) else { return Ok(false) };
        let command = Kubectl::new(ADMIN_CONF).server(own_server(self.node)?).lease(name);
        let output = run(self.node.host, &command).await?;
        if !output.success() {
            return Ok(false);
        }
        let holder = kubectl::parse_lease_holder(&output)?;
        // A static pod is called by its own name and its node's.
        let own = container.pod.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        Ok(own.zip(holder).is_some_and(|(own, holder)| holder.eq_ignore_ascii_case(own)))
    }
}
