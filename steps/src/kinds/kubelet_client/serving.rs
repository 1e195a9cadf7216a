//! The certificate that a kubelet serves with, where it asks the cluster for one (`serverTLSBootstrap`).
//!
//! Nobody approves such a request by himself. Invariant: one is approved only when this node's own kubelet asked for
//! nothing but a serving certificate of this node's own names and addresses (see [`right()`]); any other that concerns
//! this node is named and left as it is. A request cannot be changed once it is made, so what was looked at is what is
//! approved. Deliberately absent: other nodes' requests, and denials.

mod right;

use certwright_engine::host::{Command, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};
use certwright_engine::text::line;

use super::KubeletClient;
use super::cure::{PAUSE, act, millis};
use super::needs::Need;
use crate::kinds::facts::Warning;
use crate::kinds::kubelet::{Client, RUN, end_of_trust, first};
use crate::kinds::node::{Node, now, own_server};
use crate::tools::OutputError;
use crate::tools::kubectl::{self, Asker, KUBELET_SERVING, Kubectl, SigningRequest, SigningState, is_name};
use crate::tools::survey::{self, Depth, FileFacts, KeyFacts};
use right::right;

/// Where the kubelet keeps the certificate it serves with.
const SERVER: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/// Who may ask and approve on the node.
const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// The subject of every kubelet begins like this; the node's name follows.
const SUBJECT: &str = "system:node:";

/// What was found of a kubelet's serving certificate and its requests for one.
#[derive(Default)]
pub(super) struct Serving {
    /// The newest request that may be approved.
    right: Option<SigningRequest>,
    /// Requests that concern this node and are left as they are.
    pub(super) odd: Vec<Warning>,
    /// Why the certificate that is there is none to rely on; None where it is.
    trouble: Option<String>,
}

impl Serving {
    /// What is to be done about it.
    pub(super) fn need(&self) -> Option<Need> {
        match (&self.right, &self.trouble) {
            (Some(right), _) => Some(Need::Approve {
                request: right.name.clone(),
                why: format!(
                    "{} waits for approval: this node's kubelet asks for the certificate that it serves with, for its \
                     own names and addresses",
                    right.name
                ),
            }),
            (None, Some(trouble)) => Some(Need::Serving(trouble.clone())),
            (None, None) => None,
        }
    }
}

impl KubeletClient {
    /// Looks at the certificate and at the requests; nothing where the kubelet asks for none.
    pub(super) async fn serving(
        &self,
        cx: &Context,
        node: &Node<'_>,
        client: &Client,
    ) -> Result<Serving, StepError> {
        if !self.approve_serving || !node.asks_for_serving {
            return Ok(Serving::default());
        }
        let host = cx.host.name();
        let subject = client.subjects().find(|subject| subject.starts_with(SUBJECT));
        let Some(user) = subject.filter(|user| is_name(&user[SUBJECT.len()..])) else {
            return Ok(Serving::default());
        };
        let name = &user[SUBJECT.len()..];
        let file = survey::survey(cx.host.as_ref(), Depth::Keys, &[SERVER.to_owned()]).await?;
        let trouble = trouble(file.first().expect("a survey has an answer for every path"), now(cx));
        let mut serving = Serving { trouble, ..Serving::default() };
        let kubectl = Kubectl::new(ADMIN_CONF).server(own_server(node)?);

        let (command, output) = requests(cx, &kubectl, Asker::Node(name)).await?;
        let own = kubectl::parse_signing_requests(&output)
            .map_err(|error| error.step_error(host, &command, &output))?;
        let (command, output) = requests(cx, &kubectl, Asker::AnyoneElse { than: name }).await?;
        let others = match kubectl::parse_signing_requests(&output) {
            Ok(others) => others.into_iter().filter(|request| right::names(request, &user)).collect(),
            Err(OutputError::Cut { .. }) => {
                serving.odd.push(too_many(name));
                Vec::new()
            }
            Err(error @ OutputError::Shape { .. }) => return Err(error.step_error(host, &command, &output)),
        };
        let mut concerned: Vec<SigningRequest> = own.into_iter().chain(others).collect();
        concerned
            .retain(|request| request.state == SigningState::Pending && request.signer == KUBELET_SERVING);
        if concerned.is_empty() {
            return Ok(serving);
        }
        concerned.sort_by(|a, b| (&b.created, &b.name).cmp(&(&a.created, &a.name)));

        let command = kubectl.nodes();
        let output = cx.run(&command).await?;
        if !output.success() {
            return Err(kubectl::step_error(&format!("{host}: nodes"), &command, &output));
        }
        let nodes =
            kubectl::parse_nodes(&output).map_err(|error| error.step_error(host, &command, &output))?;
        for request in concerned {
            match right(&request, name, &nodes) {
                Err(why) => serving.odd.push(left(&request, &why)),
                // An older one is what the same kubelet has given up; its key is gone.
                Ok(()) if serving.right.is_some() => {}
                Ok(()) => serving.right = Some(request),
            }
        }
        Ok(serving)
    }

    /// Approves what may be approved and waits for the certificate; what was done, for people.
    pub(super) async fn serve(
        &self,
        cx: &Context,
        node: &Node<'_>,
        client: &Client,
    ) -> Result<String, StepError> {
        let deadline = cx.clock.mono().plus(millis(self.rotated_within));
        let kubectl = Kubectl::new(ADMIN_CONF).server(own_server(node)?);
        let mut approved = Vec::new();
        loop {
            let serving = self.serving(cx, node, client).await?;
            if let Some(right) = &serving.right {
                cx.progress.tell(&format!("approving {}", right.name));
                act(cx, kubectl.approve(&right.name)).await?;
                approved.push(right.name.clone());
                continue;
            }
            let Some(trouble) = serving.trouble else {
                return Ok(match approved.as_slice() {
                    [] => "saw that the kubelet has a serving certificate".to_owned(),
                    names => format!("approved {}", names.join(", ")),
                });
            };
            if cx.clock.mono() >= deadline {
                let within = humantime::format_duration(self.rotated_within);
                let odd: Vec<String> = serving.odd.iter().map(|odd| format!("; {}", odd.what)).collect();
                let message =
                    format!("{}: {trouble}, and none came within {within}{}", cx.host.name(), odd.concat());
                return Err(StepError::new(ErrorClass::Unavailable, message).remedy(
                    "see `journalctl -u kubelet` on that node and `kubectl get csr`: a kubelet with serverTLSBootstrap \
                     asks for one",
                ));
            }
            cx.progress.tell("waiting: the kubelet gets a serving certificate");
            cx.clock.sleep(PAUSE).await;
        }
    }

    /// The command that approves a request.
    pub(super) fn approval(node: &Node<'_>, request: &str) -> Result<String, StepError> {
        Ok(Kubectl::new(ADMIN_CONF).server(own_server(node)?).approve(request).display())
    }
}

/// The requests for serving certificates that somebody made.
async fn requests(cx: &Context, kubectl: &Kubectl, asker: Asker<'_>) -> Result<(Command, Output), StepError> {
    let command = kubectl.serving_requests(asker);
    let output = cx.run(&command).await?;
    if !output.success() {
        let object = format!("{}: certificate requests", cx.host.name());
        return Err(kubectl::step_error(&object, &command, &output));
    }
    Ok((command, output))
}

/// What is said where others asked for more than can be read.
fn too_many(name: &str) -> Warning {
    Warning::new(
        format!(
            "others than {name}'s kubelet have made more requests for serving certificates than can be read: whether one \
             of them is in that node's name is not known"
        ),
        "look at them with `kubectl get csr`, then approve or deny those that are pending",
    )
}

/// What is said of a request that is left as it is.
fn left(request: &SigningRequest, why: &str) -> Warning {
    let name = line(&request.name);
    let look =
        if is_name(&request.name) { format!("`kubectl describe csr {name}`") } else { "it".to_owned() };
    Warning::new(
        format!("{name} asks for a serving certificate and is left pending: {why}"),
        format!("look at {look}, then approve or deny it by hand"),
    )
}

/// Why the certificate in a file is none to rely on.
fn trouble(file: &FileFacts, now: i64) -> Option<String> {
    match first(file) {
        Err(why) => Some(format!("the kubelet has no serving certificate of the cluster: {SERVER} {why}")),
        Ok(certificate) if file.key != KeyFacts::Public(certificate.public_key) => {
            Some(format!("the key in {SERVER} is not that of its certificate"))
        }
        Ok(certificate) => end_of_trust(&certificate, RUN, now)
            .map(|(when, at)| format!("the kubelet's serving certificate {when} ({at})")),
    }
}
