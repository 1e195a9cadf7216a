//! What `kubeadm certs renew all` says it did, certificate by certificate.

use std::collections::BTreeMap;

use certwright_engine::host::Output;
use certwright_engine::text::escape;

use crate::pki::layout::LEAVES;

/// What kubeadm says of one certificate. It is a claim: the files are the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeafOutcome {
    /// `... renewed`.
    Renewed,
    /// `MISSING! ...`: there is none, and none was made.
    Missing,
    /// `Detected external CA, ... can't be renewed`: the CA's key is not on this node.
    ExternalCa,
}

/// What `kubeadm certs renew all` printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renewal {
    /// By the names of [`LEAVES`]; a leaf that kubeadm did not mention is absent.
    pub outcomes: BTreeMap<&'static str, LeafOutcome>,
    /// Certificates kubeadm spoke of that are not in the layout (of another version), escaped.
    pub others: Vec<(String, LeafOutcome)>,
    /// True when the cluster's configuration was not read and defaults were taken.
    pub fell_back_to_defaults: bool,
    /// True when kubeadm came to its last line.
    pub finished: bool,
    /// Its error line, escaped; empty when it gave none.
    pub error: String,
}

/// Parses the output of `renew all`; every exit status and any text is accepted.
pub fn parse_renewal(output: &Output) -> Renewal {
    let mut renewal = Renewal { fell_back_to_defaults: super::fell_back(output), ..Renewal::default() };
    for line in output.stdout.lossy().lines().map(str::trim_end) {
        if line.starts_with("Done renewing certificates.") {
            renewal.finished = true;
        } else if let Some((description, outcome)) = parse_line(line) {
            match LEAVES.iter().find(|leaf| leaf.description == description) {
                Some(leaf) => drop(renewal.outcomes.insert(leaf.name, outcome)),
                None => renewal.others.push((escape(description), outcome)),
            }
        }
    }
    let stderr = output.stderr.lossy();
    if let Some(line) = stderr.lines().find_map(|line| line.strip_prefix("error: ")) {
        renewal.error = escape(line);
    }
    renewal
}

fn parse_line(line: &str) -> Option<(&str, LeafOutcome)> {
    if let Some(description) = line.strip_prefix("MISSING! ") {
        return Some((description, LeafOutcome::Missing));
    }
    if let Some(rest) = line.strip_prefix("Detected external ") {
        let (_, rest) = rest.split_once(", ")?;
        return Some((rest.strip_suffix(" can't be renewed")?, LeafOutcome::ExternalCa));
    }
    let description = line.strip_suffix(" renewed")?;
    description.starts_with("certificate ").then_some((description, LeafOutcome::Renewed))
}
