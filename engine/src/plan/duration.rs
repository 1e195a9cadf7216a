//! Durations as people write them, within bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use humantime::DurationError as Error;
use toml::Spanned;
use toml::de::DeValue;

use super::findings::{Findings, Found, Span, quote};
use super::scope::{misplaced, whole};
use super::section::{Node, type_finding};
use super::{Code, limits};

/// Bounds of a duration that is a value of a param or of `with`, ms.
pub(super) const ANY: RangeInclusive<u64> = 0..=limits::DURATION_MS;

/// The milliseconds of a duration's text.
pub(super) fn parse(
    text: &str,
    span: Span,
    what: &str,
    bounds: &RangeInclusive<u64>,
    findings: &mut Findings,
) -> Option<u64> {
    let duration = match humantime::parse_duration(text.trim()) {
        Ok(duration) => duration,
        Err(error) => {
            let message = format!("{what} is not a duration: {}", quote(text));
            let (label, help) = explain(text.trim(), &error);
            findings.report(Found::new(Code::BadDuration, span, message).label(label).help(help));
            return None;
        }
    };
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if duration.subsec_nanos() % 1_000_000 != 0 {
        let message = format!("{what} is finer than a millisecond");
        let found = Found::new(Code::OutOfBounds, span, message);
        findings.report(found.help(format!("write whole milliseconds: \"{}\"", human(ms.max(1)))));
        return None;
    }
    if !bounds.contains(&ms) {
        let message = format!("{what} is {}", human(ms));
        let label = format!("must be from {} to {}", human(*bounds.start()), human(*bounds.end()));
        let nearest = if ms < *bounds.start() { bounds.start() } else { bounds.end() };
        let found = Found::new(Code::OutOfBounds, span, message).label(label);
        findings.report(found.help(format!("the nearest that is possible is \"{}\"", human(*nearest))));
        return None;
    }
    Some(ms)
}

/// What is wrong with a text that is no duration, and how one is written.
fn explain(text: &str, error: &Error) -> (String, String) {
    let general = "write number and unit, such as \"90s\", \"2m 30s\" or \"30d\"".to_owned();
    match error {
        Error::InvalidCharacter(_) | Error::NumberExpected(_) if text.starts_with('-') => {
            ("a duration is never negative".to_owned(), general)
        }
        Error::InvalidCharacter(at) | Error::NumberExpected(at) => {
            let character = text.get(*at..).and_then(|rest| rest.chars().next());
            let label = match (at, character) {
                (0, _) | (_, None) => "must start with a number".to_owned(),
                (_, Some(character)) => {
                    format!("no number and no unit has {}", quote(&character.to_string()))
                }
            };
            (label, general)
        }
        Error::UnknownUnit { unit, value, .. } if unit.is_empty() => (
            "the unit is missing".to_owned(),
            format!("write \"{value}s\", \"{value}m\", \"{value}h\" or \"{value}d\""),
        ),
        Error::UnknownUnit { unit, .. } => {
            (format!("there is no unit {}", quote(unit)), "units are `ms`, `s`, `m`, `h` and `d`".to_owned())
        }
        Error::NumberOverflow => ("a number too large, or too fine".to_owned(), general),
        Error::Empty => ("is empty".to_owned(), general),
    }
}

/// The milliseconds of a value that must be a duration, with its place.
pub(super) fn read(
    node: &Node,
    what: &str,
    bounds: &RangeInclusive<u64>,
    findings: &mut Findings,
) -> Option<Spanned<u64>> {
    match node.get_ref() {
        DeValue::String(text) => {
            if let Some(name) = whole(text) {
                findings.report(misplaced(name, node.span(), what));
                return None;
            }
            parse(text, node.span(), what, bounds, findings).map(|ms| Spanned::new(node.span(), ms))
        }
        DeValue::Integer(number) => {
            let found = type_finding(what, "a duration", node);
            findings.report(found.help(format!("write the unit too, such as \"{}s\"", number.as_str())));
            None
        }
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            let found = type_finding(what, "a duration", node);
            findings.report(found.help("write it as text, such as \"90s\""));
            None
        }
    }
}

/// Milliseconds as people write them.
pub(super) fn human(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}
