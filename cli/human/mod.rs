//! Text for an operator under stress: pure functions of a [`RunView`](crate::view::RunView) and its records.
//!
//! Deliberately absent: writing (see [`crate::reporter`]) and looking at anything but the view.

pub(crate) mod certificates;

pub(crate) mod check;

pub(crate) mod doctor;

pub(crate) mod certs;

pub(crate) mod left_out;

pub(crate) mod lines;

pub(crate) mod live;

pub(crate) mod preview;

pub(crate) mod report;

pub(crate) mod table;

pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::failure::Failure;

/// A failure: mistakes with their excerpts, or the cause in one line; then what to do.
pub(crate) fn failure(failure: &Failure) -> String {
    let mut out = match &failure.mistakes {
        Some(mistakes) => mistakes.text.clone(),
        None => format!("error: {}\n", failure.message),
    };
    for hint in failure.hints.iter().flat_map(|hint| hint.lines()) {
        let _infallible = writeln!(out, "  {hint}");
    }
    out
}

/// A word as it is typed into a shell.
pub(crate) fn word(text: &str) -> String {
    certwright_engine::host::Command::reads([text]).display()
}

/// `1 task`, `3 tasks`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
