//! The rows of one node, from what was collected of it.

use std::collections::BTreeMap;

use certwright_engine::text::line;

use super::chain::{Signature, Signer, signature};
use super::contents::{certificates, client_file, lead};
use super::passed_over::{is_other, passed_over};
use super::place::{Place, Wanted, places};
use super::row::{Key, Kind, Row, Running};
use crate::pki::{Certificate, Digest, Kubeconfig};
use crate::tools::collect::{Collected, Keys};
use crate::tools::survey::{FileFacts, KeyFacts};
use crate::tools::wanted::Configuration;

/// What is known of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The host.
    pub host: String,
    /// Its certificates; empty where it could not be looked at.
    pub rows: Vec<Row>,
    /// What runs there; empty where it was not asked.
    pub running: Vec<Running>,
    /// By how many seconds its clock is ahead of ours; None where it was not asked.
    pub skew_s: Option<i64>,
    /// What else is wrong, a line each: a manifest that cannot be read, a runtime that does not answer.
    pub troubles: Vec<String>,
    /// Why nothing is known of it.
    pub error: Option<Error>,
    /// What the node said but for its clock, where that one answer told all of this.
    pub(super) said: Option<Digest>,
}

/// Why a host could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// One line that names the host.
    pub message: String,
    /// What helps, where that is known.
    pub remedy: Option<String>,
}

impl Report {
    /// That of a host with nothing on it yet.
    pub(super) fn new(host: &str) -> Self {
        Self {
            host: line(host),
            rows: Vec::new(),
            running: Vec::new(),
            skew_s: None,
            troubles: Vec::new(),
            error: None,
            said: None,
        }
    }

    /// That of a host that could not be looked at.
    pub fn failed(host: &str, message: impl Into<String>, remedy: Option<String>) -> Self {
        let error = Some(Error { message: line(&message.into()), remedy });
        Self { error, ..Self::new(host) }
    }

    /// Says what else is wrong, on one line.
    pub(super) fn trouble(&mut self, what: &str) {
        self.troubles.push(line(what));
    }
}

/// A node, as it was collected.
pub(super) struct Node<'a> {
    collected: &'a Collected,
    configuration: &'a Configuration,
    /// The kubeconfigs by path, or what is wrong with one.
    confs: BTreeMap<&'a str, Result<Kubeconfig, String>>,
    places: Vec<Place>,
}

impl<'a> Node<'a> {
    pub(super) fn new(collected: &'a Collected) -> Self {
        let configuration = &collected.configuration;
        let confs = collected.files.iter().filter(|(_, facts)| facts.kubeconfig.is_some());
        let confs = confs.map(|(path, facts)| {
            (path.as_str(), facts.parsed_kubeconfig().map_err(|error| error.to_string()))
        });
        let confs: BTreeMap<_, _> = confs.collect();
        let conf = confs.get(configuration.flags.kubeconfig()).and_then(|conf| conf.as_ref().ok());
        let client = conf.and_then(client_file);
        let mut places = places(configuration, collected.files.keys().map(String::as_str), client.as_deref());
        if configuration.pods.is_empty() {
            // A worker, or a part of a backup: what is there is told, and nothing is missed.
            for place in places.iter_mut().filter(|place| !collected.refused.contains_key(&place.path)) {
                place.presence = Wanted::IfThere;
            }
        }
        Self { collected, configuration, confs, places }
    }

    /// Paths that were not surveyed: those that the script on the node could not know of.
    pub(super) fn left(&self) -> Vec<String> {
        let files = self.places.iter().map(|place| place.path.clone());
        let keys =
            self.places.iter().filter(|place| !is_beside(place)).filter_map(|place| place.key_path.clone());
        let mut left: Vec<String> =
            files.chain(keys).filter(|path| !self.collected.files.contains_key(path)).collect();
        left.sort();
        left.dedup();
        left
    }

    pub(super) fn report(&self, host: &str) -> Report {
        let mut report = Report::new(host);
        for place in &self.places {
            let rows = self.rows(host, place);
            if let Some(why) = passed_over(self.collected, place).filter(|_| rows.is_empty()) {
                report.trouble(&format!("`{}` {why}", place.path));
            }
            report.rows.extend(rows);
        }
        sign(&mut report.rows);
        for what in &self.collected.left_out {
            report.trouble(what);
        }
        for (component, pod) in &self.configuration.pods {
            if let Err(why) = pod {
                let path = format!("{}/{}.yaml", self.configuration.manifests, component.name());
                report.trouble(&format!("{path} cannot be read: {why}"));
            }
        }
        if report.rows.is_empty() {
            let manifests = &self.configuration.manifests;
            let message = format!(
                "{host}: it has no certificate of Kubernetes: no manifest in {manifests}, nothing in {}",
                crate::pki::layout::CERT_DIR
            );
            let remedy = "name a node of the cluster, or the folder that holds its `etc`".to_owned();
            report.error = Report::failed(host, message, Some(remedy)).error;
        }
        report
    }

    /// The rows of one place: its certificate, and what else is in its file.
    fn rows(&self, host: &str, place: &Place) -> Vec<Row> {
        let Some(facts) = self.collected.files.get(&place.path) else { return Vec::new() };
        let is_other = is_other(place);
        if !facts.exists() && place.presence == Wanted::IfThere {
            return Vec::new();
        }
        if is_other && facts.certificates.is_empty() && facts.kubeconfig.is_none() {
            return Vec::new();
        }
        let conf = self.confs.get(place.path.as_str());
        let found = certificates(facts, conf, self.collected.refused.get(&place.path));
        let rows = found.into_iter().enumerate().map(|(at, found)| {
            let name = if at == 0 { place.name.clone() } else { format!("{}[{}]", place.name, at + 1) };
            let mut row = Row::new(host, &name, &place.path, found.certificate);
            row.user = found.user;
            row.is_stray = is_other;
            row.written_ns = facts.exists().then_some(facts.mtime_ns);
            row.kind = match &row.certificate {
                Ok(certificate) if is_other || at > 0 => kind(certificate),
                Ok(_) | Err(_) => place.kind,
            };
            if at == 0 {
                row.key = self.key(place, facts, row.certificate.as_ref().ok(), is_other);
                row.expected = place.expected;
                row.usages = place.usages.to_vec();
                row.reached_by.clone_from(&place.reached_by);
                row.readers.clone_from(&place.readers);
                self.server(place, &mut row);
            }
            row
        });
        rows.collect()
    }

    /// Where a kubeconfig leads.
    fn server(&self, place: &Place, row: &mut Row) {
        let conf = |path: &str| self.confs.get(path).and_then(|conf| conf.as_ref().ok());
        let own = conf(&place.path);
        // The kubelet's kubeconfig stands apart from the certificate that it names.
        let kubelets = (place.name == "kubelet-client").then(|| self.configuration.flags.kubeconfig());
        if let Some(conf) = kubelets.and_then(conf).or(own) {
            lead(conf, row);
        }
    }

    /// Whether the key of a place may not be read by whoever looks.
    fn is_refused(&self, place: &Place) -> bool {
        key_file(place).is_some_and(|key| self.collected.refused.contains_key(&key))
    }

    fn key(
        &self,
        place: &Place,
        facts: &FileFacts,
        certificate: Option<&Certificate>,
        is_other: bool,
    ) -> Key {
        match self.collected.keys {
            Keys::Asked => {}
            Keys::NotAsked => return Key::NotLookedAt,
            Keys::NoOpenssl => return Key::NoOpenssl,
        }
        let apart = place.key_path.as_ref().filter(|_| !is_beside(place));
        let key = match apart.and_then(|path| self.collected.files.get(path)) {
            Some(key) => key.key,
            None => facts.key,
        };
        let Some(certificate) = certificate else { return Key::NotLookedAt };
        match key {
            KeyFacts::Public(public) if public == certificate.public_key => Key::Matches,
            KeyFacts::Public(_) => Key::Differs,
            KeyFacts::Unreadable | KeyFacts::Absent if self.is_refused(place) => Key::Refused,
            KeyFacts::Unreadable => Key::Unreadable,
            KeyFacts::Absent if is_other => Key::NotLookedAt,
            KeyFacts::Absent => Key::Missing,
        }
    }
}

/// Says of every row which authority of this node signed it.
fn sign(rows: &mut [Row]) {
    let authority = |row: &&Row| row.kind == Kind::Authority;
    let signers: Vec<Signer> = rows
        .iter()
        .filter(authority)
        .filter_map(|row| {
            let certificate = row.certificate.as_ref().ok()?.clone();
            Some(Signer { name: row.name.clone(), certificate })
        })
        .collect();
    for row in rows {
        if let Ok(certificate) = &row.certificate {
            let Signature { by, ends } = signature(certificate, row.expected, &signers);
            (row.signed_by, row.signer_ends) = (by, ends);
        }
    }
}

fn kind(certificate: &Certificate) -> Kind {
    if certificate.is_ca { Kind::Authority } else { Kind::Leaf }
}

/// Where a private key is kept that is a file of its own.
fn key_file(place: &Place) -> Option<String> {
    let beside = || place.path.strip_suffix(".crt").map(|stem| format!("{stem}.key"));
    place.key_path.clone().or_else(beside)
}

/// Whether the survey of the certificate tells of its key by itself.
fn is_beside(place: &Place) -> bool {
    let Some(key) = &place.key_path else { return true };
    place.path.strip_suffix(".crt").is_some_and(|stem| *key == format!("{stem}.key"))
}
