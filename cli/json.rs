//! JSON for programs, schema version 1.
//!
//! Every object has `schema` (1) and `type`. A question is answered by one object on standard output; a run
//! writes one object a line: `record`s as they become durable, and a `summary` at the end. A failure is an
//! object of type `error` on standard output, whatever the command. Fields may be added within a version;
//! none is removed or changes its meaning.

use certwright_engine::machine::{Outcome, Record};
use certwright_engine::plan::{Plan, TaskId};
use certwright_engine::text::harmless_json;
use certwright_steps::kinds::{Warning, warnings};
use serde::Serialize;
use serde_json::{Value, json};

use crate::doctor::{Finding, known_cause};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::left_out::left_out;
use crate::human::words::op_name;
use crate::preview::{self, Preview};
use crate::view::{Change, Counts, Phase, RunView};

/// Version of everything written here.
const SCHEMA: u32 = 1;

/// One object as a line.
pub(crate) fn document(kind: &str, body: impl Serialize) -> String {
    let mut object = serde_json::Map::new();
    object.insert("schema".to_owned(), json!(SCHEMA));
    object.insert("type".to_owned(), json!(kind));
    match serde_json::to_value(body).expect("our own types serialize") {
        Value::Object(fields) => object.extend(fields),
        other => drop(object.insert("value".to_owned(), other)),
    }
    harmless_json(format!("{}\n", Value::Object(object)))
}

/// The same with one field whose items are many: they are written as they come, and only the text of all is held.
pub(crate) fn document_of_many(
    kind: &str,
    body: Value,
    name: &str,
    items: impl Iterator<Item = Value>,
) -> String {
    let mut fields = std::collections::BTreeMap::from([
        ("schema".to_owned(), json!(SCHEMA).to_string()),
        ("type".to_owned(), json!(kind).to_string()),
    ]);
    if let Value::Object(body) = body {
        fields.extend(body.into_iter().map(|(name, value)| (name, value.to_string())));
    }
    let mut list = String::from("[");
    for item in items {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&item.to_string());
    }
    list.push(']');
    fields.insert(name.to_owned(), list);
    let mut out = String::from("{");
    while let Some((name, value)) = fields.pop_first() {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&json!(name).to_string());
        out.push(':');
        out.push_str(&value);
    }
    out.push_str("}\n");
    harmless_json(out)
}

/// A durable record of a run.
pub(crate) fn record_line(record: &Record) -> String {
    document("record", json!({ "record": record }))
}

/// A failure.
pub(crate) fn error(failure: &Failure) -> String {
    document(
        "error",
        json!({
            "code": failure.code,
            "exit": failure.exit.code(),
            "message": failure.message,
            "hints": failure.hints,
            "diagnostics": failure.mistakes.as_ref().map(|mistakes| &mistakes.json),
        }),
    )
}

/// A task for programs.
#[derive(Debug, Serialize)]
struct TaskJson<'a> {
    task: String,
    stage: &'a str,
    step: &'a str,
    kind: &'a str,
    host: &'a str,
    state: &'static str,
    attempt: u32,
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    operation: Option<&'static str>,
    error: Option<&'a certwright_engine::machine::StepError>,
    /// What the command's last words mean, where they are known.
    cause: Option<Value>,
}

/// A run for programs.
#[derive(Debug, Serialize)]
pub(crate) struct RunJson<'a> {
    run: &'a str,
    plan: &'a str,
    digest: &'a str,
    cluster: &'a str,
    operator: &'a str,
    lab: Option<&'a str>,
    ssh_config: Option<&'a str>,
    started_ms: u64,
    latest_ms: u64,
    worked_ms: u64,
    records: u64,
    resumes: u32,
    outcome: Option<Outcome>,
    exit: u8,
    resumable: bool,
    counts: Counts,
    certificates: Vec<Change>,
    tasks: Vec<TaskJson<'a>>,
}

/// A run for programs.
pub(crate) fn run(view: &RunView) -> RunJson<'_> {
    let plan = view.plan();
    RunJson {
        run: &view.header.run,
        plan: &plan.name,
        digest: &plan.digest,
        cluster: &plan.cluster.name,
        operator: &view.header.operator,
        lab: view.header.lab.as_deref(),
        ssh_config: view.header.ssh_config.as_deref(),
        started_ms: view.started_ms,
        latest_ms: view.latest_ms,
        worked_ms: view.worked_ms(),
        records: view.records,
        resumes: view.resumes,
        outcome: view.outcome,
        exit: view.outcome.map_or(Exit::Failed, Exit::from).code(),
        resumable: view.is_resumable(),
        counts: view.counts(),
        certificates: view.changes(),
        tasks: view
            .tasks_with_ids()
            .map(|(id, task)| {
                let step = plan.step(id);
                TaskJson {
                    task: plan.task_name(id),
                    stage: &step.stage,
                    step: &step.id,
                    kind: &step.kind,
                    host: &plan.host(id).name,
                    state: state(task.phase),
                    attempt: task.attempt,
                    summary: task.summary.as_deref(),
                    warnings: task.first.as_ref().map(warnings).unwrap_or_default(),
                    operation: task.trouble.as_ref().map(|trouble| op_name(trouble.op)),
                    error: task.trouble.as_ref().map(|trouble| &trouble.error),
                    cause: task.trouble.as_ref().and_then(|trouble| {
                        let known = known_cause(view, id, trouble)?;
                        Some(json!({ "id": known.id, "cause": known.cause, "cure": known.cure }))
                    }),
                }
            })
            .collect(),
    }
}

/// A phase's name for programs.
pub(crate) fn state(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Running(_) => "running",
        Phase::Retrying { .. } => "retrying",
        Phase::Unfinished => "unfinished",
        Phase::Unchanged => "unchanged",
        Phase::Changed => "changed",
        Phase::Failed => "failed",
        Phase::Undone => "undone",
        Phase::Stuck => "stuck",
    }
}

/// A diagnosis for programs.
pub(crate) fn doctor(plan: &Plan, findings: &[Finding], exit: Exit) -> Value {
    let asked = |name: &str| plan.tasks.iter().any(|task| plan.hosts[task.host.0 as usize].name == name);
    let names = plan.hosts.iter().map(|host| host.name.as_str());
    let hosts: Vec<&str> = names.filter(|name| asked(name)).collect();
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "grade": finding.grade.name(),
                "host": finding.host,
                "cause": finding.cause,
                "evidence": finding.evidence,
                "cure": finding.cure,
                "follows_from": finding.follows_from,
            })
        })
        .collect();
    json!({ "cluster": plan.cluster.name, "hosts": hosts, "exit": exit.code(), "findings": findings })
}

/// A dry run for programs.
pub(crate) fn preview(plan: &Plan, preview: &Preview) -> Value {
    let names = |ids: &[TaskId]| ids.iter().map(|id| plan.task_name(*id)).collect::<Vec<_>>();
    let see = |finding: &preview::Finding| match finding {
        preview::Finding::NotSeen { see } => Some(plan.task_name(*see)),
        preview::Finding::Unchanged { .. }
        | preview::Finding::WillChange { .. }
        | preview::Finding::WillRunAfter { .. }
        | preview::Finding::WillRunIf { .. }
        | preview::Finding::WillCheck { .. }
        | preview::Finding::NotYetSeen { .. }
        | preview::Finding::Fails { .. } => None,
    };
    let tasks: Vec<Value> = preview
        .tasks
        .iter()
        .map(|foreseen| {
            let remedy = match &foreseen.finding {
                preview::Finding::Fails { error } => error.remedy.as_ref(),
                preview::Finding::Unchanged { .. }
                | preview::Finding::WillChange { .. }
                | preview::Finding::WillRunAfter { .. }
                | preview::Finding::WillRunIf { .. }
                | preview::Finding::NotSeen { .. }
                | preview::Finding::WillCheck { .. }
                | preview::Finding::NotYetSeen { .. } => None,
            };
            let (finding, text, commands): (_, Option<&String>, &[String]) = match &foreseen.finding {
                preview::Finding::Unchanged { summary } => ("unchanged", Some(summary), &[]),
                preview::Finding::WillChange { summary, commands } => {
                    ("will-change", Some(summary), commands)
                }
                preview::Finding::WillRunAfter { summary, outlook, commands } => {
                    ("will-run-after", Some(outlook.as_ref().unwrap_or(summary)), commands)
                }
                preview::Finding::WillRunIf { summary, outlook, commands } => {
                    ("will-run-if", Some(outlook.as_ref().unwrap_or(summary)), commands)
                }
                preview::Finding::NotSeen { .. } => ("not-seen", None, &[]),
                preview::Finding::WillCheck { now } => ("will-check", now.as_ref(), &[]),
                preview::Finding::NotYetSeen { why } => ("not-yet-seen", Some(why), &[]),
                preview::Finding::Fails { error } => ("fails", Some(&error.message), &[]),
            };
            json!({
                "task": plan.task_name(foreseen.task),
                "host": plan.host(foreseen.task).name,
                "kind": plan.step(foreseen.task).kind,
                "finding": finding,
                "text": text,
                "commands": commands,
                "remedy": remedy,
                "warnings": foreseen.warnings,
                "after": names(&foreseen.after),
                "see": see(&foreseen.finding),
            })
        })
        .collect();
    json!({ "plan": plan.name, "digest": plan.digest, "cluster": plan.cluster.name, "left_out": left_out(plan), "tasks": tasks })
}
