//! Certificates as text: a matrix of certificates and hosts, or a line each; then what is to be said of them.
//!
//! Only ASCII is written, but for what a certificate or a path holds itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use certwright_steps::certs::{Finding, Report, Row, Severity, State, residual};

use super::count;
use super::live::cut;
use super::table::{Cell, table};
use crate::certs::Survey;
use crate::terminal::{Terminal, Tone, wrap};
use crate::when;

/// How much is shown of each certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// A line each: what ends when.
    Narrow,
    /// A line each, with all that is known.
    Wide,
}

/// Columns a matrix may have where the output has no width of its own.
const UNBOUNDED: usize = 120;

/// A matrix: a line for each certificate, a column for each host; None where it would be too wide.
pub(crate) fn matrix(survey: &Survey, terminal: Terminal) -> Option<String> {
    let hosts: Vec<&Report> = survey.reports.iter().filter(|report| !report.rows.is_empty()).collect();
    let mut names: Vec<&str> = Vec::new();
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for row in survey.rows() {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
        cells.insert((&row.name, &row.host), left(row, survey));
    }
    // Authorities last, as kubeadm has them, whatever only a later host has.
    let rank = |name: &&str| survey.rows().filter(|row| row.name == **name).any(is_authority);
    names.sort_by_key(rank);
    let mut heading = vec!["CERTIFICATE"];
    heading.extend(hosts.iter().map(|report| report.host.as_str()));
    let mut rows = Vec::new();
    for name in names {
        let mut line = vec![Cell::plain(name)];
        for report in &hosts {
            line.push(cells.remove(&(name, report.host.as_str())).unwrap_or_else(|| Cell::plain("-")));
        }
        rows.push(line);
    }
    let plain = table(&heading, &rows, 0, crate::terminal::Paint::Plain);
    let widest = plain.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    (!hosts.is_empty() && widest <= terminal.width.unwrap_or(UNBOUNDED))
        .then(|| table(&heading, &rows, 0, terminal.paint))
}

fn is_authority(row: &Row) -> bool {
    match row.kind {
        certwright_steps::certs::Kind::Authority => !row.name.contains("kubelet"),
        certwright_steps::certs::Kind::Leaf => false,
    }
}

/// What is left of a certificate.
fn left(row: &Row, survey: &Survey) -> Cell {
    let left = row.certificate.as_ref().map(|own| residual(own.residual(survey.now))).unwrap_or_default();
    let (text, tone) = match row.state(survey.now, survey.within_s) {
        State::Expired => (format!("EXPIRED {left}"), Tone::Bad),
        State::Within => (format!("{left} !"), Tone::Warn),
        State::NotYetValid => ("NOT YET".to_owned(), Tone::Bad),
        State::Valid => (left, Tone::Good),
        State::Unreadable if row.is_missing() => ("MISSING".to_owned(), Tone::Bad),
        State::Unreadable => ("UNREADABLE".to_owned(), Tone::Bad),
    };
    Cell { text, tone }
}

/// The lines of some hosts; with a heading where they are the first.
pub(crate) fn lines(reports: &[Report], width: Width, survey: &Survey, terminal: Terminal) -> String {
    let heading: &[&str] = match width {
        Width::Narrow => &["HOST", "CERTIFICATE", "ENDS (UTC)", "LEFT"],
        Width::Wide => &[
            "HOST",
            "CERTIFICATE",
            "ENDS (UTC)",
            "LEFT",
            "SIGNED BY",
            "KEY",
            "SERVED",
            "SERIAL",
            "USAGES",
            "SANS",
            "PATH",
        ],
    };
    let rows: Vec<Vec<Cell>> =
        reports.iter().flat_map(|report| &report.rows).map(|row| line(row, width, survey)).collect();
    table(heading, &rows, 0, terminal.paint)
}

fn line(row: &Row, width: Width, survey: &Survey) -> Vec<Cell> {
    let own = row.certificate.as_ref().ok();
    let ends = own.map_or_else(|| "-".to_owned(), |own| when::date_of(own.not_after));
    let mut line = vec![Cell::plain(&row.host), Cell::plain(&row.name), Cell::plain(ends), left(row, survey)];
    match width {
        Width::Narrow => {}
        Width::Wide => {
            let or_none = |text: String| Cell::plain(if text.is_empty() { "-".to_owned() } else { text });
            line.extend([
                or_none(row.signed_by.clone().unwrap_or_default()),
                Cell::plain(row.key.word()),
                or_none(Survey::served(row).to_owned()),
                or_none(own.map(|own| own.serial.clone()).unwrap_or_default()),
                or_none(own.map(|own| own.usages.join(",")).unwrap_or_default()),
                or_none(own.map(|own| own.sans.join(",")).unwrap_or_default()),
                Cell::plain(&row.path),
            ]);
        }
    }
    line
}

/// A host that has just answered, in a line: what of it ends first, or why nothing is known.
pub(crate) fn answer(report: &Report, survey: &Survey, terminal: Terminal) -> String {
    if let Some(error) = &report.error {
        return terminal.paint.tone(Tone::Warn, &error.message);
    }
    let host = terminal.paint.tone(Tone::Strong, &report.host);
    let ends = |row: &&Row| row.certificate.as_ref().map_or(i64::MIN, |own| own.not_after);
    let first = report.rows.iter().min_by_key(ends).map_or_else(String::new, |row| {
        let Cell { text, tone } = left(row, survey);
        format!(", the next to end is {}: {}", row.name, terminal.paint.tone(tone, &text))
    });
    format!("{host}  {}{first}", count(report.rows.len(), "certificate"))
}

/// Who has not answered yet, in a line that fits.
pub(crate) fn waiting(of: usize, left: &[&str], terminal: Terminal) -> String {
    let not_yet = if left.is_empty() { String::new() } else { format!("; not yet: {}", left.join(", ")) };
    let line = format!("{} of {}{not_yet}", of - left.len(), count(of, "host"));
    let line = cut(&line, terminal.width.unwrap_or(UNBOUNDED) - 1);
    terminal.paint.tone(Tone::Faint, &line)
}

/// Findings of one kind on one host that are told one by one; of more the first is, and the others are counted.
const FEW: usize = 3;

/// What is to be said, each with what helps; then all of it in a line.
pub(crate) fn findings(survey: &Survey, terminal: Terminal) -> String {
    let mut out = String::new();
    let mut rest = survey.findings.as_slice();
    while let Some(first) = rest.first() {
        let is_like =
            |finding: &&Finding| finding.id == first.id && finding.subject.host == first.subject.host;
        let alike = rest.iter().take_while(is_like).count();
        let shown = if alike > FEW { 1 } else { alike };
        for finding in &rest[..shown] {
            out.push_str(&one(finding, terminal));
        }
        if alike > shown {
            let more = format!("and {} more of {}", alike - shown, first.subject.host);
            let _infallible = writeln!(out, "{:7}  {more}", "");
        }
        rest = &rest[alike..];
        // Many have one cure: it stands under the last of them.
        if rest.first().is_none_or(|next| next.remedy != first.remedy || next.severity != first.severity) {
            for piece in wrap(&first.remedy, room(terminal)) {
                let _infallible = writeln!(out, "{}  {piece}", terminal.paint.tone(Tone::Faint, "   help"));
            }
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&closing(survey, terminal));
    out
}

fn room(terminal: Terminal) -> Option<usize> {
    terminal.width.map(|width| width.saturating_sub(9))
}

fn one(finding: &Finding, terminal: Terminal) -> String {
    let (word, tone) = match finding.severity {
        Severity::Expired => ("EXPIRED", Tone::Bad),
        Severity::Warn => ("WARN", Tone::Warn),
        Severity::Note => ("NOTE", Tone::Faint),
    };
    let mut out = String::new();
    for (n, piece) in wrap(&finding.what, room(terminal)).iter().enumerate() {
        let head = format!("{:7}", if n == 0 { word } else { "" });
        let _infallible = writeln!(out, "{}  {piece}", terminal.paint.tone(tone, &head));
    }
    out
}

fn closing(survey: &Survey, terminal: Terminal) -> String {
    let of = |severity| survey.findings.iter().filter(|finding| finding.severity == severity).count();
    let (expired, warn) = (of(Severity::Expired), of(Severity::Warn));
    let (word, tone) = match (expired, warn) {
        (0, 0) => ("SOUND", Tone::Good),
        (0, _) => ("WARN", Tone::Warn),
        (_, _) => ("EXPIRED", Tone::Bad),
    };
    let said = match (expired, warn) {
        (0, 0) => "nothing is to be said".to_owned(),
        (0, warn) => format!("{} to be looked at", count(warn, "thing")),
        (expired, 0) => format!("{} expired", count(expired, "certificate")),
        (expired, warn) => {
            format!("{} expired, {} to be looked at", count(expired, "certificate"), count(warn, "thing"))
        }
    };
    let ends = survey.rows().filter_map(|row| Some((row, row.certificate.as_ref().ok()?.not_after)));
    let first = ends.filter(|(_, at)| *at >= survey.now).min_by_key(|(_, at)| *at);
    let first = first.map_or_else(String::new, |(row, at)| {
        format!("; the next to end is {} of {}, {} UTC", row.name, row.host, when::date_of(at))
    });
    let (rows, hosts) = (survey.rows().count(), survey.reports.len());
    let failed = match survey.failed().count() {
        0 => String::new(),
        n => format!(", {n} of which could not be looked at"),
    };
    format!(
        "{}  {said}\n  {} on {}{failed}{first}; nothing was changed\n",
        terminal.paint.tone(tone, word),
        count(rows, "certificate"),
        count(hosts, "host")
    )
}
