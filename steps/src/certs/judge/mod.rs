//! What is to be said of the rows of all hosts: pure.
//!
//! Invariant: nothing is said of a healthy cluster. What one finding explains is not said again by another: an authority
//! that cannot be read is told once, and not for each certificate that it should have signed.

mod row;

mod host;

mod across;

#[cfg(test)]
mod tests;

use super::finding::Finding;
use super::node::Report;
use super::workstation::KUBECONFIG;

/// What is judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Our clock, seconds since 1970.
    pub now: i64,
    /// Certificates that end within so many seconds are to be told.
    pub within_s: i64,
    /// Clocks may differ by so many seconds.
    pub skew_s: i64,
    /// The command that renews.
    pub renew: &'a str,
}

/// Everything that is to be said, the worst first; of equals in the order of hosts and rows.
pub fn judge(reports: &[Report], wanted: &Wanted<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for report in reports {
        findings.extend(host::findings(report, wanted));
        for row in &report.rows {
            findings.extend(row::findings(row, report, wanted));
        }
    }
    if let Some(order) = across::replacement(reports, wanted) {
        for finding in findings.iter_mut().filter(|finding| finding.renews(KUBECONFIG)) {
            finding.remedy.clone_from(&order);
        }
    }
    findings.extend(across::findings(reports, wanted));
    findings.sort_by_key(|finding| finding.severity);
    findings
}
