//! Every certificate of a cluster: what is looked at, the asking of many hosts, and how the answer is written.
//!
//! Invariant: nothing is changed, by construction: all hosts are read-only. A host that does not answer is a finding,
//! not the end. Each writer is a pure function of a [`Survey`]. Deliberately absent: text for people (see
//! [`crate::human::certs`]), and judgement (see [`certwright_steps::certs`]).

mod names;

mod target;

mod live;

mod ask;

pub(crate) mod json;

pub(crate) mod csv;

pub(crate) mod markdown;

pub(crate) mod prometheus;

#[cfg(test)]
mod tests;

use certwright_steps::certs::{Finding, Report, Row, Severity, Wanted, judge};

pub(crate) use ask::{Asked, Connections, ask};
pub(crate) use live::{Audience, Live};
pub(crate) use target::Target;

use crate::exit::Exit;

/// By how many seconds clocks may differ; a preflight accepts as much.
const SKEW_S: i64 = 30;

/// What a look at all hosts told.
pub(crate) struct Survey {
    /// Each host, in the order of the inventory or the command line, the workstation last.
    pub(crate) reports: Vec<Report>,
    /// What is to be said, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// When it was looked, seconds since 1970.
    pub(crate) now: i64,
    /// What ends within so many seconds is told.
    pub(crate) within_s: i64,
}

impl Survey {
    /// Judges what was seen; `renew` is the command that renews.
    pub(crate) fn new(reports: Vec<Report>, now: i64, within_s: i64, renew: &str) -> Self {
        let findings = judge(&reports, &Wanted { now, within_s, skew_s: SKEW_S, renew });
        Self { reports, findings, now, within_s }
    }

    /// All certificates.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.reports.iter().flat_map(|report| &report.rows)
    }

    /// Hosts that could not be looked at.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| report.error.is_some())
    }

    /// How bad it is, as the shell sees it.
    pub(crate) fn exit(&self) -> Exit {
        match self.findings.iter().map(|finding| finding.severity).min() {
            Some(Severity::Expired) => Exit::Expired,
            Some(Severity::Warn) => Exit::Warned,
            Some(Severity::Note) | None => Exit::Done,
        }
    }

    /// What a port serves, in a word: `yes`, `no`, or nothing where none was asked.
    pub(crate) fn served(row: &Row) -> &'static str {
        let own = row.certificate.as_ref().ok().map(|certificate| certificate.fingerprint);
        match row.served.as_slice() {
            [] => "",
            all if all.iter().all(|served| served.fingerprint.as_ref().ok() == own.as_ref()) => "yes",
            _ => "no",
        }
    }
}
