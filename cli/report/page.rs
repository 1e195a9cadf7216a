//! The report as a page and as Markdown: templates that escape, and what they need said in words.

use askama::Template;
use certwright_engine::machine::Outcome;

use super::attempts::{Attempt, Failure};
use super::{Hand, Report};
use crate::human::words::{outcome_meaning, outcome_word};
use crate::view::{Change, RunView};
use crate::when;

/// The page: everything in one file, without a script and without anything from elsewhere.
pub(crate) fn html(view: &RunView, report: &Report<'_>) -> String {
    Page { view, report }.render().expect("a template that was compiled writes into memory")
}

/// The same as Markdown, for tickets that take no page.
pub(crate) fn markdown(view: &RunView, report: &Report<'_>) -> String {
    Markdown { view, report }.render().expect("a template that was compiled writes into memory")
}

#[derive(Template)]
#[template(path = "report.html", config = "cli/report/askama.toml")]
struct Page<'a> {
    view: &'a RunView,
    report: &'a Report<'a>,
}

#[derive(Template)]
#[template(path = "report.md", config = "cli/report/askama.toml", escape = "none")]
struct Markdown<'a> {
    view: &'a RunView,
    report: &'a Report<'a>,
}

/// `changed`, and what that means.
fn outcome(view: &RunView) -> (&'static str, &'static str) {
    match view.outcome {
        Some(outcome) => (outcome_word(outcome), outcome_meaning(outcome)),
        None => ("unfinished", "the run has not ended, or was cut off"),
    }
}

/// A class of the page's style: how good that is.
fn tone(word: &str) -> &'static str {
    match word {
        "changed" | "undone" => "good",
        "failed" | "stuck" => "bad",
        "retried" | "interrupted" | "cut off" | "unfinished" | "abandoned" => "warn",
        _unchanged => "plain",
    }
}

/// A failure may have been mended since, and the run ended well.
fn failures(view: &RunView) -> &'static str {
    match view.outcome {
        Some(Outcome::Unchanged | Outcome::Changed | Outcome::Undone) => "Failures on the way",
        Some(Outcome::Failed | Outcome::Interrupted | Outcome::Stuck | Outcome::Abandoned) | None => {
            "Failures"
        }
    }
}

fn date(ms: Option<u64>) -> String {
    ms.map_or_else(|| "not there".to_owned(), when::date)
}

fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "not known".to_owned(), when::seconds)
}

fn lasted(attempt: &Attempt) -> String {
    attempt.ended_ms.map_or_else(String::new, |to| span(to.saturating_sub(attempt.began_ms)))
}

/// When the next attempt followed.
fn then(failure: &Failure) -> String {
    failure.retry_in_ms.map_or_else(String::new, |wait| format!("; the next attempt {} later", span(wait)))
}

fn worked(view: &RunView) -> String {
    span(view.worked_ms())
}

fn span(ms: u64) -> String {
    when::lasted(std::time::Duration::from_millis(ms))
}

/// What became of a certificate.
fn fate(change: &Change) -> &'static str {
    match change {
        Change { unsure: true, .. } => "not looked at since a change was begun",
        Change { restored: true, .. } => "restored",
        Change { before_ms, after_ms, .. } if before_ms == after_ms => "unchanged",
        Change { before_ms: None, .. } => "new",
        Change { after_ms: None, .. } => "gone",
        Change { .. } => "renewed",
    }
}

/// Which part of the run an attempt took: where it began and how long it was, percent of the whole.
fn bar(view: &RunView, attempt: &Attempt) -> (f64, f64) {
    // Runs last for minutes: far below what a float holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run, and it is a picture")]
    let share = |ms: u64| {
        let whole = view.latest_ms.saturating_sub(view.started_ms).max(1);
        (ms.saturating_sub(view.started_ms) as f64 / whole as f64 * 100.0).clamp(0.0, 100.0)
    };
    let begins = share(attempt.began_ms);
    let ends = share(attempt.ended_ms.unwrap_or(view.latest_ms));
    (begins, (ends - begins).max(0.4))
}

/// A host's attempts that changed something or went wrong: what a picture of the run has room for.
fn acting<'a>(report: &'a Report<'_>, host: &str) -> Vec<&'a Attempt> {
    let shown =
        |attempt: &&Attempt| attempt.host == host && attempt.result != super::attempts::Result::Unchanged;
    report.attempts.iter().filter(shown).collect()
}

/// The hosts of the plan on which something was done, in its order.
fn hosts<'a>(view: &'a RunView, report: &Report<'_>) -> Vec<&'a str> {
    let names = view.plan().hosts.iter().map(|host| host.name.as_str());
    names.filter(|name| !acting(report, name).is_empty()).collect()
}

fn hand(hand: &Hand) -> String {
    format!("{} by {}, {} UTC", hand.what, hand.operator, when::seconds(hand.at_ms))
}

/// An id of a container, as long as crictl prints it.
fn id(whole: &str) -> &str {
    const SHOWN: usize = 13;
    whole.char_indices().nth(SHOWN).map_or(whole, |(end, _)| &whole[..end])
}

/// The last words of the command that failed, a line each.
fn words(attempt: &Attempt) -> Vec<String> {
    attempt
        .failure
        .as_ref()
        .map(|failure| crate::human::lines::last_words(&failure.error, 12))
        .unwrap_or_default()
}

/// What an operator was told and could let be, once for each host.
fn warnings(view: &RunView) -> Vec<(String, String, String)> {
    let of = |(id, task): (certwright_engine::plan::TaskId, &crate::view::TaskView)| {
        let host = view.plan().host(id).name.clone();
        let told = task.first.as_ref().map(certwright_steps::kinds::warnings).unwrap_or_default();
        told.into_iter().map(move |warning| (host.clone(), warning.what, warning.remedy))
    };
    view.tasks_with_ids().flat_map(of).collect()
}

/// A text that does not end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
