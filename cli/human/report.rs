//! What is said when a run has ended, and by `show`: the cause first, then every host, then what to type next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use certwright_engine::machine::Outcome;
use certwright_engine::plan::{HostIndex, TaskId, UndoSupport};

use super::certificates::certificate_table;
use super::lines::{last_words, one_line, shortened};
use super::words::{op_name, outcome_meaning, outcome_word, tone};
use crate::doctor::known_cause;
use crate::terminal::{Paint, Terminal, Tone, wrap};
use crate::view::{Counts, Phase, RunView, TaskView, Trouble, count};
use crate::when;

/// How the next commands are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Next {
    /// Options that every next command needs, such as `--state-dir X`, with a leading space.
    pub(crate) options: String,
    /// False when the run's hosts vanish with the process (a rehearsal without `--lab`).
    pub(crate) kept: bool,
    /// More lines below the outcome.
    pub(crate) notes: Vec<String>,
    /// More commands where there is something left to do, each with what it does.
    pub(crate) more: Vec<(String, String)>,
}

/// Columns before the lines below a heading word.
const INDENT: usize = 2;
/// Lines of a command that a failure report shows.
const LAST_LINES: usize = 8;

/// Characters of the cause where it is said again.
const LONGEST_CAUSE: usize = 120;

/// The whole report of a run, ended or not.
pub(crate) fn report(view: &RunView, next: &Next, terminal: Terminal) -> String {
    let mut out = String::new();
    out.push_str(&failures(view, terminal));
    if has_trouble(view) {
        out.push_str(&hosts(view, terminal));
        out.push('\n');
    }
    let certificates = view.changes();
    if !certificates.is_empty() {
        out.push_str(&certificate_table(&certificates, view.latest_ms, terminal.paint));
        if certificates.iter().any(|change| change.unsure) {
            out.push_str(&look_again(view, next));
        }
        out.push('\n');
    }
    out.push_str(&totals(view, next, terminal));
    out.push_str(&next_commands(view, next, terminal.paint));
    out
}

/// The command that tells of certificates what a run that was stopped cannot.
fn look_again(view: &RunView, next: &Next) -> String {
    let whose = match &view.header.lab {
        // Without one that is kept there is nothing to look at.
        Some(_) if !next.kept => return String::new(),
        Some(lab) => format!("--lab {}", super::word(lab)),
        None => "--inventory FILE".to_owned(),
    };
    format!("`certwright{} certs {whose}` looks at how they stand now.\n", next.options)
}

fn has_trouble(view: &RunView) -> bool {
    match view.outcome {
        Some(Outcome::Unchanged | Outcome::Changed) => false,
        None
        | Some(
            Outcome::Failed | Outcome::Interrupted | Outcome::Undone | Outcome::Stuck | Outcome::Abandoned,
        ) => true,
    }
}

/// The first failure in full, the others in a line each.
fn failures(view: &RunView, terminal: Terminal) -> String {
    const MOST: usize = 10;
    let mut troubles = view.troubles();
    let Some((id, task, trouble)) = troubles.next() else { return String::new() };
    let mut out = failure(view, id, task, trouble, terminal) + "\n";
    let others: Vec<_> = troubles.collect();
    for (id, task, trouble) in others.iter().take(MOST) {
        let word = trouble_word(task.phase);
        let name = view.plan().task_name(*id);
        let text = format!("{name}: {}", trouble.error.message);
        for (n, piece) in wrap(&text, terminal.width.map(|width| width.saturating_sub(8))).iter().enumerate()
        {
            let label = if n == 0 { word } else { "" };
            let _infallible =
                writeln!(out, "{}  {piece}", terminal.paint.tone(Tone::Bad, &format!("{label:6}")));
        }
    }
    if others.len() > MOST {
        let _infallible = writeln!(out, "        and {} more", others.len() - MOST);
    }
    if !others.is_empty() {
        out.push('\n');
    }
    out
}

fn trouble_word(phase: Phase) -> &'static str {
    if phase == Phase::Stuck { "STUCK" } else { "FAILED" }
}

/// One failure: the cause in one line, then host, step, attempt, command, its last lines, what to do.
fn failure(view: &RunView, id: TaskId, task: &TaskView, trouble: &Trouble, terminal: Terminal) -> String {
    let (plan, error, paint) = (view.plan(), &trouble.error, terminal.paint);
    let (step, host) = (plan.step(id), plan.host(id));
    let word = trouble_word(task.phase);
    let mut out = String::new();
    for (n, piece) in wrap(&error.message, terminal.width.map(|width| width.saturating_sub(word.len() + 2)))
        .iter()
        .enumerate()
    {
        let label = if n == 0 { word.to_owned() } else { " ".repeat(word.len()) };
        let _infallible =
            writeln!(out, "{}  {}", paint.tone(Tone::Bad, &label), paint.tone(Tone::Strong, piece));
    }
    let mut field = |name: &str, mark: &str, text: &str| {
        let width = terminal.width.map(|width| width.saturating_sub(12 + mark.len()));
        for (n, piece) in wrap(text, width).iter().enumerate() {
            let label = if n == 0 { format!("{name:8}") } else { " ".repeat(8) };
            let _infallible = writeln!(out, "  {}  {mark}{piece}", paint.tone(Tone::Faint, &label));
        }
    };
    let address = host.address.as_ref().map(|address| format!(" ({address})")).unwrap_or_default();
    field("host", "", &format!("{}{address}", host.name));
    field("step", "", &format!("{}/{} ({})", step.stage, step.id, step.kind));
    let of = if trouble.attempt <= step.retry.attempts {
        format!(" of {}", step.retry.attempts)
    } else {
        String::new()
    };
    field(
        "attempt",
        "",
        &format!("{}{of}, in its {}; class {}", trouble.attempt, op_name(trouble.op), error.class.name()),
    );
    if let Some(evidence) = &error.evidence {
        field("command", "", &one_line(&evidence.command));
        let status = evidence.status.map_or("none was received".to_owned(), |status| status.to_string());
        field("status", "", &status);
        for line in last_words(error, LAST_LINES) {
            field("", "| ", &line);
        }
    }
    if let Some(known) = known_cause(view, id, trouble) {
        field("cause", "", &known.cause);
        for (n, line) in known.cure.iter().filter(|_| error.remedy.is_none()).enumerate() {
            field(if n == 0 { "cure" } else { "" }, "", line);
        }
    }
    if let Some(remedy) = &error.remedy {
        field("remedy", "", remedy);
    }
    out
}

/// The state of every host in one line each.
fn hosts(view: &RunView, terminal: Terminal) -> String {
    let plan = view.plan();
    let mut by_host: BTreeMap<HostIndex, Vec<(TaskId, &TaskView)>> = BTreeMap::new();
    for (id, task) in view.tasks_with_ids() {
        by_host.entry(plan.task(id).host).or_default().push((id, task));
    }
    let widest = plan.hosts.iter().map(|host| host.name.chars().count()).max().unwrap_or(0);
    let mut out = format!("{}\n", terminal.paint.tone(Tone::Strong, "Hosts"));
    for (index, tasks) in by_host {
        let name = &plan.hosts[index.0 as usize].name;
        let text = host_state(view, &tasks);
        let indent = widest + 4;
        let width = terminal.width.map(|width| width.saturating_sub(indent));
        for (n, piece) in wrap(&text, width).iter().enumerate() {
            let label = if n == 0 { name.as_str() } else { "" };
            let _infallible = writeln!(out, "  {label:widest$}  {piece}");
        }
    }
    out
}

fn host_state(view: &RunView, tasks: &[(TaskId, &TaskView)]) -> String {
    let plan = view.plan();
    let mut parts = Vec::new();
    for (id, task) in tasks {
        let step = plan.step(*id);
        let name = format!("{}/{}", step.stage, step.id);
        match task.phase {
            Phase::Failed => parts.push(format!("FAILED at {name}")),
            Phase::Stuck => parts.push(format!("STUCK at the undo of {name}")),
            Phase::Running(op) => parts.push(format!("in the {} of {name}", op_name(op))),
            Phase::Retrying { .. } => parts.push(format!("{name} waits for attempt {}", task.attempt + 1)),
            Phase::Unfinished => parts.push(format!("{name} begun and not finished")),
            Phase::Waiting | Phase::Unchanged | Phase::Changed | Phase::Undone => {}
        }
    }
    let counts = count(tasks.iter().map(|(_, task)| *task));
    let ended = [(counts.changed, "changed"), (counts.unchanged, "unchanged"), (counts.undone, "undone")];
    parts.extend(ended.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    if counts.waiting == tasks.len() {
        parts.push("untouched".to_owned());
    } else if counts.waiting > 0 {
        parts.push(format!("{} not begun", counts.waiting));
    }
    parts.join(", ")
}

/// The outcome in a line, then the counts, the time and what else is to be noted.
fn totals(view: &RunView, next: &Next, terminal: Terminal) -> String {
    let paint = terminal.paint;
    let (word, meaning, tone) = match view.outcome {
        Some(outcome @ (Outcome::Failed | Outcome::Interrupted)) if !next.kept => {
            (outcome_word(outcome), "nothing more was started", tone(outcome))
        }
        Some(outcome) => (outcome_word(outcome), outcome_meaning(outcome), tone(outcome)),
        None => ("unfinished", "the run has not come to an end", Tone::Warn),
    };
    let lasted = when::lasted(Duration::from_millis(view.worked_ms()));
    let time = if view.header.lab.is_some() { format!("{lasted} of virtual time") } else { lasted };
    let retries: u32 = view.tasks.iter().map(|task| task.retries).sum();
    let again = match retries {
        0 => String::new(),
        1 => "; 1 attempt failed and was retried".to_owned(),
        n => format!("; {n} attempts failed and were retried"),
    };
    let head = format!("{}  {}\n", paint.tone(tone, &word.to_uppercase()), paint.tone(Tone::Strong, meaning));
    let mut facts: Vec<String> = cause_again(view).into_iter().collect();
    let first = view.troubles().next().and_then(|(id, _, trouble)| known_cause(view, id, trouble));
    facts.extend(first.map(|known| format!("most likely cause: {}", known.cause)));
    facts.push(format!(
        "{}: {}{again}; {time}",
        super::count(view.tasks.len(), "task"),
        counts_words(view.counts())
    ));
    let stays = stays_changed(view);
    if !stays.is_empty() {
        facts.push(format!("cannot be undone and stays: {}", stays.join(", ")));
    }
    let gone = if next.kept { "" } else { ", gone with its simulated nodes: `--lab DIR` keeps both" };
    facts.push(format!("run {}{gone}", view.header.run));
    facts.extend(next.notes.iter().cloned());
    let lines =
        facts.iter().flat_map(|fact| wrap(fact, terminal.width.map(|width| width.saturating_sub(INDENT))));
    lines.fold(head, |text, line| format!("{text}{:INDENT$}{line}\n", ""))
}

/// The first cause in one line, where a table stands between it and the end of the screen.
fn cause_again(view: &RunView) -> Option<String> {
    let (id, _, trouble) = view.troubles().next().filter(|_| !view.changes().is_empty())?;
    let more = match view.troubles().count() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more, see above)"),
    };
    let cause = shortened(&trouble.error.message, LONGEST_CAUSE);
    Some(format!("at {}: {cause}{more}", view.plan().task_name(id)))
}

/// After an undo: what stays as the run made it, since its kind cannot restore it.
fn stays_changed(view: &RunView) -> Vec<String> {
    if view.outcome != Some(Outcome::Undone) {
        return Vec::new();
    }
    view.tasks_with_ids()
        .filter(|(id, task)| task.acted && view.plan().step(*id).undo == UndoSupport::Unsupported)
        .map(|(id, _)| view.plan().task_name(id))
        .collect()
}

/// `15 changed, 12 unchanged`.
pub(crate) fn counts_words(counts: Counts) -> String {
    let parts: Vec<String> = [
        (counts.failed, "failed"),
        (counts.stuck, "stuck"),
        (counts.changed, "changed"),
        (counts.unchanged, "unchanged"),
        (counts.undone, "undone"),
        (counts.unfinished, "unfinished"),
        (counts.waiting, "not begun"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, word)| format!("{n} {word}"))
    .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// The next two commands to type, where there is something left to do.
fn next_commands(view: &RunView, next: &Next, paint: Paint) -> String {
    let mut commands = Vec::new();
    if view.is_resumable() {
        let does = if view.undoing { "goes on restoring" } else { "goes on from here" };
        let once = if view.troubles().next().is_some() { ", once the cause is mended" } else { "" };
        commands.push(("resume", format!("{does}{once}")));
    }
    if view.outcome == Some(Outcome::Stuck) {
        commands.push(("undo", "tries again, once the cause is mended".to_owned()));
    } else if !commands.is_empty() && !view.undoing && view.to_undo().next().is_some() {
        commands.push(("undo", "restores what was changed".to_owned()));
    }
    if commands.is_empty() {
        return String::new();
    }
    if !next.kept {
        return "The simulated nodes are gone; with `--lab DIR` they stay, for a resume or an undo.\n"
            .to_owned();
    }
    if commands.len() < 2 {
        commands.push(("show", "shows this again".to_owned()));
    }
    let (run, options) = (&view.header.run, &next.options);
    let commands: Vec<(String, String)> = commands
        .into_iter()
        .map(|(verb, does)| (format!("certwright{options} {verb} {run}"), does))
        .chain(next.more.iter().cloned())
        .collect();
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let mut out = format!("\n{}\n", paint.tone(Tone::Strong, "Next"));
    for (command, does) in commands {
        let _infallible = writeln!(out, "  {command:width$}  # {does}");
    }
    out
}
