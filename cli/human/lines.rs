//! What a record is worth saying, one line an event.
//!
//! ```text
//! 22:46:33  cp-1  renew/renew  retry      attempt 1 failed (deadline-exceeded): ...
//! ```
//! Where the text does not fit beside its columns it follows below them, wrapped.

use std::time::Duration;

use certwright_engine::machine::{Event, Evidence, Facts, Op, Record, StepError, Stop, Verdict};
use certwright_engine::plan::{Plan, TaskId};
use certwright_steps::kinds::{Warning, warnings};

use super::words::{op_name, outcome_meaning, outcome_word, tone};
use crate::terminal::{Terminal, Tone, wrap};
use crate::view::{Phase, RunView, TaskView};
use crate::when;

/// A line before it is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Wall clock, ms since 1970.
    pub(crate) wall_ms: u64,
    /// The task it speaks of; None for the run.
    pub(crate) task: Option<TaskId>,
    /// The one word that says what happened.
    pub(crate) word: &'static str,
    /// What the word's colour says.
    pub(crate) tone: Tone,
    /// The rest.
    pub(crate) text: String,
    /// Lines of a command, and warnings, shown below.
    pub(crate) evidence: Vec<String>,
}

/// Widths of the columns of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    host: usize,
    step: usize,
}

/// Characters of a summary and of a command's line that are shown while a run goes on.
const LONGEST_SUMMARY: usize = 160;
const LONGEST_EVIDENCE: usize = 240;
const WORD: usize = 9;
const CLOCK: usize = 8;
const GAP: &str = "  ";

impl Columns {
    /// Widths that fit every host and step of the plan, within reason.
    pub(crate) fn of(plan: &Plan) -> Self {
        let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).min(30);
        Self {
            host: widest(&mut plan.hosts.iter().map(|host| host.name.chars().count())),
            step: widest(&mut plan.steps.iter().map(|step| step.stage.len() + 1 + step.id.len())),
        }
    }

    /// Lays a line out.
    pub(crate) fn lay(self, line: &Line, plan: &Plan, terminal: Terminal) -> Vec<String> {
        let (host, step) = match line.task {
            Some(id) => {
                let step = plan.step(id);
                (plan.host(id).name.as_str(), format!("{}/{}", step.stage, step.id))
            }
            None => ("", String::new()),
        };
        let paint = terminal.paint;
        let clock = when::clock(line.wall_ms);
        let word = paint.tone(line.tone, &format!("{:WORD$}", line.word));
        let (head, used) = if line.task.is_some() {
            let host_column = format!("{host:0$}", self.host);
            let step_column = format!("{step:0$}", self.step);
            let head = format!(
                "{}{GAP}{}{GAP}{step_column}{GAP}{word}",
                paint.tone(Tone::Faint, &clock),
                paint.tone(Tone::Strong, &host_column),
            );
            let columns = host_column.chars().count() + step_column.chars().count();
            (head, CLOCK + columns + WORD.max(line.word.len()) + 3 * GAP.len())
        } else {
            let head = format!("{}{GAP}{word}", paint.tone(Tone::Faint, &clock));
            (head, CLOCK + WORD.max(line.word.len()) + GAP.len())
        };
        let mut out = beside(&head, used + GAP.len(), &line.text, terminal.width);
        for text in &line.evidence {
            let inner = terminal.width.map(|width| width.saturating_sub(CLOCK + 4));
            for piece in wrap(text, inner) {
                out.push(format!("{:CLOCK$}{GAP}{}", "", paint.tone(Tone::Faint, &format!("| {piece}"))));
            }
        }
        out
    }
}

/// Puts `text` beside `head` when it fits, else below it.
fn beside(head: &str, used: usize, text: &str, width: Option<usize>) -> Vec<String> {
    if text.is_empty() {
        return vec![head.trim_end().to_owned()];
    }
    let fits = width.is_none_or(|width| used + text.chars().count() <= width);
    if fits && !text.contains('\n') {
        return vec![format!("{head}{GAP}{text}")];
    }
    let indent = CLOCK + GAP.len();
    let mut out = vec![head.trim_end().to_owned()];
    for piece in wrap(text, width.map(|width| width.saturating_sub(indent))) {
        out.push(format!("{:indent$}{piece}", ""));
    }
    out
}

/// What `record` is worth saying; `view` has it applied already.
pub(crate) fn line(view: &RunView, record: &Record) -> Option<Line> {
    let task = record.body.task();
    let state = task.and_then(|id| view.tasks.get(id.0 as usize));
    let say = |word, tone, text: String| {
        Some(Line { wall_ms: record.wall_ms, task, word, tone, text, evidence: Vec::new() })
    };
    match &record.body {
        Event::RunStarted { .. } | Event::StepStarted { .. } | Event::Applied { .. } => None,
        Event::StepUndoStarted { .. } => say("undoing", Tone::Warn, String::new()),
        Event::Probed { verdict: Verdict::Drifted, summary, facts, .. } => {
            let acts = state.is_some_and(|task| task.phase != Phase::Unfinished);
            let word = if acts { "changing" } else { "left" };
            let line = say(word, Tone::Warn, shortened(summary, LONGEST_SUMMARY))?;
            Some(Line { evidence: warned(facts), ..line })
        }
        Event::Probed { verdict: Verdict::Satisfied, summary, facts, .. } => {
            if state.is_some_and(|task| task.acted) {
                return say("found", Tone::Good, format!("an earlier attempt did it: {summary}"));
            }
            let line = say("unchanged", Tone::Faint, shortened(summary, LONGEST_SUMMARY))?;
            Some(Line { evidence: warned(facts), ..line })
        }
        Event::Verified { summary, .. } => say("changed", Tone::Good, shortened(summary, LONGEST_SUMMARY)),
        Event::Undone { summary, .. } => say("undone", Tone::Good, summary.clone()),
        Event::AttemptFailed { attempt, op, error, retry_in_ms, .. } => {
            let text = retry_text(view, record, (*attempt, *op), error, *retry_in_ms);
            Some(Line { evidence: last_words(error, 3), ..say("retry", Tone::Warn, text)? })
        }
        Event::StepFailed { attempt, op, error, .. } => {
            let text = format!("{}: {error}", attempt_words(*attempt, *op, error));
            Some(Line { evidence: last_words(error, 3), ..say("FAILED", Tone::Bad, text)? })
        }
        Event::UndoFailed { error, .. } => {
            Some(Line { evidence: last_words(error, 3), ..say("STUCK", Tone::Bad, error.to_string())? })
        }
        Event::Interrupted { stop } => say("stopping", Tone::Warn, stop_text(view, *stop)),
        Event::Resumed { operator } => say("resumed", Tone::Strong, format!("by {operator}")),
        Event::UndoStarted { operator } => {
            say("undo", Tone::Strong, format!("asked for by {operator}: what was changed is restored"))
        }
        Event::RunFinished { outcome } => {
            say(outcome_word(*outcome), tone(*outcome), outcome_meaning(*outcome).to_owned())
        }
    }
}

/// What an operator should know of what a probe saw.
fn warned(facts: &Facts) -> Vec<String> {
    let one = |warning: &Warning| shortened(&format!("warning: {}", warning.line()), LONGEST_EVIDENCE);
    warnings(facts).iter().map(one).collect()
}

/// What is said of an operation that has been silent for long.
pub(crate) fn still(now_ms: u64, (id, task): (TaskId, &TaskView), op: Op, news: Option<&String>) -> Line {
    let lasted = when::lasted(Duration::from_millis(now_ms.saturating_sub(task.since_ms)));
    let news = news.map(|line| format!(": {line}")).unwrap_or_default();
    Line {
        wall_ms: now_ms,
        task: Some(id),
        word: "still",
        tone: Tone::Faint,
        text: format!("in its {} for {lasted}{news}", op_name(op)),
        evidence: Vec::new(),
    }
}

fn retry_text(
    view: &RunView,
    record: &Record,
    (attempt, op): (u32, Op),
    error: &StepError,
    retry_in_ms: u64,
) -> String {
    let of = record
        .body
        .task()
        .map(|id| view.plan().step(id).retry.attempts)
        // A resume grants as many again; they are counted on.
        .filter(|attempts| attempt < *attempts)
        .map_or_else(String::new, |attempts| format!(" of {attempts}"));
    format!(
        "{}: {error}; attempt {}{of} in {}, at {}",
        attempt_words(attempt, op, error),
        attempt + 1,
        when::lasted(Duration::from_millis(retry_in_ms)),
        when::clock(record.wall_ms.saturating_add(retry_in_ms)),
    )
}

fn attempt_words(attempt: u32, op: Op, error: &StepError) -> String {
    format!("{} of attempt {attempt} failed ({})", op_name(op), error.class.name())
}

fn stop_text(view: &RunView, stop: Stop) -> String {
    let running: Vec<String> = view
        .tasks_with_ids()
        .filter(|(_, task)| matches!(task.phase, Phase::Running(_)))
        .map(|(id, _)| view.plan().task_name(id))
        .collect();
    match (stop, running.as_slice()) {
        (_, []) => "nothing more is started; nothing is in flight".to_owned(),
        (Stop::Drain, tasks) => format!(
            "Ctrl-C once more cancels what may be cancelled. Nothing more is started; waiting for {}",
            tasks.join(", ")
        ),
        (Stop::Cancel, tasks) => {
            format!("cancelling {}; a change that must not be left half-done is finished", tasks.join(", "))
        }
    }
}

/// The last `most` lines of the command that failed.
pub(crate) fn last_words(error: &StepError, most: usize) -> Vec<String> {
    let Some(Evidence { last_lines, .. }) = error.evidence.as_deref() else { return Vec::new() };
    let last = &last_lines[last_lines.len().saturating_sub(most)..];
    last.iter().map(|line| shortened(line, LONGEST_EVIDENCE)).collect()
}

/// At most `most` characters of a text; the whole of it is in the journal (`show --output json --events`).
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most).collect();
    let whole_words = kept.rfind(' ').filter(|at| at * 2 > kept.len()).unwrap_or(kept.len());
    format!("{} [...]", kept[..whole_words].trim_end_matches([';', ',']))
}

/// A command as one line: a script that comes with it is named, not shown.
pub(crate) fn one_line(command: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in command.chars() {
        match (c, quoted) {
            ('\'', _) => {
                quoted = !quoted;
                word.push(c);
            }
            (' ', false) => {
                out.push_str(script_or(&word));
                out.push(' ');
                word.clear();
            }
            (c, _) => word.push(c),
        }
    }
    out.push_str(script_or(&word));
    out
}

fn script_or(word: &str) -> &str {
    if word.contains('\n') { "'(script)'" } else { word }
}
