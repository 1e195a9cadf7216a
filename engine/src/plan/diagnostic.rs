//! Mistakes as people and scripts see them: all at once, each with its place, an excerpt and a remedy.
//!
//! Deliberately absent: printing. The CLI decides where the text goes and whether it has colours.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
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
        let snippet = Snippet::source(self.excerpt.as_str())
            .line_start(self.line)
            .path(self.file.as_str())
            .annotation(caret);
        let mut group = Level::ERROR.primary_title(self.message.as_str()).id(self.code.id()).element(snippet);
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
    const AROUND: usize = 200;
    if line.len() <= 2 * AROUND {
        return (line.trim_end_matches('\r').to_owned(), mark);
    }
    let from = floor(line, mark.start.saturating_sub(AROUND / 2));
    let to = floor(line, mark.start + AROUND);
    (line[from..to].to_owned(), mark.start - from..mark.end.min(to) - from)
}
