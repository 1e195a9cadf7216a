//! `retry` and `timeout` of a step.

use toml::Spanned;

use super::findings::{Findings, Found, quote};
use super::section::{Section, texts, type_finding};
use super::value::{word, word_or};
use super::{Backoff, Code, ErrorClass, Retry, duration, foreign, limits};

const BACKOFFS: [(&str, Backoff); 2] =
    [("constant", Backoff::Constant), ("exponential", Backoff::Exponential)];

/// Reads `timeout` of a step, ms.
pub(super) fn timeout(section: &mut Section, default: u64, findings: &mut Findings) -> u64 {
    let Some(node) = section.get("timeout") else { return default };
    let bounds = limits::TIMEOUT_MIN_MS..=limits::TIMEOUT_MAX_MS;
    let what = section.name_of("timeout");
    duration::read(node, &what, &bounds, findings).map_or(default, Spanned::into_inner)
}

/// Reads `retry` of a step; what it leaves out is as in [`Retry::default`].
pub(super) fn retry(step: &mut Section, findings: &mut Findings) -> Retry {
    let mut retry = Retry::default();
    let Some(node) = step.get("retry") else { return retry };
    let what = step.name_of("retry");
    let Some(mut section) = Section::of(what, node, findings) else { return retry };

    if let Some(attempts) = attempts(&mut section, findings) {
        retry.attempts = attempts;
    }
    if let Some(classes) = classes(&mut section, findings) {
        retry.on = classes;
    }
    if let Some(backoff) = backoff(&mut section, findings) {
        retry.backoff = backoff;
    }
    if let Some(node) = section.get("jitter") {
        match node.get_ref().as_bool() {
            Some(jitter) => retry.jitter = jitter,
            None => findings.report(type_finding(&section.name_of("jitter"), "true or false", node)),
        }
    }
    delays(&mut section, &mut retry, findings);
    section.close(findings);
    retry
}

/// `attempts`, which a written `retry` must have: its default of one would make everything else void.
fn attempts(section: &mut Section, findings: &mut Findings) -> Option<u32> {
    let node = section.require("attempts", findings)?;
    let what = section.name_of("attempts");
    let Some(number) = node.get_ref().as_integer() else {
        findings.report(type_finding(&what, "a whole number", node));
        return None;
    };
    let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
    let fitting = parsed.filter(|n| (1..=limits::ATTEMPTS).contains(n));
    if fitting.is_none() {
        let found = Found::new(Code::OutOfBounds, node.span(), format!("{what} is out of bounds"));
        let found = found.label(format!("must be from 1 to {}", limits::ATTEMPTS));
        findings.report(
            found.help("the first attempt counts, so 1 is the least; to bound them by time, use `within`"),
        );
    }
    fitting.and_then(|n| u32::try_from(n).ok())
}

fn classes(section: &mut Section, findings: &mut Findings) -> Option<Vec<ErrorClass>> {
    let node = section.get("on")?;
    let what = section.name_of("on");
    let written = texts(node, &what, findings)?;
    let names: Vec<&str> =
        ErrorClass::ALL.iter().filter(|class| **class != ErrorClass::Denied).map(|c| c.name()).collect();
    let mut classes: Vec<ErrorClass> = Vec::new();
    for name in &written {
        let Some(class) = ErrorClass::ALL.into_iter().find(|class| class.name() == name.get_ref()) else {
            let (element, meant) = (format!("an element of {what}"), foreign::error_class(name.get_ref()));
            word_or(name.get_ref(), &names, name.span(), &element, meant, findings);
            continue;
        };
        if class == ErrorClass::Denied {
            let message = format!("{what} lists `denied`");
            let found = Found::new(Code::Contradiction, name.span(), message).label("is never tried again");
            findings
                .report(found.help("a login that was refused is refused again, and may lock the account"));
        } else if classes.contains(&class) {
            let message = format!("{what} lists {} twice", quote(name.get_ref()));
            findings.report(Found::new(Code::Duplicate, name.span(), message));
        } else {
            classes.push(class);
        }
    }
    if written.is_empty() {
        let found = Found::new(Code::Contradiction, node.span(), format!("{what} is empty"));
        findings.report(found.label("nothing would be tried again").help("leave `retry` out instead"));
    }
    Some(classes)
}

fn backoff(section: &mut Section, findings: &mut Findings) -> Option<Backoff> {
    let written = section.text("backoff", findings)?;
    let words = BACKOFFS.map(|(word, _)| word);
    word(written.get_ref(), &words, written.span(), &section.name_of("backoff"), findings);
    BACKOFFS.iter().find(|(word, _)| word == written.get_ref()).map(|(_, backoff)| *backoff)
}

/// `delay`, `max-delay` and `within`, which must fit each other.
fn delays(section: &mut Section, retry: &mut Retry, findings: &mut Findings) {
    let mut read = |key: &'static str, bounds, findings: &mut Findings| {
        let node = section.get(key)?;
        duration::read(node, &section.name_of(key), &bounds, findings)
    };
    let delay = read("delay", 0..=limits::DELAY_MS, findings);
    let max_delay = read("max-delay", 0..=limits::DELAY_MS, findings);
    let within = read("within", limits::WITHIN_MIN_MS..=limits::WITHIN_MAX_MS, findings);
    if let Some(delay) = &delay {
        retry.delay_ms = *delay.get_ref();
    }
    match &max_delay {
        Some(max) if *max.get_ref() < retry.delay_ms => {
            let what = section.name_of("max-delay");
            let message =
                format!("{what} is shorter than its `delay` of {}", duration::human(retry.delay_ms));
            let found = Found::new(Code::Contradiction, max.span(), message);
            findings.report(found.help("make `max-delay` at least as long as `delay`, or `delay` shorter"));
        }
        Some(max) => retry.max_delay_ms = *max.get_ref(),
        None => retry.max_delay_ms = retry.max_delay_ms.max(retry.delay_ms),
    }
    if let Some(within) = within {
        if *within.get_ref() < retry.delay_ms {
            let what = section.name_of("within");
            let message =
                format!("{what} is shorter than its `delay` of {}", duration::human(retry.delay_ms));
            let found = Found::new(Code::Contradiction, within.span(), message);
            let found = found.label("no second attempt would ever start");
            findings
                .report(found.help("make `within` longer than all the delays together, or `delay` shorter"));
        }
        retry.within_ms = Some(within.into_inner());
    }
}
