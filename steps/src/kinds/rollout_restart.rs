//! `rollout-restart`: a consumer of renewed certificates runs with them.
//!
//! Satisfied when there is no such resource (a cluster without etcd-defrag is not in error), or when it was
//! restarted after the newest of `newer-than` was written on any host of `group` and is rolled out.
//!
//! A restart is not idempotent, so one that was asked for after those files were written is only waited for.

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::Command;
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport,
};
use certwright_engine::step::{Context, Done, Facts, Kind, Probe, Step, StepError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::facts::read_facts;
use super::node::now;
use super::pods_healthy::{is_namespace, kubectl};
use super::silence::{ask, patience};
use crate::tools::kubectl::{self, DaemonSet, Failure, Resource};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "rollout-restart",
        doc: "Restarts a workload that reads renewed certificates, and waits for it.",
        fields: &[
            Field {
                name: "resource",
                ty: FieldType::String,
                default: None,
                doc: "The workload, as KIND/NAME; a DaemonSet.",
            },
            Field {
                name: "namespace",
                ty: FieldType::String,
                default: Some("\"kube-system\""),
                doc: "Its namespace.",
            },
            Field {
                name: "newer-than",
                ty: FieldType::Paths,
                default: Some(r#"["/etc/kubernetes/pki/apiserver-etcd-client.crt"]"#),
                doc: "Files on the hosts of `group` that it reads.",
            },
            Field {
                name: "group",
                ty: FieldType::Group,
                default: Some("\"control-plane\""),
                doc: "The hosts on which it runs.",
            },
            Field {
                name: "within",
                ty: FieldType::Duration,
                default: Some("\"5m\""),
                doc: "How long its rollout may take.",
            },
        ],
        on: On::Workstation,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Nothing,
        timeout_ms: 10 * 60 * 1000,
        check,
    },
    |with| Box::new(RolloutRestart::new(with)),
);

fn check(with: &Params) -> Result<(), String> {
    let resource: Resource = with.str("resource").parse().map_err(|error| format!("`resource`: {error}"))?;
    if resource.kind() != "daemonset" {
        return Err("`resource`: only a daemonset is watched so far".to_owned());
    }
    if with.strings("newer-than").is_empty() {
        return Err("`newer-than` names no file".to_owned());
    }
    is_namespace(with.str("namespace"))
}

/// A step of this kind.
struct RolloutRestart {
    resource: Resource,
    namespace: String,
    newer_than: Vec<String>,
    group: String,
    within: Duration,
}

/// What a probe saw.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RolloutFacts {
    /// What apply runs.
    commands: Vec<String>,
}

/// What a look at the resource found.
enum Seen {
    Absent,
    Restarted { rolled_out: bool, progress: String },
    NotRestarted { newest: Newest },
}

/// The newest of the files it reads.
struct Newest {
    host: String,
    path: String,
    ns: i128,
}

impl RolloutRestart {
    fn new(with: &Params) -> Self {
        Self {
            resource: with.str("resource").parse().expect("checked with the plan"),
            namespace: with.str("namespace").to_owned(),
            newer_than: with.strings("newer-than"),
            group: with.str("group").to_owned(),
            within: with.duration("within"),
        }
    }

    async fn look(&self, cx: &Context) -> Result<Seen, StepError> {
        let kubectl = kubectl(cx);
        let object = self.object(cx);
        let patience = patience(cx, cx.host.as_ref(), &kubectl).await?;
        let patience = patience.map_err(|silence| silence.error(&object))?;
        let command = kubectl.daemonset(self.resource.name(), &self.namespace).deadline(patience);
        let output = ask(cx.host.as_ref(), &command, &object).await?;
        match kubectl::classify(&output) {
            None => {}
            Some(Failure::NotFound) => return Ok(Seen::Absent),
            Some(_) => return Err(kubectl::step_error(&object, &command, &output)),
        }
        let set = kubectl::parse_daemonset(&output)
            .map_err(|error| error.step_error(cx.host.name(), &command, &output))?;
        let newest = self.newest(cx).await?;
        Ok(match restarted_at(&set) {
            // kubectl writes whole seconds.
            Some(at) if i128::from(at) >= newest.ns / 1_000_000_000 => Seen::Restarted {
                rolled_out: set.is_rolled_out(),
                progress: format!(
                    "{} of {} pods are updated, {} available",
                    set.updated, set.desired, set.available
                ),
            },
            Some(_) | None => Seen::NotRestarted { newest },
        })
    }

    async fn newest(&self, cx: &Context) -> Result<Newest, StepError> {
        let mut newest: Option<Newest> = None;
        for host in cx.hosts.group(&self.group) {
            for path in &self.newer_than {
                let Some(stat) = host.stat(path).await? else { continue };
                if newest.as_ref().is_none_or(|newest| stat.mtime_ns > newest.ns) {
                    newest =
                        Some(Newest { host: host.name().to_owned(), path: path.clone(), ns: stat.mtime_ns });
                }
            }
        }
        newest.ok_or_else(|| {
            let message = format!("no host of group {} has {}", self.group, self.newer_than.join(" or "));
            StepError::new(ErrorClass::Invalid, message).remedy("correct `newer-than` or `group` in the plan")
        })
    }

    fn object(&self, cx: &Context) -> String {
        format!("{}: {} in {}", cx.host.name(), self.resource, self.namespace)
    }

    fn facts(&self, cx: &Context, restart: bool) -> RolloutFacts {
        let kubectl = kubectl(cx);
        let restart = restart.then(|| kubectl.rollout_restart(&self.resource, &self.namespace));
        let status = kubectl.rollout_status(&self.resource, &self.namespace, self.within);
        RolloutFacts { commands: restart.iter().chain([&status]).map(Command::display).collect() }
    }

    async fn restart(&self, cx: &Context) -> Result<(), StepError> {
        let command = kubectl(cx).rollout_restart(&self.resource, &self.namespace);
        let output = cx.run(&command).await?;
        if output.success() { Ok(()) } else { Err(kubectl::step_error(&self.object(cx), &command, &output)) }
    }

    async fn wait(&self, cx: &Context) -> Result<(), StepError> {
        let command = kubectl(cx).rollout_status(&self.resource, &self.namespace, self.within);
        let output = cx.run(&command).await?;
        if output.success() {
            return Ok(());
        }
        let object = format!("{}: rollout", self.object(cx));
        Err(kubectl::step_error(&object, &command, &output)
            .remedy(format!("see why its pods do not start: kubectl -n {} get pods", self.namespace)))
    }
}

/// The most that the workstation's clock may be behind a node's, s; twice what preflight accepts by default.
const BEHIND: i128 = 120;

/// Waits until this machine's clock, which dates the restart, has reached the time the file was written.
async fn catch_up(cx: &Context, newest: &Newest) -> Result<(), StepError> {
    let behind = newest.ns / 1_000_000_000 + 1 - i128::from(now(cx));
    if behind > BEHIND {
        let Newest { host, path, .. } = newest;
        let message = format!("{path} on {host} was written {behind} s after the workstation's present");
        return Err(StepError::new(ErrorClass::Invalid, message)
            .remedy("set both clocks by NTP: a restart is told from an old one by its time"));
    }
    if let Ok(behind @ 1..) = u64::try_from(behind) {
        cx.progress.tell(&format!("waiting {behind} s: the workstation's clock is behind {}'s", newest.host));
        cx.clock.sleep(Duration::from_secs(behind)).await;
    }
    Ok(())
}

/// When a restart was last asked for, seconds since 1970.
fn restarted_at(set: &DaemonSet) -> Option<i64> {
    let at = OffsetDateTime::parse(set.restarted_at.as_deref()?, &Rfc3339).ok()?;
    Some(at.unix_timestamp())
}

#[async_trait]
impl Step for RolloutRestart {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let resource = &self.resource;
        Ok(match self.look(cx).await? {
            Seen::Absent => Probe::satisfied(format!("there is no {resource} in {}", self.namespace)),
            Seen::Restarted { rolled_out: true, progress } => {
                Probe::satisfied(format!("{resource} runs with the new files: {progress}"))
            }
            Seen::Restarted { rolled_out: false, progress } => {
                Probe::drifted(format!("{resource} is being restarted: {progress}"))
                    .facts(&self.facts(cx, false))
            }
            Seen::NotRestarted { newest } => {
                let Newest { host, path, .. } = newest;
                Probe::drifted(format!("{resource} was not restarted since {path} on {host} was written"))
                    .facts(&self.facts(cx, true))
            }
        })
    }

    async fn apply(&self, cx: &Context, _facts: &Facts) -> Result<Done, StepError> {
        match self.look(cx).await? {
            Seen::Absent | Seen::Restarted { rolled_out: true, .. } => {
                return Ok(Done::new("nothing had to be restarted"));
            }
            Seen::Restarted { rolled_out: false, .. } => {}
            Seen::NotRestarted { newest } => {
                catch_up(cx, &newest).await?;
                self.restart(cx).await?;
            }
        }
        cx.progress.tell(&format!("waiting for the rollout of {}", self.resource));
        self.wait(cx).await?;
        Ok(Done::new(format!("restarted {}", self.resource)))
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        read_facts::<RolloutFacts>(facts).map(|facts| facts.commands).unwrap_or_default()
    }
}
