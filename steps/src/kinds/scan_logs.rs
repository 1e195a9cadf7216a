//! `scan-logs`: no control-plane container complains about certificates any more.
//!
//! Only lines written since every component of the group's hosts runs as it does now count: while one node after
//! the other is restarted, the others still hold old certificates and are rightly refused. A line without a time
//! of its own counts. Waiting is the retry of the step.

use std::sync::Arc;

use async_trait::async_trait;
use certwright_engine::host::{Command, Host, Output};
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport,
};
use certwright_engine::step::{Context, Evidence, Kind, Probe, Step, StepError};
use certwright_engine::text::escape;
use futures_util::future::join_all;

use super::fields::COMPONENTS;
use super::log_time;
use super::node::{Node, run};
use super::peers::peers;
use super::restart_static_pods::components;
use crate::pki::Component;
use crate::tools::crictl::{self, Container};
use crate::tools::output::plural;

/// Signatures of TLS trouble, old and new: etcd's, Go's, the API server's.
const PATTERNS: &str =
    r#"["x509:", "tls: bad certificate", "rejected connection", "certificate has expired", "Unauthorized"]"#;

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "scan-logs",
        doc: "Checks that no control-plane container has logged certificate trouble since the restarts.",
        fields: &[
            COMPONENTS,
            Field {
                name: "patterns",
                ty: FieldType::Strings,
                default: Some(PATTERNS),
                doc: "Texts that must not occur in a line; upper and lower case differ.",
            },
        ],
        on: On::Nodes,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 2 * 60 * 1000,
        check,
    },
    |with| Box::new(ScanLogs { components: components(with), patterns: with.strings("patterns") }),
);

fn check(with: &Params) -> Result<(), String> {
    let patterns = with.strings("patterns");
    if patterns.is_empty() || patterns.iter().any(String::is_empty) {
        return Err("`patterns` must hold texts that are not empty".to_owned());
    }
    Ok(())
}

/// Lines of each container that are looked at, counted from the newest.
const TAIL: u32 = 1_000;

/// A step of this kind.
struct ScanLogs {
    components: Vec<Component>,
    patterns: Vec<String>,
}

/// A line that should not be there.
struct Hit {
    component: Component,
    line: String,
    count: usize,
}

impl ScanLogs {
    async fn scan(
        &self,
        node: &Node<'_>,
        component: Component,
        container: &Container,
        since_ns: i128,
    ) -> Result<Option<Hit>, StepError> {
        let command = node.crictl.logs(&container.id, TAIL);
        let output = run(node.host, &command).await?;
        if !output.success() {
            let object = format!("{}: log of {}", node.host.name(), component.name());
            return Err(unread(&object, &command, &output));
        }
        let mut hit: Option<Hit> = None;
        for stream in [output.stdout.lossy(), output.stderr.lossy()] {
            for line in stream.lines() {
                let known = self.patterns.iter().any(|pattern| line.contains(pattern.as_str()));
                let old = log_time::nanoseconds(line, container.created_ns).is_some_and(|at| at < since_ns);
                if known && !old && !is_of_a_look(line) {
                    let count = hit.map_or(1, |hit| hit.count + 1);
                    hit = Some(Hit { component, line: escape(line), count });
                }
            }
        }
        Ok(hit)
    }
}

/// A connection that etcd turned away because it showed no certificate, or said nothing before it was closed or reset: a
/// health check, or our own look at what the port serves, given up while the member had not joined. Nobody holds an old
/// certificate there: whoever does not like one says so in an alert.
fn is_of_a_look(line: &str) -> bool {
    let without = [
        "tls: client didn't provide a certificate",
        "(error \"EOF\",",
        "\"error\":\"EOF\"",
        ": read: connection reset by peer\"",
    ];
    line.contains("rejected connection") && without.iter().any(|words| line.contains(words))
}

/// When the last of the group's components was started, ns since 1970; `own` are the containers of the step's own node.
async fn last_start(cx: &Context, own: &[Container], components: &[Component]) -> Result<i128, StepError> {
    let last = |containers: &[Container]| {
        let starts = components.iter().filter_map(|c| crictl::running(containers, c.name()));
        starts.map(|container| container.created_ns).max().unwrap_or(0)
    };
    let hosts = peers(cx);
    let others = hosts.iter().filter(|host| host.name() != cx.host.name());
    let of_one = async |host: &Arc<dyn Host>| Node::look(host.as_ref()).await?.containers().await;
    let mut newest = last(own);
    for containers in join_all(others.map(of_one)).await {
        newest = newest.max(last(&containers?));
    }
    Ok(newest)
}

#[async_trait]
impl Step for ScanLogs {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let containers = node.containers().await?;
        let since = last_start(cx, &containers, &self.components).await?;
        let mut scanned = 0;
        let mut hits = Vec::new();
        for component in &self.components {
            let Some(container) = crictl::running(&containers, component.name()) else {
                if *component == Component::Etcd && node.static_pod(*component)?.is_none() {
                    continue;
                }
                let message = format!("{}: {} has no running container", cx.host.name(), component.name());
                return Err(StepError::new(ErrorClass::Unavailable, message));
            };
            scanned += 1;
            hits.extend(self.scan(&node, *component, container, since).await?);
        }
        if hits.is_empty() {
            return Ok(Probe::satisfied(match scanned {
                1 => "1 log shows no certificate trouble".to_owned(),
                _ => format!("{scanned} logs show no certificate trouble"),
            }));
        }
        Err(trouble(cx, &hits))
    }
}

/// A log that could not be read.
fn unread(object: &str, command: &Command, output: &Output) -> StepError {
    let mut error = crictl::step_error(object, command, output);
    if crictl::classify(output) == Some(crictl::Failure::NotFound) {
        // Replaced since it was listed: the next look finds its successor.
        error.class = ErrorClass::Unavailable;
    }
    error
}

fn trouble(cx: &Context, hits: &[Hit]) -> StepError {
    let host = cx.host.name();
    let first = &hits[0];
    let message = format!("{host}: {} still logs: {}", first.component.name(), first.line);
    let lines = hits
        .iter()
        .map(|hit| format!("{} ({}): {}", hit.component.name(), plural(hit.count, "line"), hit.line))
        .collect();
    StepError::new(ErrorClass::Unsatisfied, message)
        .remedy("see who still uses an old certificate: the peer or client that the line names")
        .evidence(Evidence {
            command: format!("crictl logs --tail {TAIL} on {host}"),
            status: Some(0),
            last_lines: lines,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::crictl::Crictl;
    use crate::tools::testing::failed;

    #[test]
    fn a_look_at_what_etcd_serves_is_no_trouble_and_a_bad_certificate_is() {
        let old = |error: &str| {
            format!(
                r#"2026-11-25 08:26:18.912596 I | embed: rejected connection from "10.200.0.3:60674" (error "{error}", ServerName "")"#
            )
        };
        let new = |error: &str| {
            format!(
                r#"{{"level":"warn","ts":"2026-11-24T21:05:28.584192Z","msg":"rejected connection on client endpoint","error":"{error}"}}"#
            )
        };
        let reset = "read tcp 127.0.0.1:2379->127.0.0.1:51826: read: connection reset by peer";
        for error in ["tls: client didn't provide a certificate", "EOF", reset] {
            assert!(is_of_a_look(&old(error)) && is_of_a_look(&new(error)), "{error}");
        }
        for error in [
            "remote error: tls: bad certificate",
            "tls: failed to verify certificate: x509: certificate has expired",
        ] {
            assert!(!is_of_a_look(&old(error)) && !is_of_a_look(&new(error)), "{error}");
        }
    }

    #[test]
    fn a_container_that_was_replaced_while_it_was_looked_at_is_looked_for_again() {
        let command = Crictl::new(None).logs("abc", TAIL);
        let class = |stderr: &str| unread("cp-1: log of etcd", &command, &failed(1, stderr)).class;
        let gone = "level=fatal msg=\"rpc error: code = NotFound desc = an error occurred when try to find container\"";
        assert_eq!(class(gone), ErrorClass::Unavailable);
        assert_eq!(class("unknown flag: --tail"), ErrorClass::Refused);
    }
}
