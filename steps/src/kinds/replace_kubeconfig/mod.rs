//! `replace-kubeconfig`: the operator's kubeconfig works again, and stays the same in meaning.
//!
//! Satisfied when the present file is valid, works, and the cluster's secret has no newer one. Otherwise the secret
//! of the admin cluster is tried first (of the cluster itself where it is its own), then the admin.conf of each
//! control-plane node. A candidate is taken only when it decodes, uses no field that runs code, is newer, leads to
//! the same server through the same CAs, and works. The old file is kept beside the new one.
//!
//! Deliberately absent: secrets in facts, and a merge of several clusters in one file.

mod present;

mod sources;

mod swap;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, Params, UndoSupport};
use certwright_engine::step::{Context, Done, Facts, Kind, Probe, Step, StepError};
use serde::{Deserialize, Serialize};

use super::candidate::span;
use super::facts::{CertificateFacts, read_facts};
use super::node::now;
use crate::pki::Digest;
use crate::tools::kubectl;
use present::Present;
use sources::{Candidate, Reference};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "replace-kubeconfig",
        doc: "Replaces the kubeconfig on the workstation where it has expired, does not work, or there is a newer one.",
        fields: &[
            Field {
                name: "fallback-group",
                ty: FieldType::String,
                default: Some("\"control-plane\""),
                doc: "The hosts whose admin.conf is taken when the cluster's secret is of no use.",
            },
            Field {
                name: "secret",
                ty: FieldType::OptionalString,
                default: None,
                doc: "Name of the secret that holds the kubeconfig; CLUSTER-kubeconfig when not given.",
            },
        ],
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Supported,
        timeout_ms: 3 * 60 * 1000,
        check,
    },
    |with| Box::new(ReplaceKubeconfig::new(with)),
);

fn check(with: &Params) -> Result<(), String> {
    match with.opt_str("secret") {
        Some(name) if !kubectl::is_name(name) => Err("`secret` is not a name of Kubernetes".to_owned()),
        Some(_) | None => Ok(()),
    }
}

/// A present file that lasts this long, s, is left alone unless the secret has a newer one.
const LASTS: i64 = 30 * 86_400;

/// A step of this kind.
struct ReplaceKubeconfig {
    fallback_group: String,
    secret: Option<String>,
}

/// What a probe saw.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KubeconfigFacts {
    /// The certificate of the file; none when the file is missing or is no kubeconfig.
    certificates: Vec<CertificateFacts>,
    /// The file, symlinks resolved.
    path: String,
    /// Its digest; None when it was missing.
    digest: Option<Digest>,
    /// Its permission bits.
    mode: u32,
    /// What apply does, where there is something to do.
    commands: Vec<String>,
}

/// What a look found.
enum Seen {
    /// Nothing is to be replaced; why.
    Good(String),
    /// What is wrong, and the candidates in the order in which they are tried.
    Replace { why: String, candidates: Vec<Candidate> },
}

impl ReplaceKubeconfig {
    fn new(with: &Params) -> Self {
        Self {
            fallback_group: with.str("fallback-group").to_owned(),
            secret: with.opt_str("secret").map(str::to_owned),
        }
    }

    fn sources<'a>(&'a self, cx: &'a Context) -> sources::Sources<'a> {
        let secret = self.secret.clone().unwrap_or_else(|| format!("{}-kubeconfig", cx.cluster.name));
        sources::Sources { cx, secret, group: &self.fallback_group }
    }

    async fn look(&self, cx: &Context, present: &Present) -> Result<Seen, StepError> {
        let sources = self.sources(cx);
        let now = now(cx);
        let trouble = match present.trouble(now) {
            None => present.try_out(cx).await?,
            Some(trouble) => Some(trouble),
        };
        let reference = match present.examined() {
            Some(examined) => Reference::Present(examined),
            None => Reference::Authorities(sources.authorities().await?),
        };
        let secret = sources.secret_candidate(&reference, now).await?;
        let left = present.examined().map_or(0, |present| present.certificate.residual(now));
        let why = match trouble {
            Some(why) => why,
            None if secret.is_much_newer() => format!("{} has a newer one", secret.name),
            None if left >= LASTS => {
                return Ok(Seen::Good(format!("works, expires in {}", span(left))));
            }
            None => format!("expires in {}", span(left)),
        };
        let sound = why.starts_with("expires in");
        let mut candidates = vec![secret];
        candidates.extend(sources.node_candidates(&reference, now).await?);
        if sound && !candidates.iter().any(Candidate::is_much_newer) {
            return Ok(Seen::Good(format!("works, {why}, and nothing newer is to be had")));
        }
        Ok(Seen::Replace { why, candidates })
    }
}

#[async_trait]
impl Step for ReplaceKubeconfig {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let present = Present::read(cx).await?;
        let seen = self.look(cx, &present).await?;
        let mut facts = KubeconfigFacts {
            certificates: present.certificates(),
            path: present.path.clone(),
            digest: present.digest(),
            mode: present.mode,
            commands: Vec::new(),
        };
        match seen {
            Seen::Good(why) => Ok(Probe::satisfied(format!("{} {why}", present.path)).facts(&facts)),
            Seen::Replace { why, candidates } => {
                if !candidates.iter().any(Candidate::is_accepted) {
                    return Err(sources::none_accepted(cx, &present.path, &why, &candidates));
                }
                facts.commands = self.sources(cx).commands(&present.path);
                let order: Vec<String> = candidates.iter().map(Candidate::describe).collect();
                let summary = format!("{} {why}; in this order: {}", present.path, order.join("; "));
                Ok(Probe::drifted(summary).facts(&facts))
            }
        }
    }

    async fn apply(&self, cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        let present = Present::read(cx).await?;
        let (why, candidates) = match self.look(cx, &present).await? {
            Seen::Good(why) => return Ok(Done::new(format!("{} {why}", present.path))),
            Seen::Replace { why, candidates } => (why, candidates),
        };
        let mut failed = None;
        for candidate in &candidates {
            let Some(examined) = candidate.accepted() else { continue };
            cx.progress.tell(&format!("trying {}", candidate.name));
            match swap::try_out(cx, &present.path, &examined.rendered).await? {
                None => {
                    swap::replace(cx, &present, &examined.rendered).await?;
                    let until = span(examined.certificate.residual(now(cx)));
                    let name = &candidate.name;
                    return Ok(Done::new(format!("{} is now {name}, valid for {until}", present.path)));
                }
                Some(error) => failed = failed.or(Some((&candidate.name, error))),
            }
        }
        Err(match failed {
            Some((name, mut error)) => {
                error.message = format!("{}: {name} does not work: {}", cx.host.name(), error.message);
                error
            }
            None => sources::none_accepted(cx, &present.path, &why, &candidates),
        })
    }

    async fn undo(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        let before: KubeconfigFacts = read_facts(facts)?;
        swap::undo(cx, &before).await
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        read_facts::<KubeconfigFacts>(facts).map(|facts| facts.commands).unwrap_or_default()
    }
}
