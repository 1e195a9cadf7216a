//! The dry run as text: per host, in the order of the run.

use std::fmt::Write as _;

use certwright_engine::machine::{Evidence, StepError};
use certwright_engine::plan::{HostIndex, Plan, TaskId, UndoSupport};

use super::{count, left_out};
use crate::preview::{Finding, Foreseen, Preview};
use crate::terminal::{Terminal, Tone, wrap};

/// What would change where, with the exact commands.
pub(crate) fn text(plan: &Plan, preview: &Preview, terminal: Terminal) -> String {
    let mut out = heading(plan, terminal);
    out.push_str(&left_out::warning(plan, terminal));
    let mut hosts: Vec<HostIndex> = Vec::new();
    for foreseen in &preview.tasks {
        let host = plan.task(foreseen.task).host;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    for host in hosts {
        let name = &plan.hosts[host.0 as usize].name;
        let _infallible = writeln!(out, "\n{}", terminal.paint.tone(Tone::Strong, name));
        for foreseen in preview.tasks.iter().filter(|f| plan.task(f.task).host == host) {
            out.push_str(&task(plan, foreseen, terminal));
        }
    }
    let _infallible = writeln!(out, "\n{}", wrap(&verdict(plan, preview), terminal.width).join("\n"));
    out
}

/// What the plan is: its name, digest, cluster and hosts.
fn heading(plan: &Plan, terminal: Terminal) -> String {
    let hosts: Vec<String> = plan
        .hosts
        .iter()
        .map(|host| match &host.address {
            Some(address) => format!("{} ({address})", host.name),
            None => format!("{} (this machine)", host.name),
        })
        .collect();
    let mut out = String::new();
    for (name, value) in [
        ("plan", plan.name.clone()),
        ("digest", plan.digest.clone()),
        ("cluster", plan.cluster.name.clone()),
        ("hosts", hosts.join(", ")),
    ] {
        let width = terminal.width.map(|width| width.saturating_sub(9));
        for (n, piece) in wrap(&value, width).iter().enumerate() {
            let label = if n == 0 { name } else { "" };
            let _infallible =
                writeln!(out, "{}  {piece}", terminal.paint.tone(Tone::Faint, &format!("{label:7}")));
        }
    }
    out
}

fn task(plan: &Plan, foreseen: &Foreseen, terminal: Terminal) -> String {
    const WORD: usize = 13;
    let step = plan.step(foreseen.task);
    let name = format!("{}/{}", step.stage, step.id);
    let after = names(plan, &foreseen.after);
    let no_undo = match step.undo {
        UndoSupport::Unsupported => " [cannot be undone]",
        UndoSupport::Supported | UndoSupport::Nothing => "",
    };
    let (word, tone, text, commands): (_, _, _, &[String]) = match &foreseen.finding {
        Finding::Unchanged { summary } => ("unchanged", Tone::Faint, summary.clone(), &[]),
        Finding::WillChange { summary, commands } => {
            ("will change", Tone::Warn, format!("{summary}{no_undo}"), commands)
        }
        Finding::WillRunAfter { outlook: Some(outlook), commands, .. } => {
            ("will run", Tone::Warn, format!("after {after} {outlook}{no_undo}"), commands)
        }
        Finding::WillRunAfter { summary, outlook: None, commands } => {
            ("will run", Tone::Warn, format!("after {after}: {summary}{no_undo}"), commands)
        }
        Finding::WillRunIf { outlook: Some(outlook), commands, .. } => {
            ("will run if", Tone::Warn, format!("{after} {outlook}{no_undo}"), commands)
        }
        Finding::WillRunIf { summary, outlook: None, commands } => {
            let text = format!("{after} changes what it sees; now: {summary}{no_undo}");
            ("will run if", Tone::Warn, text, commands)
        }
        Finding::NotSeen { see } => {
            ("not seen", Tone::Normal, format!("see {}{no_undo}", plan.task_name(*see)), &[])
        }
        Finding::WillCheck { now: None } => ("will check", Tone::Normal, format!("after {after}"), &[]),
        Finding::WillCheck { now: Some(now) } => {
            ("will check", Tone::Warn, format!("again; now: {now}"), &[])
        }
        Finding::NotYetSeen { why } => {
            ("not seen yet", Tone::Normal, format!("before {after}: {why}{no_undo}"), &[])
        }
        Finding::Fails { error } => ("FAILS", Tone::Bad, error.message.clone(), &[]),
    };
    let column = plan.steps.iter().map(|step| step.stage.len() + 1 + step.id.len()).max().unwrap_or(0);
    let head = format!("  {name:column$}  {}", terminal.paint.tone(tone, &format!("{word:WORD$}")));
    let used = 2 + column + 2 + WORD + 2;
    let mut out = String::new();
    if terminal.width.is_none_or(|width| used + text.chars().count() <= width) {
        let _infallible = writeln!(out, "{head}  {text}");
    } else {
        let _infallible = writeln!(out, "{}", head.trim_end());
        for piece in wrap(&text, terminal.width.map(|width| width.saturating_sub(6))) {
            let _infallible = writeln!(out, "      {piece}");
        }
    }
    if let Finding::Fails { error } = &foreseen.finding {
        for text in mending(error) {
            for piece in wrap(&text, terminal.width.map(|width| width.saturating_sub(6))) {
                let _infallible = writeln!(out, "      {piece}");
            }
        }
    }
    for warning in &foreseen.warnings {
        let inner = terminal.width.map(|width| width.saturating_sub(6));
        for (n, piece) in wrap(&format!("warning: {}", warning.line()), inner).iter().enumerate() {
            let piece = match piece.strip_prefix("warning:").filter(|_| n == 0) {
                Some(rest) => format!("{}{rest}", terminal.paint.tone(Tone::Warn, "warning:")),
                None => piece.clone(),
            };
            let _infallible = writeln!(out, "      {piece}");
        }
    }
    for command in commands {
        for (n, piece) in
            wrap(command, terminal.width.map(|width| width.saturating_sub(8))).iter().enumerate()
        {
            let mark = if n == 0 { "$ " } else { "  " };
            let _infallible = writeln!(out, "      {mark}{piece}");
        }
    }
    out
}

/// What is to be done about a failure, and what else was found beside it: all of it, so that one look is enough.
fn mending(error: &StepError) -> Vec<String> {
    let mut texts: Vec<String> = error.remedy.iter().map(|remedy| format!("remedy: {remedy}")).collect();
    // Without a status these are findings, not the last words of a command; the message has the first one.
    if let Some(Evidence { status: None, last_lines, .. }) = error.evidence.as_deref() {
        texts.extend(last_lines.iter().skip(1).map(|line| format!("also: {line}")));
    }
    texts
}

fn names(plan: &Plan, tasks: &[TaskId]) -> String {
    match tasks {
        [] => "what comes before".to_owned(),
        [one] => plan.task_name(*one),
        [one, two] => format!("{} or {}", plan.task_name(*one), plan.task_name(*two)),
        [one, rest @ ..] => format!("{} or one of {} others", plan.task_name(*one), rest.len()),
    }
}

fn verdict(plan: &Plan, preview: &Preview) -> String {
    let failures: Vec<String> = preview.failures().map(|(id, _)| plan.task_name(id)).collect();
    match failures.as_slice() {
        [] => {}
        [one] => return format!("A run would stop at {one}: nothing after it would be begun."),
        several => {
            let all = several.join(", ");
            return format!("A run would stop at {all}: nothing after these would be begun.");
        }
    }
    let warnings = match preview.tasks.iter().map(|task| task.warnings.len()).sum() {
        0 => String::new(),
        n => format!(" {} above.", count(n, "warning")),
    };
    let all = count(preview.tasks.len(), "task");
    match (preview.changes(), preview.changes_after()) {
        (0, 0) => format!("Nothing to change.{warnings}"),
        (n, 0) => format!("{n} of {all} would change something for sure.{warnings}"),
        (n, more) => {
            format!("{n} of {all} would change something for sure, {more} more after that.{warnings}")
        }
    }
}
