//! The survey as comma-separated values (RFC 4180): a line for each certificate, one for each host that failed.

use super::Survey;
use crate::when;

/// The columns.
const HEADING: [&str; 15] = [
    "host",
    "certificate",
    "path",
    "state",
    "not_before",
    "not_after",
    "residual_s",
    "subject",
    "issuer",
    "serial",
    "sans",
    "usages",
    "key",
    "signed_by",
    "served",
];

/// All of it, a header first; whoever writes it ends its lines as the RFC wants.
pub(crate) fn text(survey: &Survey) -> String {
    let mut out = line(&HEADING.map(str::to_owned));
    for report in &survey.reports {
        if let Some(error) = &report.error {
            let mut cells = [const { String::new() }; HEADING.len()];
            cells[0].clone_from(&report.host);
            "unreachable".clone_into(&mut cells[3]);
            cells[7].clone_from(&error.message);
            out.push_str(&line(&cells));
        }
        for row in &report.rows {
            let own = row.certificate.as_ref();
            let of = |what: &dyn Fn(&certwright_steps::pki::Certificate) -> String| {
                own.map(what).unwrap_or_default()
            };
            let subject = own.map_or_else(Clone::clone, |own| own.subject.clone());
            out.push_str(&line(&[
                row.host.clone(),
                row.name.clone(),
                row.path.clone(),
                row.state(survey.now, survey.within_s).word().to_owned(),
                of(&|own| when::instant(own.not_before)),
                of(&|own| when::instant(own.not_after)),
                of(&|own| own.residual(survey.now).to_string()),
                subject,
                of(&|own| own.issuer.clone()),
                of(&|own| own.serial.clone()),
                of(&|own| own.sans.join(" ")),
                of(&|own| own.usages.join(" ")),
                row.key.word().to_owned(),
                row.signed_by.clone().unwrap_or_default(),
                Survey::served(row).to_owned(),
            ]));
        }
    }
    out
}

fn line(cells: &[String; HEADING.len()]) -> String {
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n"
}

/// A cell; in quotes where it holds what would end it.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_holds_a_separator_is_quoted() {
        for (cell, expected) in
            [("a", "a"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\nb", "\"a\nb\""), ("", "")]
        {
            assert_eq!(quoted(cell), expected);
        }
    }
}
