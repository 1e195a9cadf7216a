//! What was measured.

use std::fmt::Write as _;
use std::io::Write as _;

use serde::{Deserialize, Serialize};

/// One stream of tries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// What was tried: see the constants of this module.
    pub name: String,
    /// How often.
    pub tries: u64,
    /// How often it failed.
    pub failures: u64,
    /// The longest time without a success, s.
    pub longest_s: f64,
    /// After how long it succeeded for the first time, s, where the load began cold.
    pub first_s: Option<f64>,
    /// How it failed for the first time.
    pub first_failure: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How long it was measured, s.
    pub seconds: f64,
    /// Each stream.
    pub gaps: Vec<Gap>,
    /// How many writes were acknowledged.
    pub written: usize,
    /// Those of them that are not there, or not as they were written.
    pub lost: Vec<String>,
}

/// Reads through the balancer, each on a new connection.
pub const READ_NEW: &str = "reads, new connections";
/// Reads through the balancer on kept connections; the worst of them counts.
pub const READ_KEPT: &str = "reads, kept connections";
/// Writes through the balancer, each on a new connection.
pub const WRITE_NEW: &str = "writes, new connections";
/// Writes through the balancer on kept connections; the worst of them counts.
pub const WRITE_KEPT: &str = "writes, kept connections";
/// Some API server answers, asked at its own address.
pub const SOME_API: &str = "some API server";
/// Some member of etcd answers a read that needs the quorum.
pub const QUORUM: &str = "quorum";
/// The load's own timer: a long gap here is the machine's, and every other figure of the report is doubtful.
pub const OWN: &str = "the load itself";
/// Renewals of the controller-manager's lease.
pub const LEASE_MANAGER: &str = "lease kube-controller-manager";
/// Renewals of the scheduler's lease.
pub const LEASE_SCHEDULER: &str = "lease kube-scheduler";

impl Report {
    /// The stream with a name. Those of kept connections are several: the one with the longest gap is it.
    pub fn gap(&self, name: &str) -> Option<&Gap> {
        let mut found: Vec<&Gap> = self.gaps.iter().filter(|gap| gap.name == name).collect();
        found.sort_by(|a, b| a.longest_s.total_cmp(&b.longest_s));
        found.last().copied()
    }

    /// The longest time without a success of a stream, s.
    ///
    /// # Panics
    /// When there is no such stream: its name is one of this module's.
    pub fn longest(&self, name: &str) -> f64 {
        self.gap(name).unwrap_or_else(|| panic!("the load measures {name}")).longest_s
    }

    /// After how long a stream succeeded for the first time, s; `None` where it never did, or was warm from the start.
    pub fn first(&self, name: &str) -> Option<f64> {
        let all = self.gaps.iter().filter(|gap| gap.name == name);
        all.filter_map(|gap| gap.first_s).min_by(f64::total_cmp)
    }

    /// Requests through the balancer, and those of them that failed.
    pub fn requests(&self) -> (u64, u64) {
        let of = [READ_NEW, READ_KEPT, WRITE_NEW, WRITE_KEPT];
        let own = self.gaps.iter().filter(|gap| of.contains(&gap.name.as_str()));
        own.fold((0, 0), |(tries, failures), gap| (tries + gap.tries, failures + gap.failures))
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let (requests, failures) = self.requests();
        let head = format!(
            "{:.1} s; {requests} requests, {failures} failed; {} writes acknowledged, {} of them lost",
            self.seconds,
            self.written,
            self.lost.len()
        );
        writeln!(text, "{head}").expect("a String takes every line");
        for gap in &self.gaps {
            let Gap { name, tries, failures, longest_s, first_s, first_failure } = gap;
            let first =
                first_s.map_or_else(String::new, |first| format!("first success after {first:.1} s  "));
            let why = first_failure.as_deref().unwrap_or_default();
            let why: String = why.chars().take(120).collect();
            writeln!(
                text,
                "  {name:32} {tries:6} tries {failures:5} failed  longest gap {longest_s:6.1} s  {first}{why}"
            )
            .expect("a String takes every line");
        }
        text
    }

    /// Writes it to stdout, one line of JSON.
    pub(super) fn print(&self) {
        let line = serde_json::to_string(self).expect("numbers and texts are JSON") + "\n";
        // Whoever closed the pipe wants no report.
        drop(std::io::stdout().write_all(line.as_bytes()));
    }
}
