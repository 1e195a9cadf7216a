//! What is done when no container comes back in all the time that the kubelet's back-off may take: first the pod's
//! sandbox is stopped, then the kubelet is restarted, where its certificate lets it start again.
//!
//! Invariant: nothing of it is done while a new container runs or has run (it ends by itself, and no new sandbox mends
//! that), and each rung is told: in the run's log and in the error.

use std::time::Duration;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, refused};

use super::look::Look;
use super::restart::Restart;
use crate::kinds::kubelet;
use crate::kinds::node::now;
use crate::pki::Component;
use crate::tools::crictl::{self, Container};
use crate::tools::systemctl;

/// How long a rung is given to help.
pub(super) const RUNG: Duration = Duration::from_secs(60);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    /// `crictl stopp` of the pod's sandbox: the kubelet makes a new one.
    Sandbox,
    /// `systemctl restart kubelet`.
    Kubelet,
}

impl Rung {
    /// What was done, as the end of `after ...`.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Sandbox => "its sandbox was stopped",
            Self::Kubelet => "the kubelet was restarted",
        }
    }
}

/// A component's name with what it took beyond the stop: `etcd (after its sandbox was stopped)`.
pub(super) fn with_rungs(component: Component, rungs: &[Rung]) -> String {
    let name = component.name();
    if rungs.is_empty() {
        return name.to_owned();
    }
    let done: Vec<&str> = rungs.iter().map(|rung| rung.done()).collect();
    format!("{name} (after {})", done.join(" and "))
}

impl Restart<'_> {
    /// Does the next thing that may help; None where there is none left, or nothing of the kind would.
    pub(super) async fn climb(
        &self,
        component: Component,
        look: Option<&Look>,
        stopped: Option<&Container>,
        climbed: usize,
    ) -> Result<Option<Rung>, StepError> {
        let Some(look) = look else { return Ok(None) };
        let ours =
            |latest: &&Container| stopped.is_none_or(|old| old.id == latest.id) && !look.has_restarted();
        let Some(latest) = look.latest.as_ref().filter(ours).filter(|_| look.container.is_none()) else {
            return Ok(None);
        };
        let (rung, command) = match climbed {
            0 => (Rung::Sandbox, self.node.crictl.stopp(&latest.sandbox)),
            1 => (Rung::Kubelet, systemctl::restart("kubelet")),
            _ => return Ok(None),
        };
        let name = component.name();
        if rung == Rung::Kubelet {
            // One that would not start again is worse than one that does not bring this back.
            kubelet::brings_back(self.node, name, now(self.cx)).await?;
        }
        self.cx.progress.tell(&format!("{name} does not come back: {}", command.display()));
        let output = self.cx.run(&command).await?;
        // The sandbox may be gone already, with whatever kept it from being made anew.
        let missed = rung == Rung::Sandbox && crictl::classify(&output) == Some(crictl::Failure::NotFound);
        if output.success() || missed {
            return Ok(Some(rung));
        }
        let message = format!("{}: {name} does not come back, and a rung failed", self.host());
        Err(refused(ErrorClass::Unavailable, message, &command, &output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_a_restart_took() {
        assert_eq!(with_rungs(Component::Etcd, &[]), "etcd");
        assert_eq!(with_rungs(Component::Etcd, &[Rung::Sandbox]), "etcd (after its sandbox was stopped)");
        assert_eq!(
            with_rungs(Component::Etcd, &[Rung::Sandbox, Rung::Kubelet]),
            "etcd (after its sandbox was stopped and the kubelet was restarted)"
        );
    }
}
