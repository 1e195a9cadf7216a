//! The end of patience with a component that is not ready: what is said, shown and advised.
//!
//! Invariant: the words of a container that a restart has ended are never shown: they tell of what it was to end.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Evidence, StepError};

use super::look::Look;
use super::restart::Restart;
use super::rungs::Rung;
use crate::kinds::node::run;
use crate::pki::Component;
use crate::tools::crictl::{self, Container, ContainerState};
use crate::tools::output::cut;

/// Lines of a log that are shown of a container that is not ready.
const LINES: u32 = 3;

/// Length of such a line, characters; etcd writes JSON of a screen's size.
const LINE_MAX: usize = 200;

impl Restart<'_> {
    /// The end of patience. Only a container that was made after what it should read has words that matter: those of
    /// its predecessor tell of the trouble that the restart was to end.
    pub(super) async fn gave_up(
        &self,
        component: Component,
        reason: &str,
        look: Option<&Look>,
        stopped: Option<&Container>,
        rungs: &[Rung],
    ) -> StepError {
        let (host, name) = (self.node.host.name(), component.name());
        let within = humantime::format_duration(self.within);
        let tried: Vec<&str> = rungs.iter().map(|rung| rung.done()).collect();
        let after =
            if tried.is_empty() { String::new() } else { format!(", nor after {}", tried.join(" and ")) };
        let message = format!("{host}: not ready within {within}{after}: {reason}");
        let Some(look) = look else {
            return StepError::new(ErrorClass::Unavailable, message).remedy(nothing_came(component));
        };
        let is_new =
            |latest: &&Container| stopped.is_none_or(|old| old.id != latest.id) && look.has_restarted();
        let successor = look.latest.as_ref().filter(is_new);
        let error = match (&look.container, successor) {
            (None, None) => StepError::new(
                ErrorClass::Unavailable,
                format!("{message}, and none was made since the stop"),
            )
            .remedy(nothing_came(component)),
            (None, Some(_)) => {
                StepError::new(ErrorClass::Unavailable, format!("{message}: the new one has ended")).remedy(
                    format!("see why it ended: `crictl ps -a` and `crictl logs` of {name} on that node"),
                )
            }
            (Some(_), _) => StepError::new(ErrorClass::Unavailable, message).remedy(not_ready(component)),
        };
        match successor {
            Some(container) => error.evidence(self.last_words(component, container).await),
            None => error.evidence(self.listed(component, look.latest.as_ref())),
        }
    }

    /// The last lines of a container's log; what is listed of it where they cannot be had.
    async fn last_words(&self, component: Component, container: &Container) -> Evidence {
        let command = self.node.crictl.logs(&container.id, LINES);
        let lines = match run(self.node.host, &command).await {
            Ok(output) if output.success() => {
                let errors = output.stderr.last_lines(LINES as usize);
                if errors.is_empty() { output.stdout.last_lines(LINES as usize) } else { errors }
            }
            Ok(_) | Err(_) => Vec::new(),
        };
        if lines.is_empty() {
            return self.listed(component, Some(container));
        }
        let last_lines = lines.iter().map(|line| cut(line, LINE_MAX)).collect();
        Evidence { command: command.display(), status: Some(0), last_lines }
    }

    fn listed(&self, component: Component, newest: Option<&Container>) -> Evidence {
        let name = component.name();
        let line = match newest {
            Some(newest) => {
                let state = match &newest.state {
                    ContainerState::Running => "runs",
                    ContainerState::Exited => "has ended",
                    ContainerState::Created => "was made and not started",
                    ContainerState::Unknown => "is in an unknown state",
                };
                format!("the newest container of {name}, {:.13}, {state}", newest.id)
            }
            None => format!("no container of {name}"),
        };
        let command = self.node.crictl.ps(crictl::Which::All).display();
        Evidence { command, status: Some(0), last_lines: vec![line] }
    }
}

/// What helps where no container comes back.
fn nothing_came(component: Component) -> String {
    let name = component.name();
    format!(
        "look at `crictl ps -a` and `journalctl -u kubelet` on that node; what helps when nothing comes back: \
         stop the sandbox of {name} (`crictl stopp`), then restart the kubelet if its client certificate is valid"
    )
}

/// What helps where a new container runs and is not ready.
fn not_ready(component: Component) -> String {
    let name = component.name();
    match component {
        Component::Etcd => "etcd runs and waits for its peers: other members may still hold expired certificates, or \
                            be down; renew all control-plane nodes in one run, without --limit"
            .to_owned(),
        Component::KubeApiserver => "see `crictl logs` of kube-apiserver on that node; it cannot be ready before etcd \
                                     is: where the other nodes' certificates have expired, renew all of them in one \
                                     run, without --limit"
            .to_owned(),
        Component::KubeControllerManager | Component::KubeScheduler => {
            format!("see `crictl logs` of {name} on that node; it needs an API server that answers")
        }
    }
}
