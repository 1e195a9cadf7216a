//! Mistakes as people and scripts see them: all at once, each with its place, an excerpt and a remedy.
//!
//! Deliberately absent: printing. The CLI decides where the text goes and whether it has colours.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::findings::{Findings, Found, Span};
use super::{Code, limits};

/// A text to read and the name people know it by.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its path as shown to people.
    pub name: &'a str,
    /// The text itself.
    pub text: &'a str,
}

/// Whether the rendered text holds ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Plain,
    /// With escape sequences for colours.
    Ansi,
}

/// One mistake in a plan, an inventory, a `--set` or a `--limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub code: Code,
    /// The file, as its [`Source`] is named; `--set` and `--limit` for the command line.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1 in characters.
    pub column: usize,
    /// One line that names the object and what is wrong with it.
    pub message: String,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// What to do about it; the nearest known name where there is one.
    pub help: Option<String>,
    /// The line itself, for the excerpt.
    #[serde(skip)]
    excerpt: String,
    /// The bytes of `excerpt` that the caret marks.
    #[serde(skip)]
    mark: Span,
}

/// All mistakes that were found, in the order of the files and of the places in them. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    /// The mistakes.
    mistakes: Vec<Diagnostic>,
    /// How many more there are.
    more: usize,
}

impl Diagnostics {
    /// All mistakes of some sources; Ok when there are none.
    pub(super) fn gather(sources: &[&Findings]) -> Result<(), Self> {
        let mut list = Vec::new();
        let mut more = 0;
        for findings in sources {
            let mut found: Vec<&Found> = findings.list.iter().collect();
            found.sort_by_key(|f| (f.span.start, f.span.end, f.code));
            list.extend(found.into_iter().map(|f| Diagnostic::new(findings, f)));
            more += findings.more;
        }
        more += list.len().saturating_sub(limits::MISTAKES);
        list.truncate(limits::MISTAKES);
        if list.is_empty() { Ok(()) } else { Err(Self { mistakes: list, more }) }
    }

    /// The mistakes in order, at most [`limits::MISTAKES`].
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.mistakes.iter()
    }

    /// How many mistakes there are beyond those.
    pub fn more(&self) -> usize {
        self.more
    }

    /// The report for people: for each mistake its code, place, excerpt with caret, and remedy.
    pub fn render(&self, color: Color) -> String {
        let renderer = match color {
            Color::Plain => Renderer::plain(),
            Color::Ansi => Renderer::styled(),
        };
        let mut out: String = self.mistakes.iter().map(|d| d.render(&renderer) + "\n\n").collect();
        out.push_str(&self.to_string());
        out.push('\n');
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.mistakes.len() + self.more;
        write!(f, "{all} mistake{}; nothing was run", if all == 1 { "" } else { "s" })?;
        if self.more > 0 {
            write!(f, " ({} of them not shown)", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl Diagnostic {
    fn new(findings: &Findings, found: &Found) -> Self {
        let text = findings.source.text;
        let start = floor(text, found.span.start);
        let end = floor(text, found.span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let (excerpt, mark) =
            cut(&text[line_start..line_end], start - line_start..end.min(line_end) - line_start);
        Self {
            code: found.code,
            file: findings.source.name.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            message: found.message.clone(),
            label: found.label.clone(),
            help: found.help.clone(),
            excerpt,
            mark,
        }
    }

    fn render(&self, renderer: &Renderer) -> String {
        let caret = AnnotationKind::Primary.span(self.mark.clone()).label(self.label.as_str());
        let snippet = Snippet::source(self.excerpt.as_str()).line_start(self.line).annotation(caret);
        let title = Level::ERROR.primary_title(self.message.as_str()).id(self.code.id());
        // A line that was cut no longer tells its own columns.
        let is_whole = self.excerpt[..self.mark.start].chars().count() + 1 == self.column;
        let mut group = if is_whole {
            title.element(snippet.path(self.file.as_str()))
        } else {
            let origin = Origin::path(self.file.as_str()).line(self.line).char_column(self.column);
            title.element(origin).element(snippet)
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// The nearest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Cuts a very long line down to what surrounds the mark.
fn cut(line: &str, mark: Span) -> (String, Span) {
    // The renderer shortens lines itself, but reads all of them: 200 mistakes in a line of 1 MB take seconds.
    const WHOLE: usize = 10_000;
    const AROUND: usize = 200;
    if line.len() <= WHOLE {
        // The carriage returns at its end are not shown, so nothing there can be marked.
        let line = line.trim_end_matches('\r');
        return (line.to_owned(), mark.start.min(line.len())..mark.end.min(line.len()));
    }
    let from = floor(line, mark.start.saturating_sub(AROUND / 2));
    let to = floor(line, mark.start + AROUND);
    (line[from..to].to_owned(), mark.start - from..mark.end.min(to) - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Source;

    fn render(text: &str, span: Span) -> (Diagnostic, String) {
        let mut findings = Findings::new(Source { name: "f.toml", text });
        findings.report(Found::new(Code::BadText, span, "a message").label("here"));
        let all = Diagnostics::gather(&[&findings]).expect_err("there is one");
        (all.mistakes[0].clone(), all.render(Color::Plain))
    }

    #[test]
    fn a_mistake_in_an_endless_line_is_shown_with_its_own_column_and_not_the_whole_line() {
        let text = format!("a\n{}WRONG{}\nb", "ä".repeat(500_000), "ö".repeat(500_000));
        let at = text.find("WRONG").expect("is there");
        let (diagnostic, shown) = render(&text, at..at + 5);
        assert_eq!((diagnostic.line, diagnostic.column), (2, 500_001));
        assert!(shown.contains("f.toml:2:500001"), "{shown}");
        assert!(shown.contains("^^^^^ here") && shown.contains("WRONG"), "{shown}");
        assert!(shown.len() < 1_000, "{} bytes", shown.len());
    }

    #[test]
    fn a_place_is_shown_wherever_it_is() {
        for (text, span, line, column) in [
            ("", 0..0, 1, 1),
            ("", 7..9, 1, 1),
            ("a", 1..1, 1, 2),
            ("a\n", 2..2, 2, 1),
            ("a\r\nb\r\n", 3..6, 2, 1),
            ("a\r\nb\r\n", 1..3, 1, 2),
            ("a\r\r\r\nb\r\n", 3..5, 1, 4),
            ("\r\r\r\n", 1..2, 1, 2),
            ("x\n[t]\na = 1\n", 2..11, 2, 1),
            ("\tä = 1", 2..3, 1, 2),
        ] {
            let (diagnostic, shown) = render(text, span.clone());
            assert_eq!((diagnostic.line, diagnostic.column), (line, column), "{text:?} {span:?}");
            assert!(shown.contains("here"), "{text:?} {span:?} {shown}");
        }
    }
}
