//! `kubelet-client`: the kubelet is active, and its client certificate will not end before the run does.
//!
//! The cure of the kubelet trap: a new kubelet.conf from the node's own CA, the certificates of before out of the way
//! (the run's backup holds them), the kubelet restarted and seen active. No API server is asked. With `rotated-within`
//! it also waits for the certificate that the kubelet then gets itself, and lets kubelet.conf point at it again: one
//! that embeds its certificate would be the trap of the next year.
//!
//! With `approve-serving` a kubelet that asks the cluster for the certificate it serves with gets it: its own request for
//! this node's names is approved, any other is named and left pending (see [`serving`]).
//!
//! Every change is one that can be repeated. The folder in which kubeadm writes the new file is removed last: while it
//! is there the kubelet is yet to be restarted, so that a cure that was cut off is seen. An undo leaves the kubelet its
//! valid certificate: with the old one no start succeeds.

mod needs;

mod cure;

mod serving;

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::StatKind;
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport,
};
use certwright_engine::step::{Context, Done, Facts, Kind, Probe, Step, StepError};
use serde::{Deserialize, Serialize};

use super::facts::{CertificateFacts, Warning, read_facts};
use super::fields::{CERT_DIR, unchecked};
use super::kubelet::{Client, NEW, NOT_ACTIVE, RUN, first};
use super::node::{Node, kubelet_word, now};
use crate::span::span;
use crate::tools::survey::KeyFacts;
use crate::tools::systemctl::UnitState;
use needs::Need;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "kubelet-client",
        doc: "Gives a kubelet whose client certificate has expired a new one, before anything is stopped under it.",
        fields: &[
            CERT_DIR,
            Field {
                name: "backups",
                ty: FieldType::Path,
                default: Some("\"/var/lib/certwright/backups\""),
                doc: "The folder of archives on the node: the `to` of the plan's backup step.",
            },
            Field {
                name: "rotated-within",
                ty: FieldType::Duration,
                default: Some("\"0s\""),
                doc: "How long a kubelet whose kubelet.conf embeds a certificate may take to get its own, at which \
                      kubelet.conf then points; 0s leaves that to a later step.",
            },
            Field {
                name: "approve-serving",
                ty: FieldType::Bool,
                default: Some("false"),
                doc: "Where the kubelet asks the cluster for the certificate that it serves with (serverTLSBootstrap): \
                      approves its request when it is this node's own, for this node's names and addresses alone, and \
                      waits for the certificate as long as `rotated-within` says. Wants an API server that answers.",
            },
        ],
        on: On::Nodes,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Nothing,
        timeout_ms: 5 * 60 * 1000,
        check: unchecked,
    },
    |with| Box::new(KubeletClient::new(with)),
);

/// A step of this kind.
struct KubeletClient {
    cert_dir: String,
    backups: String,
    rotated_within: Duration,
    approve_serving: bool,
}

/// What a look told.
struct Looked {
    client: Client,
    needs: Vec<Need>,
    /// Requests for serving certificates that are left as they are.
    odd: Vec<Warning>,
}

/// What a probe saw.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFacts {
    /// The kubelet's client certificate; empty where it cannot be read.
    certificates: Vec<CertificateFacts>,
    /// What apply runs.
    commands: Vec<String>,
    /// Requests for serving certificates that are left as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl KubeletClient {
    fn new(with: &Params) -> Self {
        Self {
            cert_dir: with.str("cert-dir").trim_end_matches('/').to_owned(),
            backups: with.str("backups").to_owned(),
            rotated_within: with.duration("rotated-within"),
            approve_serving: with.bool("approve-serving"),
        }
    }

    /// Whether a cure was cut off; what is written and removed below a link would be somewhere else.
    async fn unfinished(&self, node: &Node<'_>) -> Result<bool, StepError> {
        match node.host.stat(NEW).await?.map(|stat| stat.kind) {
            None => Ok(false),
            Some(StatKind::Folder) => Ok(true),
            Some(StatKind::File | StatKind::Symlink | StatKind::Other) => {
                let message = format!("{}: {NEW} is there and is no folder", node.host.name());
                Err(StepError::new(ErrorClass::Invalid, message).remedy(format!(
                    "find out who put it there, then remove it: kubeadm is to write a new kubelet.conf into {NEW}"
                )))
            }
        }
    }

    async fn look(&self, cx: &Context, node: &Node<'_>) -> Result<Looked, StepError> {
        let client = Client::look(node.host).await?;
        let unfinished = self.unfinished(node).await?;
        let mut needs = self.needs(node, &client, unfinished, now(cx));
        // A kubelet asks for what it serves with once it has a client certificate of its own.
        if !needs.is_empty() {
            return Ok(Looked { client, needs, odd: Vec::new() });
        }
        let serving = self.serving(cx, node, &client).await?;
        needs.extend(serving.need());
        Ok(Looked { client, needs, odd: serving.odd })
    }
}

#[async_trait]
impl Step for KubeletClient {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let Looked { client, needs, odd } = self.look(cx, &node).await?;
        let certificate = client.file.as_ref().ok().and_then(|file| Some((file, first(file).ok()?)));
        let facts = ClientFacts {
            certificates: certificate
                .iter()
                .map(|(file, certificate)| CertificateFacts {
                    key_matches: file.key == KeyFacts::Public(certificate.public_key),
                    ..CertificateFacts::new("kubelet-client", &file.path, certificate)
                })
                .collect(),
            commands: self.commands_of(cx, &node, &client, &needs)?,
            warnings: odd,
        };
        if !needs.is_empty() {
            let reasons: Vec<&str> = needs.iter().map(Need::reason).collect();
            return Ok(Probe::drifted(reasons.join("; ")).facts(&facts));
        }
        let state = node.kubelet().await?;
        if state != UnitState::Active {
            let message = format!("{}: the kubelet is {}", cx.host.name(), kubelet_word(&state));
            return Err(StepError::new(ErrorClass::Refused, message).remedy(NOT_ACTIVE));
        }
        let left = certificate.map_or_else(String::new, |(_, it)| span(it.residual(now(cx))));
        Ok(Probe::satisfied(format!("the kubelet is active, its client certificate valid for {left}"))
            .facts(&facts))
    }

    async fn apply(&self, cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let mut done = Vec::new();
        let Looked { client, needs, .. } = self.look(cx, &node).await?;
        if needs.iter().any(|need| matches!(need, Need::Issue(_))) {
            self.issue(cx, &node, &client).await?;
            done.push("made a new kubelet.conf".to_owned());
        }
        // What the new file embeds counts only where nothing older is kept.
        let Looked { client, needs, .. } = if done.is_empty() {
            Looked { client, needs, odd: Vec::new() }
        } else {
            self.look(cx, &node).await?
        };
        let is_stale =
            client.embeds() && client.has_rotated() && client.rotated_trouble(RUN, now(cx)).is_some();
        if is_stale && node.rotates {
            self.clear(cx).await?;
        }
        if needs.iter().any(|need| matches!(need, Need::Restart(_) | Need::Clear(_))) {
            self.restart(cx, &node).await?;
            done.push("restarted the kubelet".to_owned());
        }
        let Looked { mut client, needs, .. } = self.look(cx, &node).await?;
        if needs.iter().any(|need| matches!(need, Need::Rotation(_))) {
            client = self.rotation(cx, &node).await?;
        }
        if needs.iter().any(|need| matches!(need, Need::Rotation(_) | Need::Point(_))) {
            self.point(cx, &node, &client).await?;
            done.push("let kubelet.conf point at the kubelet's own certificate".to_owned());
        }
        if self.approve_serving && node.asks_for_serving {
            let Looked { client, needs, .. } = self.look(cx, &node).await?;
            if needs.iter().any(|need| matches!(need, Need::Approve { .. } | Need::Serving(_))) {
                done.push(self.serve(cx, &node, &client).await?);
            }
        }
        Ok(Done::new(if done.is_empty() { "nothing had to be done".to_owned() } else { done.join(", ") }))
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        read_facts::<ClientFacts>(facts).map(|facts| facts.commands).unwrap_or_default()
    }
}
