//! `backup`: a verified archive of a node's certificates and keys before a run changes them.
//!
//! Satisfied when this run's archive exists and reads back, or when nothing is due, so that a run without work
//! leaves no archive behind. What is due is judged exactly as `kubeadm-renew` judges it.

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Done, Facts, Kind, Probe, Step, StepError};
use serde::{Deserialize, Serialize};

use super::archives;
use super::facts::read_facts;
use super::fields::{BEFORE, CERT_DIR, FORCE};
use super::holdings::Holdings;
use super::node::{Node, now};
use crate::tools::archive;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "backup",
        doc: "Archives a node's certificates and keys, and reads the archive back, before they are renewed.",
        fields: &[
            Field {
                name: "paths",
                ty: FieldType::Paths,
                default: None,
                doc: "The files and folders to archive.",
            },
            Field {
                name: "to",
                ty: FieldType::Path,
                default: Some("\"/var/lib/certwright/backups\""),
                doc: "The folder of archives on the node; never below a folder of static pods.",
            },
            BEFORE,
            FORCE,
            CERT_DIR,
            Field {
                name: "keep",
                ty: FieldType::Integer,
                default: Some("5"),
                doc: "Verified archives that are kept, the new one included; older ones are removed.",
            },
        ],
        on: On::Nodes,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Nothing,
        timeout_ms: 5 * 60 * 1000,
        check,
    },
    |with| Box::new(Backup::new(with)),
);

fn check(with: &Params) -> Result<(), String> {
    if with.strings("paths").is_empty() {
        return Err("`paths` names nothing to archive".to_owned());
    }
    if with.integer("keep") == 0 {
        return Err("`keep` must be at least 1: the archive just made counts".to_owned());
    }
    Ok(())
}

/// A step of this kind.
struct Backup {
    paths: Vec<String>,
    to: String,
    before: Duration,
    force: bool,
    cert_dir: String,
    keep: u64,
}

/// What a probe saw.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupFacts {
    /// Path of this run's archive.
    archive: String,
    /// The command that makes it.
    command: String,
}

impl Backup {
    fn new(with: &Params) -> Self {
        Self {
            paths: with.strings("paths"),
            to: with.str("to").to_owned(),
            before: with.duration("before"),
            force: with.bool("force"),
            cert_dir: with.str("cert-dir").to_owned(),
            keep: with.integer("keep"),
        }
    }
}

#[async_trait]
impl Step for Backup {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let archive = archives::path(&self.to, &cx.run);
        let command = archive::backup_command(&archive, &self.paths).display();
        let facts = BackupFacts { archive, command };
        if archives::find(cx.host.as_ref(), &self.to, &cx.run).await?.is_some() {
            let summary = format!("{} is there and reads back", facts.archive);
            return Ok(Probe::satisfied(summary).facts(&facts));
        }
        if !self.force {
            let node = Node::look(cx.host.as_ref()).await?;
            let due = Holdings::survey(&node, &self.cert_dir).await?.due(self.before, now(cx));
            if due.is_empty() {
                return Ok(Probe::satisfied("nothing is due, so nothing is archived").facts(&facts));
            }
        }
        Ok(Probe::drifted(format!("{} is not made yet", facts.archive)).facts(&facts))
    }

    async fn apply(&self, cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        let host = cx.host.as_ref();
        let archive = archives::ensure(host, &self.to, &cx.run, &self.paths).await?;
        let keep = usize::try_from(self.keep).unwrap_or(usize::MAX);
        let removed = archive::prune(host, &self.to, keep).await?;
        let pruned = match removed.len() {
            0 => String::new(),
            n => format!(", {n} older removed"),
        };
        Ok(Done::new(format!("made {archive}{pruned}")))
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        read_facts::<BackupFacts>(facts).map(|facts| vec![facts.command]).unwrap_or_default()
    }
}
