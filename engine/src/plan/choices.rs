//! What an operator chooses for one run: values of params, and which hosts.
//!
//! A limit keeps the tasks on the named hosts and drops all others, the workstation's too: a stage there
//! (replacing a kubeconfig, restarting a DaemonSet) speaks for the whole cluster, and must not follow from work
//! on a part of it unless the operator names `workstation` as well. What waited for a dropped task waits for
//! what that one waited for.

use std::collections::BTreeSet;

use super::findings::{Findings, Found, quote, quote_some};
use super::inventory::{Groups, Inventory};
use super::{Code, HostIndex, Source};

/// Choices for one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Values of params by name, as text: lists separated by commas, durations as in plans.
    pub set: Vec<(String, String)>,
    /// Names of hosts and groups to act on; empty: all. `workstation` is a host as well.
    pub limit: Vec<String>,
}

/// The hosts of a `--limit`, with the mistakes in it.
pub(super) struct Limit<'a>(Vec<Named<'a>>);

/// One `--limit`: its mistakes, and the hosts that it names.
struct Named<'a> {
    findings: Findings<'a>,
    hosts: Vec<HostIndex>,
}

impl<'a> Limit<'a> {
    /// Looks the hosts and groups up.
    pub(super) fn new(limit: &'a [String], inventory: &Inventory) -> Self {
        Self(limit.iter().map(|name| Named::new(name, inventory)).collect())
    }

    /// Drops the hosts that are not named from those of each stage; a named host without work is a finding.
    pub(super) fn apply(&mut self, stages: &mut [Vec<HostIndex>], inventory: &Inventory) {
        if self.0.is_empty() {
            return;
        }
        let acted_on: BTreeSet<HostIndex> = stages.iter().flatten().copied().collect();
        for Named { findings, hosts } in &mut self.0 {
            if !hosts.is_empty() && hosts.iter().all(|host| !acted_on.contains(host)) {
                let name = findings.source.text;
                let noun =
                    if inventory.hosts.iter().any(|host| host.name == name) { "host" } else { "group" };
                let message = format!("the plan has nothing to do on {noun} {}", quote(name));
                let found = Found::new(Code::NothingLeft, 0..name.len(), message);
                let names: Vec<&str> = acted_on.iter().map(|host| inventory.name(*host)).collect();
                findings.report(found.help(format!("it acts on {}", quote_some(&names))));
            }
        }
        let kept: BTreeSet<HostIndex> = self.0.iter().flat_map(|named| &named.hosts).copied().collect();
        for hosts in stages {
            hosts.retain(|host| kept.contains(host));
        }
    }

    /// All findings, in the order given.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Findings<'a>> {
        self.0.iter().map(|named| &named.findings)
    }
}

impl<'a> Named<'a> {
    fn new(name: &'a str, inventory: &Inventory) -> Self {
        let mut findings = Findings::new(Source { name: "--limit", text: name });
        let hosts = inventory.select(name);
        if hosts.is_empty() && inventory.groups == Groups::All {
            let message = format!("the inventory has no host and no group {}", quote(name));
            let mut found = Found::new(Code::UnknownLimit, 0..name.len(), message);
            found.help = findings.suggest(name, inventory.names());
            findings.report(found);
        }
        Self { findings, hosts }
    }
}
