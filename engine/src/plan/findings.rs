//! Mistakes while they are collected: one list a file.

use std::ops::Range;

use super::{Code, Source, limits};
use crate::text::escape;

/// Bytes of a source's text.
pub(super) type Span = Range<usize>;

/// One mistake, where it is and what to say about it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) code: Code,
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

impl Found {
    /// A mistake; `message` names the object.
    pub(super) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), label: String::new(), help: None }
    }

    /// What stands beside the caret.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The mistakes of one source.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) source: Source<'a>,
    pub(super) list: Vec<Found>,
    /// How many more there were than [`limits::MISTAKES`].
    pub(super) more: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, list: Vec::new(), more: 0 }
    }

    /// Adds one, or counts it when there are too many already.
    pub(super) fn report(&mut self, found: Found) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.list.push(found);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn is_full(&self) -> bool {
        self.list.len() >= limits::MISTAKES
    }

    /// Help for a name that is not known: the nearest known one, or else the few that there are.
    pub(super) fn suggest<'n>(&self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
        // A hostile file with 100,000 unknown names must not cost 100,000 searches.
        if self.is_full() {
            return None;
        }
        let known: Vec<&str> = known.into_iter().collect();
        if let Some(near) = nearest(name, &known) {
            return Some(format!("did you mean {}?", quote(near)));
        }
        (!known.is_empty()).then(|| format!("known here: {}", quote_some(&known)))
    }
}

/// The known name that `name` most likely was meant to be.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    let within = (length / 3).clamp(1, 4);
    known
        .iter()
        .filter(|k| k.chars().count().abs_diff(length) <= within)
        .map(|k| (strsim::osa_distance(&name, &k.to_lowercase()), *k))
        .filter(|(distance, _)| *distance <= within)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// Text of a file as a message may show it: escaped, shortened, in backticks.
pub(super) fn quote(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    format!("`{}`", escape(&shown).replace('\n', "\\n").replace('\t', "\\t"))
}

/// `` `a`, `b`, `c` ``.
pub(super) fn quote_all(texts: &[&str]) -> String {
    texts.iter().map(|t| quote(t)).collect::<Vec<_>>().join(", ")
}

/// The same, cut short.
pub(super) fn quote_some(texts: &[&str]) -> String {
    const SHOWN: usize = 12;
    match texts.len().checked_sub(SHOWN) {
        None | Some(0) => quote_all(texts),
        Some(more) => format!("{} and {more} more", quote_all(&texts[..SHOWN])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        let known = ["timeout", "retry", "with", "after"];
        for (written, meant) in [
            ("tiemout", Some("timeout")),
            ("TIMEOUT", Some("timeout")),
            ("wiht", Some("with")),
            ("retrys", Some("retry")),
            ("kubelet", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &known), meant, "{written}");
        }
    }

    #[test]
    fn what_a_message_quotes_cannot_break_the_line_or_the_terminal() {
        assert_eq!(quote("a\n\u{1b}[2J\u{202e}"), "`a\\n\\u{1b}[2J\\u{202e}`");
        assert_eq!(quote(&"x".repeat(5000)).len(), 85);
    }
}
