//! Which leases the node's own controller-manager and scheduler hold, those of all of them; and giving one back.
//!
//! A scheduler that is given time gives its lease back; a controller-manager never does, since its controllers may still be at
//! work: its successor waits 15 s for a lease that nobody renews. Once its container has ended nothing of it is at work any
//! more, and the lease is given back in its name: the server does so only while it is still that very process's, whose name
//! is new with each start. An aid, not a condition, as for the leadership of etcd: where it cannot be told who holds a lease,
//! nobody here counts as its holder, and in the worst case nothing is scheduled for as long as the node's API server takes to
//! come back, and no controller works for 15 s.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;
use futures_util::future::join;

use super::restart::Restart;
use crate::kinds::node::{own_server, run};
use crate::pki::Component;
use crate::tools::crictl::{self, Container};
use crate::tools::kubectl::{self, ADMIN_CONF, Holder, Kubectl};

/// The leases that a node's own processes hold.
#[derive(Debug, Default)]
pub(super) struct Leases {
    scheduler: Option<Holder>,
    manager: Option<Holder>,
}

impl Leases {
    /// That of a component.
    pub(super) fn of(&self, component: Component) -> Option<&Holder> {
        match component {
            Component::KubeScheduler => self.scheduler.as_ref(),
            Component::KubeControllerManager => self.manager.as_ref(),
            Component::Etcd | Component::KubeApiserver => None,
        }
    }
}

impl Restart<'_> {
    /// Those that are held now.
    pub(super) async fn leases(&self) -> Result<Leases, StepError> {
        let (scheduler, manager) =
            join(self.lease(Component::KubeScheduler), self.lease(Component::KubeControllerManager)).await;
        Ok(Leases { scheduler: scheduler?, manager: manager? })
    }

    async fn lease(&self, component: Component) -> Result<Option<Holder>, StepError> {
        match self.holder(component).await {
            // A lost line tells nothing of the node, and ends the attempt.
            Err(error) if error.class == ErrorClass::Unknown => Err(error),
            Err(_) => Ok(None),
            Ok(holder) => Ok(holder),
        }
    }

    async fn holder(&self, component: Component) -> Result<Option<Holder>, StepError> {
        let name = component.name();
        let containers = self.node.containers().await?;
        let Some(container) = crictl::running(&containers, name) else { return Ok(None) };
        let command = self.kubectl()?.lease(name);
        let output = run(self.node.host, &command).await?;
        if !output.success() {
            return Ok(None);
        }
        let holder = kubectl::parse_lease_holder(&output)?;
        // A static pod is called by its own name and its node's.
        let own = container.pod.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        Ok(holder.filter(|holder| own.is_some_and(|own| holder.node().eq_ignore_ascii_case(own))))
    }

    /// Gives back the lease that a controller-manager held, once its container has ended.
    pub(super) async fn give_back(&self, holder: &Holder, container: &Container) -> Result<(), StepError> {
        let name = Component::KubeControllerManager.name();
        let told = match self.try_to_give_back(holder, container).await {
            Ok(false) => return Ok(()),
            Ok(true) => {
                format!("{name}: its lease is given back, another one need not wait for it to run out")
            }
            // A lost line tells nothing of the node, and ends the attempt.
            Err(error) if error.class == ErrorClass::Unknown => return Err(error),
            Err(error) => {
                let why = error.message;
                format!("{name}: its lease is not given back, another one waits 15 s for it: {why}")
            }
        };
        self.cx.progress.tell(&told);
        Ok(())
    }

    /// False where its container still runs, or somebody else has the lease by now.
    async fn try_to_give_back(&self, holder: &Holder, container: &Container) -> Result<bool, StepError> {
        if !self.has_ended(container).await? {
            return Ok(false);
        }
        let name = Component::KubeControllerManager.name();
        let command = self.kubectl()?.give_back(name, holder);
        let output = self.cx.run(&command).await?;
        match kubectl::classify(&output) {
            None => Ok(true),
            Some(kubectl::Failure::Invalid) => Ok(false),
            Some(_) => Err(kubectl::step_error(&format!("{}: {name}", self.host()), &command, &output)),
        }
    }

    fn kubectl(&self) -> Result<Kubectl, StepError> {
        Ok(Kubectl::new(ADMIN_CONF).server(own_server(self.node)?))
    }
}
