//! The kubeconfigs of a cluster beside the workstation's, by the rows of all hosts: pure.

use std::collections::BTreeSet;

use super::node::Report;
use super::row::{Key, Kind, Row};
use super::workstation::{KUBECONFIG, SECRET};
use crate::kubeconfigs::{Difference, Held, Judged, Reference, Source, Unfit, normal_server};
use crate::pki::{Authority, KubeconfigError};

/// One of them beside the workstation's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What makes it another one; None where one of the two cannot be read.
    pub difference: Option<Difference>,
    /// Whether `replace-kubeconfig` may take it, and why not.
    pub judged: Judged,
    /// The name of its row.
    pub name: String,
}

/// The row of the workstation's kubeconfig.
pub(super) fn present(reports: &[Report]) -> Option<&Row> {
    reports.iter().flat_map(|report| &report.rows).find(|row| row.name == KUBECONFIG)
}

/// The secret and the nodes' kubeconfigs of administrators beside the workstation's file, in the order in which
/// `replace-kubeconfig` tries them; nothing where that file was not looked at.
pub fn compared(reports: &[Report], now: i64) -> Vec<Compared> {
    let Some(row) = present(reports) else { return Vec::new() };
    let own = held(row).ok();
    let reference = match &own {
        Some(held) => Reference::Present(held),
        None => Reference::Place {
            server: row.server.as_deref().map(normal_server),
            authorities: trusted(row, reports),
        },
    };
    let rows = reports.iter().flat_map(|report| &report.rows);
    let mut all: Vec<Compared> = rows
        .filter_map(|row| Some((row, source(row)?)))
        .map(|(row, source)| {
            let other = held(row);
            let difference = match (&other, &own) {
                (Ok(other), Some(own)) => Some(other.difference(own)),
                (Ok(_), None) | (Err(_), _) => None,
            };
            let judged = Judged::new(source, other.as_ref().map_err(Clone::clone), &reference, now);
            Compared { difference, judged, name: row.name.clone() }
        })
        .collect();
    all.sort_by(|one, other| one.judged.source.cmp(&other.judged.source));
    all
}

/// Where a row stands, if it is one of those that are compared.
fn source(row: &Row) -> Option<Source> {
    let host = row.host.clone();
    match row.name.as_str() {
        SECRET => {
            let mut parts = row.path.split('/').skip(1).map(str::to_owned);
            Some(Source::Secret { namespace: parts.next()?, name: parts.next()? })
        }
        "admin.conf" => Some(Source::AdminConf { host }),
        "super-admin.conf" => Some(Source::SuperAdminConf { host }),
        _ => None,
    }
}

/// What the entry in use of a kubeconfig holds, by its row.
fn held(row: &Row) -> Result<Held, Unfit> {
    let certificate = row.certificate.clone().map_err(Unfit::Unreadable)?;
    let server = row.server.as_deref().ok_or(KubeconfigError::Absent("server"))?;
    if row.trusts.is_empty() {
        return Err(KubeconfigError::Absent("certificate authority").into());
    }
    let key_fits = match row.key {
        Key::Matches | Key::NotLookedAt | Key::NoOpenssl | Key::Refused => true,
        Key::Differs | Key::Missing | Key::Unreadable => false,
    };
    Ok(Held { server: normal_server(server), authorities: row.trusts.clone(), certificate, key_fits })
}

/// The CAs that a kubeconfig without a certificate trusts, else those of the nodes.
fn trusted(row: &Row, reports: &[Report]) -> BTreeSet<crate::pki::Digest> {
    if !row.trusts.is_empty() {
        return row.trusts.iter().map(|ca| ca.public_key).collect();
    }
    let rows = reports.iter().flat_map(|report| &report.rows);
    rows.filter(|row| row.kind == Kind::Authority && row.name == Authority::Ca.name())
        .filter_map(|row| row.certificate.as_ref().ok())
        .map(|ca| ca.public_key)
        .collect()
}
