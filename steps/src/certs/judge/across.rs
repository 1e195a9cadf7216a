//! What is to be said of hosts beside each other.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::plan::WORKSTATION;

use super::Wanted;
use super::row::{authorities, lacks_names, title};
use crate::certs::finding::{Finding, Severity};
use crate::certs::kubeconfigs::{compared, present};
use crate::certs::node::Report;
use crate::certs::row::{Kind, Row};
use crate::certs::workstation::{KUBECONFIG, SECRET};
use crate::kubeconfigs::{Difference, Judged, Source, order};
use crate::pki::{Authority, Certificate, Digest};
use crate::span::span;

/// How much earlier than another node's a certificate must end to look forgotten, seconds.
const LONG_BEFORE: i64 = 60 * 86_400;

/// The findings of all hosts together.
pub(super) fn findings(reports: &[Report], wanted: &Wanted<'_>) -> Vec<Finding> {
    let (workstations, nodes): (Vec<&Report>, Vec<&Report>) =
        reports.iter().partition(|report| report.host == WORKSTATION);
    let mut findings = different_authorities(&nodes);
    findings.extend(copied(&nodes));
    findings.extend(forgotten(&nodes, wanted));
    for report in &nodes {
        findings.extend(servers(report, report));
        for workstation in &workstations {
            findings.extend(servers(workstation, report));
        }
    }
    for workstation in &workstations {
        findings.extend(foreign(workstation, &nodes, wanted));
    }
    findings.extend(disagreement(reports, wanted));
    findings
}

/// Authorities that are not the same on all nodes: the odd ones out, measured by what most nodes have.
fn different_authorities(nodes: &[&Report]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for authority in Authority::ALL {
        let of_node = |report: &Report| -> BTreeSet<Digest> {
            authorities(report, authority.name()).map(|ca| ca.fingerprint).collect()
        };
        let sets: Vec<(&Report, BTreeSet<Digest>)> = nodes
            .iter()
            .map(|report| (*report, of_node(report)))
            .filter(|(_, set)| !set.is_empty())
            .collect();
        let mut counts: BTreeMap<&BTreeSet<Digest>, usize> = BTreeMap::new();
        for (_, set) in &sets {
            *counts.entry(set).or_default() += 1;
        }
        // Of equals the first node's.
        let Some((_, most)) = sets.iter().rev().max_by_key(|(_, set)| counts[set]) else { continue };
        for (report, _) in sets.iter().filter(|(_, set)| set != most) {
            let name = authority.name();
            let what = format!("{}: its {name} is not that of the other nodes", report.host);
            let remedy = "find out which one the cluster trusts; a node was restored from elsewhere, or a rotation is half done";
            findings.push(Finding::new(
                "nodes-differ",
                Severity::Warn,
                &report.host,
                Some(name),
                what,
                remedy,
            ));
        }
    }
    findings
}

/// The leaves of nodes that can be read.
fn leaves<'a>(nodes: &'a [&'a Report]) -> impl Iterator<Item = (&'a Row, &'a Certificate)> {
    let rows = nodes.iter().flat_map(|report| &report.rows);
    rows.filter(|row| row.kind == Kind::Leaf)
        .filter_map(|row| row.certificate.as_ref().ok().map(|certificate| (row, certificate)))
}

/// One certificate on two nodes. Kubeconfigs of administrators are carried about by design.
fn copied(nodes: &[&Report]) -> Vec<Finding> {
    let mut first: BTreeMap<Digest, &Row> = BTreeMap::new();
    let mut findings = Vec::new();
    let of_nodes =
        leaves(nodes).filter(|(row, _)| !matches!(row.name.as_str(), "admin.conf" | "super-admin.conf"));
    for (row, certificate) in of_nodes {
        let other = *first.entry(certificate.fingerprint).or_insert(row);
        if other.host != row.host {
            let what = format!("{} is the same certificate as {} of {}", title(row), other.name, other.host);
            let remedy =
                "each node has certificates of its own: make this node's again with `kubeadm init phase`";
            findings.push(Finding::new("copied", Severity::Warn, &row.host, Some(&row.name), what, remedy));
        }
    }
    findings
}

/// Certificates that end long before those of the same name on other nodes.
fn forgotten(nodes: &[&Report], wanted: &Wanted<'_>) -> Vec<Finding> {
    let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
    for (row, certificate) in leaves(nodes) {
        let ends = latest.entry(row.name.as_str()).or_insert(certificate.not_after);
        *ends = (*ends).max(certificate.not_after);
    }
    let mut findings = Vec::new();
    for (row, certificate) in leaves(nodes) {
        let earlier = latest[row.name.as_str()] - certificate.not_after;
        if earlier > LONG_BEFORE && !certificate.is_expired(wanted.now) {
            let what = format!("{} ends {} before that of another node", title(row), span(earlier));
            let remedy = "nothing has to be done; the node joined earlier, or was left out of a renewal";
            findings.push(Finding::new(
                "forgotten",
                Severity::Note,
                &row.host,
                Some(&row.name),
                what,
                remedy,
            ));
        }
    }
    findings
}

/// Names that the kubeconfigs of `clients` want in the certificate of the API server of `node`.
fn servers(clients: &Report, node: &Report) -> Option<Finding> {
    let api = node.rows.iter().find(|row| row.name == "apiserver")?;
    let certificate = api.certificate.as_ref().ok()?;
    let mut wanted: Vec<&str> = clients
        .rows
        .iter()
        // Another node's own address says nothing of this node's certificate, and a foreign cluster nothing at all.
        .filter(|row| clients.host == node.host || trusts_node(row, node))
        .filter_map(|row| row.server_name.as_deref())
        .filter(|name| !certificate.covers(name) && !api.reached_by.iter().any(|known| known == name))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    (!wanted.is_empty()).then(|| lacks_names(api, certificate, &wanted))
}

fn trusts_node(row: &Row, node: &Report) -> bool {
    authorities(node, "ca").any(|ca| row.trusts.iter().any(|trusted| trusted.public_key == ca.public_key))
}

/// Kubeconfigs of the workstation that no node's authority signed, or that trust none of them.
fn foreign(workstation: &Report, nodes: &[&Report], wanted: &Wanted<'_>) -> Vec<Finding> {
    let known: Vec<&Certificate> = nodes.iter().flat_map(|node| authorities(node, "ca")).collect();
    if known.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for row in &workstation.rows {
        let Ok(certificate) = &row.certificate else { continue };
        let trusted = row.trusts.iter().any(|ca| known.iter().any(|own| own.public_key == ca.public_key));
        // The other users of a kubeconfig may be those of other clusters.
        if !trusted && row.name != KUBECONFIG && row.name != SECRET {
            continue;
        }
        let finding = |id, what: String| {
            let remedy = format!(
                "see that the inventory names this cluster; else fetch it again (`{}`)",
                wanted.renew
            );
            Finding::new(id, Severity::Warn, &row.host, Some(&row.name), what, remedy)
        };
        if !known.iter().any(|ca| certificate.signed_by(ca)) {
            let what = format!("{} is not signed by the ca of any node", title(row));
            findings.push(finding("wrong-authority", what));
        }
        if !row.trusts.is_empty() && !trusted {
            findings.push(finding("wrong-trust", format!("{} trusts the ca of no node", title(row))));
        }
    }
    findings
}

/// Where the workstation's kubeconfig and the admin cluster's secret are not the same.
fn disagreement(reports: &[Report], wanted: &Wanted<'_>) -> Option<Finding> {
    let file = present(reports)?;
    let secret = compared(reports, wanted.now).into_iter().find(|other| other.name == SECRET)?;
    let why = match secret.difference? {
        Difference::Nothing => return None,
        Difference::Server => "lead to different servers".to_owned(),
        Difference::Authorities => "trust different authorities".to_owned(),
        Difference::Certificate { later_s: 0 } => {
            "hold different certificates that end at the same time".to_owned()
        }
        Difference::Certificate { later_s } => {
            let later = if later_s >= 0 { "secret" } else { "kubeconfig" };
            format!("hold different certificates; that of the {later} ends {} later", span(later_s))
        }
    };
    let what = format!("{}: {} and {} {why}", file.host, file.path, secret.judged.source);
    let remedy = format!(
        "the one that works and ends later belongs on the workstation: `{}` puts it there",
        wanted.renew
    );
    Some(Finding::new("kubeconfigs-disagree", Severity::Warn, &file.host, Some(&file.name), what, remedy))
}

/// What helps where the workstation's kubeconfig is of no use or soon will be: what may take its place now, in the order in
/// which it is tried. None where nothing may: then the nodes come first.
pub(super) fn replacement(reports: &[Report], wanted: &Wanted<'_>) -> Option<String> {
    let all = compared(reports, wanted.now);
    let tried = |judged: &&Judged| !matches!(judged.source, Source::SuperAdminConf { .. });
    let sources: Vec<&Judged> = all.iter().map(|other| &other.judged).filter(tried).collect();
    sources
        .iter()
        .any(|judged| judged.verdict.is_ok())
        .then(|| format!("`{}` replaces it, trying in this order: {}", wanted.renew, order(sources)))
}
