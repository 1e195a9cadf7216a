//! `replace-kubeconfig`: the operator's kubeconfig works again, and stays the same in meaning.
//!
//! Satisfied when the present file is valid, works, and the cluster's secret has no newer one. Otherwise the secret
//! of the admin cluster is tried first (of the cluster itself where it is its own), then the admin.conf of each
//! control-plane node. A candidate is taken only when it decodes, uses no field that runs code, is newer, leads to
//! the same server through the same CAs ([`crate::kubeconfigs`]), and works. Of a file with several users and contexts
//! only the certificate and key of the entry in use are replaced; every other byte stays. The old file is kept beside the
//! new one. What a replacement that was cut off left beside it, which holds keys, is removed; while it is there the file is
//! not as wanted.
//!
//! Deliberately absent: secrets in facts, super-admin.conf as a source (it passes RBAC by and belongs to its node), and
//! entries that log in otherwise than by a certificate: they are named and left alone.

mod present;

mod sources;

mod swap;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Done, Facts, Kind, Outlook, Probe, Step, StepError};
use serde::{Deserialize, Serialize};

use super::facts::{CertificateFacts, read_facts};
use super::node::now;
use crate::kubeconfigs::{Judged, Reference, order};
use crate::pki::Digest;
use crate::span::span;
use crate::tools::kubectl;
use present::Present;
use sources::{Candidate, Measure};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "replace-kubeconfig",
        doc: "Replaces certificate and key of the workstation's kubeconfig where they have expired, do not work, or there are newer \
              ones: by those of the cluster's secret, else of a node's admin.conf. All else in the file stays.",
        fields: &[
            Field {
                name: "fallback-group",
                ty: FieldType::Group,
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
        on: On::Workstation,
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
    /// Where there is nothing to do: what a change above would come to. Earlier versions did not journal it.
    #[serde(default)]
    outlook: Option<String>,
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
        let trouble = match present.trouble(cx, now)? {
            None => present.try_out(cx).await?,
            Some(trouble) => Some(trouble),
        };
        let reference = match (present.held(), present.leads()) {
            (Some(held), _) => Reference::Present(held),
            (None, (server, Some(authorities))) => Reference::Place { server, authorities },
            (None, (server, None)) => Reference::Place { server, authorities: sources.authorities().await? },
        };
        let measure = Measure { reference: &reference, now };
        let secret = sources.secret_candidate(measure).await?;
        let left = present.held().map_or(0, |held| held.certificate.residual(now));
        let why = match trouble {
            Some(why) => why,
            None if secret.judged.is_much_newer() => format!("{} has a newer one", secret.judged.source),
            None if left >= LASTS => {
                return Ok(Seen::Good(format!("works, expires in {}", span(left))));
            }
            None => format!("expires in {}", span(left)),
        };
        let sound = why.starts_with("expires in");
        let mut candidates = vec![secret];
        candidates.extend(sources.node_candidates(measure).await?);
        if sound && !candidates.iter().any(|candidate| candidate.judged.is_much_newer()) {
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
            outlook: None,
        };
        let left = swap::leftovers(cx, &present.path).await?;
        match seen {
            Seen::Good(why) if !left.is_empty() => {
                facts.commands = vec![swap::removal(&left).display()];
                let summary = format!(
                    "{} {why}; a replacement that was cut off left {}",
                    present.path,
                    left.join(", ")
                );
                Ok(Probe::drifted(summary).facts(&facts))
            }
            Seen::Good(why) => {
                let order =
                    self.sources(cx).order().map(|source| source.to_string()).collect::<Vec<_>>().join("; ");
                facts.outlook = Some(format!(
                    "changes what it sees: the first of these that is newer by then and works takes its place: {order}; now: {} {why}",
                    present.path
                ));
                Ok(Probe::satisfied(format!("{} {why}", present.path)).facts(&facts))
            }
            Seen::Replace { why, candidates } => {
                let Some(first) = candidates.iter().find_map(Candidate::accepted) else {
                    return Err(sources::none_accepted(cx, &present.path, &why, &candidates));
                };
                // That it can be put there is found out before anything is changed.
                first.text(cx, &present)?;
                facts.commands = self.sources(cx).commands(&present.path);
                let order = order(candidates.iter().map(|candidate| &candidate.judged));
                let kept = present.kept();
                let summary = format!("{} {why}; in this order: {order}{kept}", present.path);
                Ok(Probe::drifted(summary).facts(&facts))
            }
        }
    }

    async fn apply(&self, cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        let present = Present::read(cx).await?;
        let left = swap::tidy(cx, &present.path).await?;
        let (why, candidates) = match self.look(cx, &present).await? {
            Seen::Good(why) if !left.is_empty() => {
                return Ok(Done::new(format!("{} {why}; removed {}", present.path, left.join(", "))));
            }
            Seen::Good(why) => return Ok(Done::new(format!("{} {why}", present.path))),
            Seen::Replace { why, candidates } => (why, candidates),
        };
        let mut failed = None;
        for candidate in &candidates {
            let Some(accepted) = candidate.accepted() else { continue };
            let Judged { source, .. } = &candidate.judged;
            cx.progress.tell(&format!("trying {source}"));
            let text = accepted.text(cx, &present)?;
            match swap::try_out(cx, &text).await? {
                None => {
                    swap::replace(cx, &present, &text).await?;
                    let until = span(accepted.ends.saturating_sub(now(cx)));
                    return Ok(Done::new(format!("{} is now {source}, valid for {until}", present.path)));
                }
                Some(error) => failed = failed.or(Some((source.to_string(), error))),
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

    fn outlook(&self, facts: &Facts) -> Option<Outlook> {
        let summary = read_facts::<KubeconfigFacts>(facts).ok()?.outlook?;
        Some(Outlook { summary, commands: Vec::new() })
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        read_facts::<KubeconfigFacts>(facts).map(|facts| facts.commands).unwrap_or_default()
    }
}
