//! The lines that are redrawn on a terminal: what runs now, what waits for its retry.

use std::time::Duration;

use certwright_engine::machine::Op;
use certwright_engine::plan::TaskId;

use super::words::op_name;
use crate::terminal::{Paint, Tone};
use crate::view::{Phase, RunView};
use crate::when;

/// The state of everything in flight, a line each, and a last line with the totals.
///
/// `now_ms` is the run's wall clock; `news` gives the newest progress of a task. No line is wider than `width`.
pub(crate) fn lines(
    view: &RunView,
    now_ms: u64,
    news: &dyn Fn(TaskId) -> Option<String>,
    width: usize,
    paint: Paint,
) -> Vec<String> {
    let mut out = Vec::new();
    for (id, task) in view.tasks_with_ids() {
        let name = view.plan().task_name(id);
        let (tone, text) = match task.phase {
            Phase::Running(op) => {
                let lasted = when::lasted(Duration::from_millis(now_ms.saturating_sub(task.since_ms)));
                let news = news(id).map(|line| format!(": {line}")).unwrap_or_default();
                // Attempts of the run, not of its undo.
                let counts = task.attempt > 1 && op != Op::Undo;
                let attempt = if counts { format!(", attempt {}", task.attempt) } else { String::new() };
                (Tone::Strong, format!("{name}  {}{attempt}, {lasted}{news}", op_name(op)))
            }
            Phase::Retrying { due_ms } => {
                let left = when::lasted(Duration::from_millis(due_ms.saturating_sub(now_ms)));
                let why = task.trouble.as_ref().map(|t| t.error.class.name()).unwrap_or_default();
                (Tone::Warn, format!("{name}  {why}: attempt {} in {left}", task.attempt + 1))
            }
            Phase::Waiting
            | Phase::Unfinished
            | Phase::Unchanged
            | Phase::Changed
            | Phase::Failed
            | Phase::Undone
            | Phase::Stuck => continue,
        };
        out.push(paint.tone(tone, &cut(&format!("> {text}"), width)));
    }
    let counts = view.counts();
    let done = counts.changed + counts.unchanged + counts.undone;
    let total = view.tasks.len();
    let lasted = when::lasted(Duration::from_millis(now_ms.saturating_sub(view.started_ms)));
    out.push(
        paint.tone(Tone::Faint, &cut(&format!("{done} of {}, {lasted}", super::count(total, "task")), width)),
    );
    out
}

/// Cuts a text to `width` columns.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_to_the_width() {
        assert_eq!(cut("abcdef", 4), "abc\u{2026}");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
