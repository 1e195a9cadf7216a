//! Values of a declared type, from TOML, from a reference, or from the text of a `--set`.

use serde_json::Value;
use toml::de::DeValue;

use super::findings::{Findings, Found, Span, quote, quote_all};
use super::scope::{Scope, Written, misplaced, whole};
use super::section::{Blanks, Node, as_list, check_characters, check_text, type_finding};
use super::types::{accepts, element_type, expected, words_of};
use super::{Code, FieldType, duration};

/// What became of a value.
#[derive(Debug)]
pub(super) enum Read {
    /// It is this.
    Known(Value),
    /// It is right, but not known before the inventory or a `--set` is.
    Later,
    /// It is wrong, and that was reported.
    Wrong,
}

impl Read {
    fn of(value: Option<Value>) -> Self {
        value.map_or(Self::Wrong, Self::Known)
    }
}

/// Reads values that may refer to others.
pub(super) struct Reader<'x, 'a> {
    /// What they may refer to; None where references are not possible.
    pub(super) scope: Option<&'x Scope>,
    /// Where mistakes go.
    pub(super) findings: &'x mut Findings<'a>,
}

impl Reader<'_, '_> {
    /// Reads one value of a type; `what` names it.
    pub(super) fn read(&mut self, ty: FieldType, node: &Node, what: &str) -> Read {
        if let DeValue::String(text) = node.get_ref() {
            return self.read_text(ty, text, node, what);
        }
        match ty {
            FieldType::Bool => match node.get_ref().as_bool() {
                Some(bool) => Read::Known(bool.into()),
                None => self.wrong_type(ty, node, what),
            },
            FieldType::Integer => match node.get_ref().as_integer() {
                Some(number) => {
                    let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
                    Read::of(integer(parsed, node.span(), what, self.findings))
                }
                None => self.wrong_type(ty, node, what),
            },
            FieldType::Duration => Read::of(
                duration::read(node, what, &duration::ANY, self.findings).map(|ms| ms.into_inner().into()),
            ),
            FieldType::Strings | FieldType::Paths | FieldType::SomeOf(_) => match node.get_ref() {
                DeValue::Array(elements) => self.list(ty, elements.iter(), what),
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Table(_) => self.wrong_type(ty, node, what),
            },
            FieldType::String
            | FieldType::OptionalString
            | FieldType::Path
            | FieldType::Group
            | FieldType::OneOf(_) => self.wrong_type(ty, node, what),
        }
    }

    fn read_text(&mut self, ty: FieldType, text: &str, node: &Node, what: &str) -> Read {
        match self.scope.map(|scope| (scope, scope.classify(text))) {
            Some((scope, Written::Reference(name))) => return self.refer(scope, ty, name, node.span(), what),
            Some((_, Written::Mixed(name))) => {
                let message = format!("{what} has text around `{{{{ {name} }}}}`");
                let found = Found::new(Code::ReferencePlace, node.span(), message);
                let found = found.label("a reference must be the whole value");
                let help =
                    "declare a param that holds the whole text, and write `\"{{ that-param }}\"` alone";
                self.findings.report(found.help(help));
                return Read::Wrong;
            }
            Some((_, Written::Broken)) => {
                let message = format!("{what} looks like a reference, and is none: {}", quote(text));
                let found = Found::new(Code::BrokenReference, node.span(), message);
                let found = found.label("a reference is a name in two braces: `{{ name }}`");
                let help = "where the text itself is meant, declare a param with it as the default, and refer to that";
                self.findings.report(found.help(help));
                return Read::Wrong;
            }
            Some((_, Written::Text)) => {}
            None => {
                if let Some(name) = whole(text) {
                    self.findings.report(misplaced(name, node.span(), what));
                    return Read::Wrong;
                }
            }
        }
        match ty {
            FieldType::Bool | FieldType::Integer => self.wrong_type(ty, node, what),
            FieldType::Strings | FieldType::Paths | FieldType::SomeOf(_) => {
                let found = type_finding(what, &expected(ty), node);
                let blanks = if ty == FieldType::Strings { Blanks::MaySeparate } else { Blanks::Separate };
                self.findings.report(found.help(as_list(text, blanks)));
                Read::Wrong
            }
            FieldType::String
            | FieldType::OptionalString
            | FieldType::Duration
            | FieldType::Path
            | FieldType::Group
            | FieldType::OneOf(_) => Read::of(leaf(ty, text, node.span(), what, self.findings)),
        }
    }

    fn list<'d>(&mut self, ty: FieldType, elements: impl Iterator<Item = &'d Node<'d>>, what: &str) -> Read {
        let mut values = Vec::new();
        let (mut later, mut wrong) = (false, false);
        let element = format!("an element of {what}");
        for node in elements {
            match self.element(ty, node, &element) {
                Read::Known(value) => {
                    if matches!(ty, FieldType::SomeOf(_)) && values.contains(&value) {
                        let message = format!("{what} lists {value} twice");
                        self.findings.report(Found::new(Code::Duplicate, node.span(), message));
                        wrong = true;
                    }
                    values.push(value);
                }
                Read::Later => later = true,
                Read::Wrong => wrong = true,
            }
        }
        match (wrong, later) {
            (true, _) => Read::Wrong,
            (false, true) => Read::Later,
            (false, false) => Read::Known(values.into()),
        }
    }

    fn element(&mut self, ty: FieldType, node: &Node, what: &str) -> Read {
        // In a list of texts an empty one is a legitimate argument of a command.
        let is_text =
            matches!((ty, node.get_ref()), (FieldType::Strings, DeValue::String(text)) if text.is_empty());
        if is_text { Read::Known("".into()) } else { self.read(element_type(ty), node, what) }
    }

    fn refer(&mut self, scope: &Scope, ty: FieldType, name: &str, span: Span, what: &str) -> Read {
        let Some(binding) = scope.refer(name) else {
            let message = format!("{what} refers to {}, which is not declared", quote(name));
            let mut found =
                Found::new(Code::UnknownParam, span, message).label("no such param or cluster fact");
            found.help = self.findings.suggest(name, scope.names());
            self.findings.report(found);
            return Read::Wrong;
        };
        let Some(bound) = binding.ty else { return Read::Later };
        if !accepts(ty, bound) {
            let message = format!("{what} must be {}, not {}", expected(ty), expected(bound));
            let label = format!("{} is {}", quote(name), expected(bound));
            self.findings.report(Found::new(Code::ReferenceType, span, message).label(label));
            return Read::Wrong;
        }
        let Some(value) = &binding.value else { return Read::Later };
        let what = format!("{what} ({})", scope.trace(&format!("{{{{{name}}}}}")).expect("it has a value"));
        let fits = words_of(ty).is_none_or(|words| {
            let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            texts.iter().all(|text| {
                word(text.as_str().expect("words come from texts"), words, span.clone(), &what, self.findings)
            })
        });
        if fits { Read::Known(value.clone()) } else { Read::Wrong }
    }

    fn wrong_type(&mut self, ty: FieldType, node: &Node, what: &str) -> Read {
        self.findings.report(type_finding(what, &expected(ty), node));
        Read::Wrong
    }
}

/// Reads the text of a `--set` as a value; lists are separated by commas.
pub(super) fn from_set(
    ty: FieldType,
    text: &str,
    span: Span,
    what: &str,
    findings: &mut Findings,
) -> Option<Value> {
    match ty {
        FieldType::Bool => {
            let bool = text.parse::<bool>().ok();
            if bool.is_none() {
                let message = format!("{what} must be true or false, not {}", quote(text));
                findings.report(Found::new(Code::WrongType, span, message));
            }
            bool.map(Value::from)
        }
        FieldType::Integer => {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                let message = format!("{what} must be a whole number, not {}", quote(text));
                findings.report(Found::new(Code::WrongType, span, message));
                return None;
            }
            integer(text.parse().ok(), span, what, findings)
        }
        FieldType::Strings | FieldType::Paths | FieldType::SomeOf(_) => {
            let elements = text.split(',').filter(|_| !text.is_empty());
            let read: Option<Vec<Value>> =
                elements.map(|e| leaf(element_type(ty), e.trim(), span.clone(), what, findings)).collect();
            read.map(Value::from)
        }
        FieldType::String
        | FieldType::OptionalString
        | FieldType::Duration
        | FieldType::Path
        | FieldType::Group
        | FieldType::OneOf(_) => leaf(ty, text, span, what, findings),
    }
}

/// A value that is written as text.
fn leaf(ty: FieldType, text: &str, span: Span, what: &str, findings: &mut Findings) -> Option<Value> {
    match ty {
        FieldType::Duration => duration::parse(text, span, what, &duration::ANY, findings).map(Value::from),
        FieldType::Path => path(text, span, what, findings).then(|| text.into()),
        FieldType::OneOf(words) => word(text, words, span, what, findings).then(|| text.into()),
        FieldType::String | FieldType::OptionalString | FieldType::Group => {
            check_text(text, span, what, findings).then(|| text.into())
        }
        FieldType::Bool
        | FieldType::Integer
        | FieldType::Strings
        | FieldType::Paths
        | FieldType::SomeOf(_) => unreachable!("{ty:?} is not written as text"),
    }
}

fn integer(number: Option<u64>, span: Span, what: &str, findings: &mut Findings) -> Option<Value> {
    // TOML and JSON readers of others agree on whole numbers up to here.
    const LARGEST: u64 = i64::MAX as u64;
    let fitting = number.filter(|n| *n <= LARGEST);
    if fitting.is_none() {
        let found = Found::new(Code::OutOfBounds, span, format!("{what} is out of bounds"));
        let found = found.label(format!("must be from 0 to {LARGEST}"));
        findings.report(found.help("write a whole number without a sign, such as 0 or 10"));
    }
    fitting.map(Value::from)
}

/// Whether a text is an absolute path that cannot climb; a finding when not.
pub(super) fn path(text: &str, span: Span, what: &str, findings: &mut Findings) -> bool {
    let label = if !text.starts_with('/') {
        "must start with `/`"
    } else if text.split('/').any(|part| part == "..") {
        "must not contain `..`"
    } else {
        return check_characters(text, span, what, findings);
    };
    let message = format!("{what} is not an absolute path: {}", quote(text));
    findings.report(Found::new(Code::BadPath, span, message).label(label));
    false
}

/// Whether a text is one of some words; a finding when not.
pub(super) fn word(text: &str, words: &[&str], span: Span, what: &str, findings: &mut Findings) -> bool {
    word_or(text, words, span, what, None, findings)
}

/// The same where it may be known which one is `meant`.
pub(super) fn word_or(
    text: &str,
    words: &[&str],
    span: Span,
    what: &str,
    meant: Option<&str>,
    findings: &mut Findings,
) -> bool {
    if words.contains(&text) {
        return true;
    }
    let message = format!("{what} cannot be {}", quote(text));
    let mut found =
        Found::new(Code::UnknownWord, span, message).label(format!("one of {}", quote_all(words)));
    let near = || findings.suggest(text, words.iter().copied()).filter(|help| help.starts_with("did you"));
    found.help = meant.map(|meant| format!("did you mean {}?", quote(meant))).or_else(near);
    findings.report(found);
    false
}
