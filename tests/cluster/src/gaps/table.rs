//! The table of a measurement, as documents have it.

use std::fmt::Write as _;

use super::Measured;
use crate::load::report::{
    LEASE_MANAGER, LEASE_SCHEDULER, OWN, QUORUM, READ_KEPT, READ_NEW, SOME_API, WRITE_KEPT, WRITE_NEW,
};

const HEAD: &str = "\
| way | load balancer | total s | reads, new / kept connections s | writes, new / kept connections s | no API server at all s | quorum s | leases controller-manager / scheduler s | failed requests | acknowledged writes lost | longest stall of the machine s |
|---|---|---|---|---|---|---|---|---|---|---|
";

/// One row a measurement; gaps are the longest times without a success.
pub fn table(all: &[Measured]) -> String {
    let mut text = HEAD.to_owned();
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
