//! The table of a measurement, as documents have it.

use std::fmt::Write as _;

use super::{Measured, State};
use crate::load::report::{
    LEASE_MANAGER, LEASE_SCHEDULER, OWN, QUORUM, READ_KEPT, READ_NEW, SOME_API, WRITE_KEPT, WRITE_NEW,
};

const HEAD: &str = "\
| way | load balancer | total s | reads, new / kept connections s | writes, new / kept connections s | no API server at all s | quorum s | leases controller-manager / scheduler s | failed requests | acknowledged writes lost | longest stall of the machine s |
|---|---|---|---|---|---|---|---|---|---|---|
";

const DEAD: &str = "\
| way, everything expired and quorum lost | total s | all well after s | first read by the quorum after s | first write after s | longest write gap after that s | longest quorum gap after that s | acknowledged writes lost | longest stall of the machine s |
|---|---|---|---|---|---|---|---|---|
";

/// One row a measurement; gaps are the longest times without a success.
pub fn table(all: &[Measured]) -> String {
    let of = |state| all.iter().filter(move |measured| measured.case.state == state);
    let tables = [(HEAD, live(of(State::Live))), (DEAD, dead(of(State::Dead)))];
    let tables = tables.into_iter().filter(|(_, rows)| !rows.is_empty());
    tables.map(|(head, rows)| format!("{head}{rows}")).collect::<Vec<_>>().join("\n")
}

fn dead<'a>(all: impl Iterator<Item = &'a Measured>) -> String {
    let mut text = String::new();
    for Measured { case, total_s, settled_s, report, .. } in all {
        let first =
            |name| report.first(name).map_or_else(|| "never".to_owned(), |first| format!("{first:.1}"));
        writeln!(
            text,
            "| {} | {total_s:.0} | {:.0} | {} | {} | {:.1} | {:.1} | {} of {} | {:.1} |",
            case.way.title(),
            total_s + settled_s,
            first(QUORUM),
            first(WRITE_NEW),
            report.longest(WRITE_NEW),
            report.longest(QUORUM),
            report.lost.len(),
            report.written,
            report.longest(OWN),
        )
        .expect("a String takes every line");
    }
    text
}

fn live<'a>(all: impl Iterator<Item = &'a Measured>) -> String {
    let mut text = String::new();
    for Measured { case, total_s, report, .. } in all {
        let s = |name| report.longest(name);
        let (requests, failed) = report.requests();
        writeln!(
            text,
            "| {} | {} | {total_s:.0} | {:.1} / {:.1} | {:.1} / {:.1} | {:.1} | {:.1} | {:.1} / {:.1} | {failed} of {requests} | {} of {} | {:.1} |",
            case.way.title(),
            case.balancer.word(),
            s(READ_NEW),
            s(READ_KEPT),
            s(WRITE_NEW),
            s(WRITE_KEPT),
            s(SOME_API),
            s(QUORUM),
            s(LEASE_MANAGER),
            s(LEASE_SCHEDULER),
            report.lost.len(),
            report.written,
            s(OWN),
        )
        .expect("a String takes every line");
    }
    text
}
