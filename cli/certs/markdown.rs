//! The survey as Markdown: what is to be said, and a table of certificates, for a ticket or a wiki.

use std::fmt::Write as _;

use certwright_steps::certs::residual;

use super::Survey;
use crate::when;

/// All of it.
pub(crate) fn text(survey: &Survey) -> String {
    let mut out = format!("# Certificates, {} UTC\n\n", when::date_of(survey.now));
    if survey.findings.is_empty() {
        out.push_str("Nothing is to be said of them.\n\n");
    }
    for finding in &survey.findings {
        let (severity, what, remedy) = (finding.severity.word(), cell(&finding.what), cell(&finding.remedy));
        let _infallible = writeln!(out, "- **{severity}**: {what}. *{remedy}*");
    }
    if !survey.findings.is_empty() {
        out.push('\n');
    }
    out.push_str("| host | certificate | ends (UTC) | left | signed by | key | served |\n");
    out.push_str("|---|---|---|---|---|---|---|\n");
    for report in survey.failed() {
        let why = report.error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
        let _infallible = writeln!(out, "| {} | | {} | | | | |", cell(&report.host), cell(why));
    }
    for row in survey.rows() {
        let (ends, left) = match &row.certificate {
            Ok(own) => (when::date_of(own.not_after), residual(own.residual(survey.now))),
            Err(why) => (cell(why), String::new()),
        };
        let (host, name) = (cell(&row.host), cell(&row.name));
        let signed_by = cell(row.signed_by.as_deref().unwrap_or_default());
        let (key, served) = (row.key.word(), Survey::served(row));
        let _infallible =
            writeln!(out, "| {host} | {name} | {ends} | {left} | {signed_by} | {key} | {served} |");
    }
    out
}

/// Text in which nothing ends a cell or means more than it says.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_in_its_cell_and_is_no_markup() {
        assert_eq!(cell("a|b\n<img> *x* [y](z)"), "a\\|b \\<img\\> \\*x\\* \\[y\\](z)");
    }
}
