//! The workstation's kubeconfig and the admin cluster's secret, as rows.
//!
//! The file has a row for each of its users that logs in by a certificate, the one in use first. Keys are read here, as they
//! are needed to use these files, and leave nothing but whether they match.

use std::collections::BTreeMap;

use certwright_engine::host::Host;
use certwright_engine::plan::{Cluster, WORKSTATION};
use certwright_engine::text::line;

use super::contents::lead;
use super::node::Report;
use super::row::{Key, Row};
use crate::pki::kubeconfig::{Named, Source, User};
use crate::pki::{Certificate, Kubeconfig, public_key_digest};
use crate::tools::kubectl::{self, Kubectl};
use crate::tools::survey::FactsError;

/// The name of the row of the workstation's file.
pub(super) const KUBECONFIG: &str = "kubeconfig";
/// The name of the row of the admin cluster's secret.
pub(super) const SECRET: &str = "kubeconfig-secret";

/// Which kubeconfigs of a cluster are looked at on the workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kubeconfigs {
    /// The file, and the secret where the inventory names an admin cluster.
    All,
    /// The file alone: nothing is asked of an API server.
    File,
}

/// Looks at the kubeconfigs that an inventory names.
pub async fn workstation(host: &dyn Host, cluster: &Cluster, which: Kubeconfigs) -> Report {
    let mut report = Report::new(WORKSTATION);
    report.rows.extend(file(host, &cluster.kubeconfig).await);
    match (&cluster.admin_kubeconfig, which) {
        (Some(admin), Kubeconfigs::All) => report.rows.push(secret(host, cluster, admin).await),
        (Some(_) | None, Kubeconfigs::File) | (None, Kubeconfigs::All) => {}
    }
    report
}

async fn file(host: &dyn Host, path: &str) -> Vec<Row> {
    let text = match host.read(path).await {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(FactsError::Missing.to_string()),
        Err(error) => Err(format!("cannot be read: {error}")),
    };
    let conf = text.and_then(|text| Kubeconfig::parse_in_place(&text).map_err(|error| error.to_string()));
    let mut rows = match conf {
        Ok(conf) => of_file(host, &conf, path).await,
        Err(why) => vec![Row::new(WORKSTATION, KUBECONFIG, path, Err(why))],
    };
    if let Ok(Some(stat)) = host.stat(path).await {
        for row in &mut rows {
            row.written_ns = Some(stat.mtime_ns);
        }
    }
    rows
}

/// The row of the user in use, then those of the others that embed or name a certificate.
async fn of_file(host: &dyn Host, conf: &Kubeconfig, path: &str) -> Vec<Row> {
    let mut files = BTreeMap::new();
    let mut unread = BTreeMap::new();
    for file in conf.files(path) {
        match host.read(&file).await {
            Ok(Some(bytes)) => drop(files.insert(file, bytes)),
            Ok(None) => drop(unread.insert(file, "is missing".to_owned())),
            Err(error) => drop(unread.insert(file, format!("cannot be read: {error}"))),
        }
    }
    let conf = conf.clone().with_files(path, &files);
    let current = current(&conf, KUBECONFIG, path, &unread);
    let others = conf.users.iter().filter(|user| current.user.as_deref() != Some(&line(&user.name)));
    let others = others.filter(|user| user.entry.client_certificate.is_some()).map(|user| {
        let mut row = of_user(user, KUBECONFIG, path, &unread);
        if let Some(conf) = conf.as_user(&user.name) {
            lead(&conf, &mut row);
        }
        sign(&mut row);
        row
    });
    let mut rows: Vec<Row> = std::iter::once(current.clone()).chain(others).collect();
    for (at, row) in rows.iter_mut().enumerate().skip(1) {
        row.name = format!("{KUBECONFIG}[{}]", at + 1);
    }
    rows
}

async fn secret(host: &dyn Host, cluster: &Cluster, admin: &str) -> Row {
    let name = format!("{}-kubeconfig", cluster.name);
    let path = format!("secret/{}/{name}", cluster.namespace);
    let text = if kubectl::is_name(&name) && kubectl::is_name(&cluster.namespace) {
        read_secret(host, &Kubectl::new(admin), &name, &cluster.namespace).await
    } else {
        Err("has a name that Kubernetes has not".to_owned())
    };
    let conf = text.and_then(|text| Kubeconfig::parse(&text).map_err(|error| error.to_string()));
    match conf {
        // A file that it names would be one of whoever wrote it.
        Ok(conf) => current(&conf, SECRET, &path, &BTreeMap::new()),
        Err(why) => Row::new(WORKSTATION, SECRET, &path, Err(why)),
    }
}

async fn read_secret(
    host: &dyn Host,
    kubectl: &Kubectl,
    name: &str,
    namespace: &str,
) -> Result<Vec<u8>, String> {
    let output = host.run(&kubectl.secret_value(name, namespace)).await;
    let output = output.map_err(|error| format!("cannot be read: {error}"))?;
    if let Some(failure) = kubectl::classify(&output) {
        return Err(format!("cannot be read: {}", failure.cause()));
    }
    match kubectl::parse_secret_value(&output) {
        Ok(Some(value)) => Ok(value.reveal().to_vec()),
        Ok(None) => Err("has no key `value`".to_owned()),
        Err(_) => Err("does not decode".to_owned()),
    }
}

/// The row of a kubeconfig's current user; `unread` says why files that it names are not in it.
fn current(conf: &Kubeconfig, name: &str, path: &str, unread: &BTreeMap<String, String>) -> Row {
    let mut row = match conf.current() {
        Ok((_, user)) => of_user(user, name, path, unread),
        Err(error) => return Row::new(WORKSTATION, name, path, Err(error.to_string())),
    };
    lead(conf, &mut row);
    sign(&mut row);
    row
}

/// What a user logs in with.
fn of_user(user: &Named<User>, name: &str, path: &str, unread: &BTreeMap<String, String>) -> Row {
    let pem = match &user.entry.client_certificate {
        Some(Source::Data(pem)) => Ok(pem),
        Some(Source::File(file)) => Err(match unread.get(file) {
            Some(why) => format!("names `{}`, which {why}", line(file)),
            None => format!("keeps its client certificate in `{}`", line(file)),
        }),
        None => Err("has no client certificate".to_owned()),
    };
    let first = |pem: &Vec<u8>| match Certificate::each_from_pem(pem).into_iter().next() {
        Some(certificate) => certificate.map_err(|error| format!("has a client certificate that {error}")),
        None => Err("has a client certificate that holds no certificate".to_owned()),
    };
    let mut row = Row::new(WORKSTATION, name, path, pem.and_then(first));
    row.usages = vec!["clientAuth"];
    row.user = Some(line(&user.name));
    if let Ok(certificate) = &row.certificate {
        row.key = match &user.entry.client_key {
            None | Some(Source::File(_)) => Key::Missing,
            Some(Source::Data(key)) => match public_key_digest(key) {
                Err(_) => Key::Unreadable,
                Ok(public) if public == certificate.public_key => Key::Matches,
                Ok(_) => Key::Differs,
            },
        };
    }
    row
}

/// Says which of the CAs that it trusts signed it.
fn sign(row: &mut Row) {
    let Ok(certificate) = &row.certificate else { return };
    let signer = row.trusts.iter().find(|ca| certificate.signed_by(ca));
    row.signed_by = signer.map(|ca| ca.common_name.clone());
    row.signer_ends = signer.map(|ca| ca.not_after);
}
