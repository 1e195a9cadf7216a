//! What `kubeadm certs check-expiration` prints, as a table and as JSON.

use certwright_engine::host::Output;

use certwright_engine::text::escape;
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::tools::OutputError;
use crate::tools::output::{json, whole};

/// All rows of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expiration {
    /// Leaf certificates in the order printed.
    pub certificates: Vec<Expiry>,
    /// CAs in the order printed; none before 1.17.
    pub authorities: Vec<Expiry>,
    /// True when the cluster's configuration was not read and defaults were taken.
    pub fell_back_to_defaults: bool,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// kubeadm's name, escaped.
    pub name: String,
    /// NotAfter, seconds since 1970; None when the certificate is missing. The table has minutes only.
    pub expires: Option<i64>,
    /// The signing CA's name; empty for a CA, for kubeconfigs before 1.24, and when missing.
    pub authority: String,
    /// True when the CA's key is not on this node.
    pub external: bool,
    /// True when there is no such certificate.
    pub missing: bool,
}

/// Parses the table, of any release since 1.15.
pub fn parse_expiration_text(output: &Output) -> Result<Expiration, OutputError> {
    let what = "`kubeadm certs check-expiration`";
    let text = std::str::from_utf8(whole(what, &output.stdout)?).map_err(|e| OutputError::shape(what, e))?;
    let mut expiration =
        Expiration { fell_back_to_defaults: super::fell_back(output), ..Expiration::default() };
    let mut columns: Option<Columns<'_>> = None;
    for line in text.lines() {
        if line.starts_with("CERTIFICATE ") && line.contains("EXPIRES") {
            columns = Some(Columns::of_header(line));
        } else if line.trim().is_empty() {
            columns = None;
        } else if let Some(columns) = &columns {
            let row = columns.row(line).ok_or_else(|| OutputError::shape(what, line))?;
            let rows = if columns.of_authorities {
                &mut expiration.authorities
            } else {
                &mut expiration.certificates
            };
            rows.push(row);
        }
    }
    if expiration.certificates.is_empty() {
        return Err(OutputError::shape(what, "it has no table"));
    }
    Ok(expiration)
}

/// Where the columns of a table begin, as its header has them: cells may be empty, and dates hold spaces.
struct Columns<'a> {
    starts: Vec<(usize, &'a str)>,
    of_authorities: bool,
}

impl<'a> Columns<'a> {
    fn of_header(header: &'a str) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        // Titles hold single spaces; columns are apart by two and more.
        for title in header.split("  ") {
            let indent = title.len() - title.trim_start().len();
            if !title.trim().is_empty() {
                starts.push((at + indent, title.trim()));
            }
            at += title.len() + 2;
        }
        let of_authorities = starts.first().is_some_and(|(_, title)| *title == "CERTIFICATE AUTHORITY");
        Self { starts, of_authorities }
    }

    fn cell<'b>(&self, line: &'b str, title: &str) -> Option<&'b str> {
        let column = self.starts.iter().skip(1).position(|(_, t)| *t == title).map(|at| at + 1)?;
        let start = self.starts[column].0.min(line.len());
        let end = self.starts.get(column + 1).map_or(line.len(), |(start, _)| (*start).min(line.len()));
        Some(line.get(start..end)?.trim())
    }

    fn row(&self, line: &str) -> Option<Expiry> {
        let first = line.get(..self.starts.get(1)?.0.min(line.len()))?.trim();
        let (name, missing) = match first.strip_prefix("!MISSING! ") {
            Some(name) => (name, true),
            None => (first, false),
        };
        let expires = match self.cell(line, "EXPIRES")? {
            "" | "-" => None,
            date => Some(minute(date)?),
        };
        if name.is_empty() || missing == expires.is_some() {
            return None;
        }
        Some(Expiry {
            name: escape(name),
            expires,
            authority: escape(self.cell(line, "CERTIFICATE AUTHORITY").unwrap_or_default()),
            external: self.cell(line, "EXTERNALLY MANAGED").unwrap_or_default() == "yes",
            missing,
        })
    }
}

/// Seconds since 1970 of `Nov 24, 2027 21:08 UTC`.
fn minute(date: &str) -> Option<i64> {
    let format = format_description!("[month repr:short] [day], [year] [hour]:[minute] UTC");
    Some(PrimitiveDateTime::parse(date, format).ok()?.assume_utc().unix_timestamp())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    certificates: Vec<RowWire>,
    #[serde(default)]
    certificate_authorities: Vec<RowWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowWire {
    name: String,
    #[serde(default)]
    expiration_date: Option<String>,
    #[serde(default)]
    externally_managed: bool,
    #[serde(default)]
    ca_name: String,
    #[serde(default)]
    missing: bool,
}

/// Parses the JSON.
pub fn parse_expiration_json(output: &Output) -> Result<Expiration, OutputError> {
    let wire: Wire = json(WHAT_JSON, &output.stdout)?;
    let rows = |rows: Vec<RowWire>| rows.into_iter().map(row).collect::<Result<Vec<_>, _>>();
    Ok(Expiration {
        certificates: rows(wire.certificates)?,
        authorities: rows(wire.certificate_authorities)?,
        fell_back_to_defaults: super::fell_back(output),
    })
}

const WHAT_JSON: &str = "`kubeadm certs check-expiration -o json`";

fn row(wire: RowWire) -> Result<Expiry, OutputError> {
    // A missing certificate has a null date, and a residual time of 0 that means nothing.
    let expires = match wire.expiration_date.filter(|_| !wire.missing) {
        Some(date) => {
            let date = OffsetDateTime::parse(&date, &Rfc3339)
                .map_err(|_| OutputError::shape(WHAT_JSON, format!("`{date}` as a date")))?;
            Some(date.unix_timestamp())
        }
        None if wire.missing => None,
        None => return Err(OutputError::shape(WHAT_JSON, format!("no date of `{}`", wire.name))),
    };
    Ok(Expiry {
        name: escape(&wire.name),
        expires,
        authority: escape(&wire.ca_name),
        external: wire.externally_managed,
        missing: wire.missing,
    })
}
