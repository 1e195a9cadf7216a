//! Tables of a file, read key by key: what was not asked for is an unknown key.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::encoding::too_large;
use super::findings::{Findings, Found, Span, quote};
use super::scope::{misplaced, whole};
use super::{Code, foreign, limits};

/// A value and where it is.
pub(super) type Node<'d> = Spanned<DeValue<'d>>;

/// Parses a whole file; None when it is too large or not TOML, with the findings that say so.
pub(super) fn parse<'d>(findings: &mut Findings<'d>) -> Option<Spanned<DeTable<'d>>> {
    let text = findings.source.text;
    if text.len() > limits::FILE_BYTES {
        findings.report(too_large(text.len() as u64));
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let message = error.message().replace('\n', " ");
        findings.report(Found::new(Code::Syntax, span, format!("invalid TOML: {message}")));
    }
    if let Some(last) = findings.list.iter_mut().max_by_key(|found| found.span.start) {
        last.help = Some("the rest of this file is looked at once it is TOML".to_owned());
    }
    errors.is_empty().then_some(table)
}

/// A table whose keys are asked for one by one.
pub(super) struct Section<'d> {
    /// What it describes, for messages: "stage `renew`".
    pub(super) what: String,
    /// Where it is: its header.
    pub(super) span: Span,
    table: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The section of a table.
    pub(super) fn new(what: impl Into<String>, table: &'d DeTable<'d>, span: Span) -> Self {
        Self { what: what.into(), span, table, asked: Vec::new() }
    }

    /// The section of a value that must be a table.
    pub(super) fn of(what: impl Into<String>, node: &'d Node<'d>, findings: &mut Findings) -> Option<Self> {
        let what = what.into();
        if let DeValue::Table(table) = node.get_ref() {
            return Some(Self::new(what, table, node.span()));
        }
        wrong_type(&what, "a table", node, findings);
        None
    }

    /// The value of a key that may be left out.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'d Node<'d>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// The value of a key that must be there.
    pub(super) fn require(&mut self, key: &'static str, findings: &mut Findings) -> Option<&'d Node<'d>> {
        let node = self.get(key);
        if node.is_none() {
            let message = format!("{} has no {}", self.what, quote(key));
            let found = Found::new(Code::MissingKey, self.span.clone(), message);
            findings.report(found.label(format!("{} is missing", quote(key))));
        }
        node
    }

    /// The text under a key that may be left out.
    pub(super) fn text(&mut self, key: &'static str, findings: &mut Findings) -> Option<Spanned<String>> {
        let node = self.get(key)?;
        text(node, &self.name_of(key), findings)
    }

    /// The text under a key that must be there.
    pub(super) fn require_text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Spanned<String>> {
        let node = self.require(key, findings)?;
        text(node, &self.name_of(key), findings)
    }

    /// The `doc` of the section.
    pub(super) fn doc(&mut self, findings: &mut Findings) -> Option<String> {
        let doc = self.text("doc", findings)?;
        let chars = doc.get_ref().chars().count();
        if chars > limits::DOC_CHARS {
            let message = format!("{} has {chars} characters", self.name_of("doc"));
            let label = format!("at most {} characters", limits::DOC_CHARS);
            findings.report(Found::new(Code::BadText, doc.span(), message).label(label));
        }
        Some(doc.into_inner())
    }

    /// The tables of an array under `key`, whose header in a file is `[[header]]`.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        header: &str,
        findings: &mut Findings,
    ) -> Vec<&'d Node<'d>> {
        let Some(node) = self.get(key) else { return Vec::new() };
        match node.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            DeValue::Table(_) => {
                let message = format!("{} must be a list of tables", self.name_of(key));
                let found = Found::new(Code::WrongType, node.span(), message).label("this is one table");
                findings.report(found.help(format!("write `[[{header}]]` with two brackets")));
                Vec::new()
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {
                wrong_type(&self.name_of(key), "a list of tables", node, findings);
                Vec::new()
            }
        }
    }

    /// Whether the key is left out or an empty list.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.table.get(key).is_none_or(|node| node.get_ref().as_array().is_some_and(|list| list.is_empty()))
    }

    /// All keys with their values, for tables whose keys are names.
    pub(super) fn entries(&self) -> Vec<(Spanned<String>, &'d Node<'d>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (Spanned::new(key.span(), key.get_ref().to_string()), value))
            .collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// Reports every key that nobody asked for.
    pub(super) fn close(self, findings: &mut Findings) {
        self.close_with(|_| None, findings);
    }

    /// The same where it may be known what a key was meant to be.
    pub(super) fn close_with(self, meant: impl Fn(&str) -> Option<String>, findings: &mut Findings) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) {
                let message = format!("{} has an unknown key {}", self.what, quote(name));
                let mut found = Found::new(Code::UnknownKey, key.span(), message).label("means nothing here");
                found.help = meant(name)
                    .or_else(|| foreign::key(name, &self.asked))
                    .or_else(|| findings.suggest(name, self.asked.iter().copied()));
                findings.report(found);
            }
        }
    }

    /// "`key` of stage `renew`".
    pub(super) fn name_of(&self, key: &str) -> String {
        format!("{} of {}", quote(key), self.what)
    }
}

/// A value that must be text: not empty, without control characters but the line feed and the tab.
pub(super) fn text(node: &Node, what: &str, findings: &mut Findings) -> Option<Spanned<String>> {
    let DeValue::String(text) = node.get_ref() else {
        wrong_type(what, "text", node, findings);
        return None;
    };
    if let Some(name) = whole(text) {
        findings.report(misplaced(name, node.span(), what));
        return None;
    }
    check_text(text, node.span(), what, findings).then(|| Spanned::new(node.span(), text.to_string()))
}

/// Whether text is not empty and free of control characters; a finding when not.
pub(super) fn check_text(text: &str, span: Span, what: &str, findings: &mut Findings) -> bool {
    if text.is_empty() {
        let found = Found::new(Code::BadText, span, format!("{what} is empty"));
        findings.report(found.help("write what it is; a key that may be left out is left out"));
        return false;
    }
    check_characters(text, span, what, findings)
}

/// Whether text is free of control characters but the line feed and the tab; a finding when not.
pub(super) fn check_characters(text: &str, span: Span, what: &str, findings: &mut Findings) -> bool {
    let Some(control) = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t') else {
        return true;
    };
    let found = Found::new(Code::BadText, span, format!("{what} holds a control character"));
    let found = found.label(format!("U+{:04X}", u32::from(control)));
    findings.report(found.help("write it without: of these only the line end and the tab are taken"));
    false
}

/// A list of texts, each with its place.
pub(super) fn texts(node: &Node, what: &str, findings: &mut Findings) -> Option<Vec<Spanned<String>>> {
    let DeValue::Array(array) = node.get_ref() else {
        let mut found = type_finding(what, "a list of texts", node);
        if let DeValue::String(text) = node.get_ref() {
            found = found.help(as_list(text, Blanks::Separate));
        }
        findings.report(found);
        return None;
    };
    let one = format!("an element of {what}");
    let read: Vec<_> = array.iter().filter_map(|element| text(element, &one, findings)).collect();
    (read.len() == array.len()).then_some(read)
}

/// What a blank within a text is where a list of texts is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// What separates the elements: they are names, and hold none.
    Separate,
    /// That, most likely (the arguments of a program), but perhaps a part of the text.
    MaySeparate,
}

/// How to write a text as a list.
pub(super) fn as_list(text: &str, blanks: Blanks) -> String {
    const SHOWN: usize = 80;
    let words: Vec<&str> = text.split_whitespace().collect();
    // A shell would have read quotes and backslashes: where the arguments end is then not ours to say.
    if text.len() > SHOWN || words.is_empty() || text.contains(['"', '\'', '\\']) || text.contains("{{") {
        return "write it as a list, each element a text of its own: [\"a\", \"b c\"]".to_owned();
    }
    match (words.len(), blanks) {
        (1, _) => format!("write it as a list: [{text:?}]"),
        (_, Blanks::Separate) => format!("write it as a list: {words:?}"),
        (_, Blanks::MaySeparate) => {
            format!("write it as a list: {words:?}, or [{text:?}] where that is one text")
        }
    }
}

/// Reports a value of the wrong type.
pub(super) fn wrong_type(what: &str, expected: &str, node: &Node, findings: &mut Findings) {
    findings.report(type_finding(what, expected, node));
}

/// The finding of a value of the wrong type.
pub(super) fn type_finding(what: &str, expected: &str, node: &Node) -> Found {
    if let Some(name) = node.get_ref().as_str().and_then(whole) {
        return misplaced(name, node.span(), what);
    }
    let is = match node.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Found::new(Code::WrongType, node.span(), format!("{what} must be {expected}, not {is}"))
        .label(format!("expected {expected}"))
}
