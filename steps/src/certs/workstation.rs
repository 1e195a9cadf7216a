//! The workstation's kubeconfig and the admin cluster's secret, as rows.
//!
//! Keys are read here, as they are needed to use these files, and leave nothing but whether they match.

use certwright_engine::host::Host;
use certwright_engine::plan::{Cluster, WORKSTATION};
use certwright_engine::text::{Secret, escape};

use super::contents::lead;
use super::node::Report;
use super::row::{Key, Row};
use crate::pki::kubeconfig::Source;
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
    report.rows.push(file(host, &cluster.kubeconfig).await);
    match (&cluster.admin_kubeconfig, which) {
        (Some(admin), Kubeconfigs::All) => report.rows.push(secret(host, cluster, admin).await),
        (Some(_) | None, Kubeconfigs::File) | (None, Kubeconfigs::All) => {}
    }
    report
}

async fn file(host: &dyn Host, path: &str) -> Row {
    let text = match host.read(path).await {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(FactsError::Missing.to_string()),
        Err(error) => Err(format!("cannot be read: {error}")),
    };
    let mut row = row(host, KUBECONFIG, path, text).await;
    if let Ok(Some(stat)) = host.stat(path).await {
        row.written_ns = Some(stat.mtime_ns);
    }
    row
}

async fn secret(host: &dyn Host, cluster: &Cluster, admin: &str) -> Row {
    let name = format!("{}-kubeconfig", cluster.name);
    let path = format!("secret/{}/{name}", cluster.namespace);
    let text = if kubectl::is_name(&name) && kubectl::is_name(&cluster.namespace) {
        read_secret(host, &Kubectl::new(admin), &name, &cluster.namespace).await
    } else {
        Err("has a name that Kubernetes has not".to_owned())
    };
    row(host, SECRET, &path, text).await
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

/// The row of a kubeconfig's current user.
async fn row(host: &dyn Host, name: &str, path: &str, text: Result<Vec<u8>, String>) -> Row {
    let conf = text.and_then(|text| Kubeconfig::parse(&text).map_err(|error| error.to_string()));
    let conf = match conf {
        Ok(conf) => conf,
        Err(why) => return Row::new(WORKSTATION, name, path, Err(why)),
    };
    let user = match conf.current() {
        Ok((_, user)) => user,
        Err(error) => return Row::new(WORKSTATION, name, path, Err(error.to_string())),
    };
    let pem = match &user.entry.client_certificate {
        Some(Source::Data(pem)) => Ok(pem.clone()),
        Some(Source::File(file)) => beside(host, path, file).await,
        None => Err("has no client certificate".to_owned()),
    };
    let first = |pem: Vec<u8>| match Certificate::each_from_pem(&pem).into_iter().next() {
        Some(certificate) => certificate.map_err(|error| format!("has a client certificate that {error}")),
        None => Err("has a client certificate that holds no certificate".to_owned()),
    };
    let mut row = Row::new(WORKSTATION, name, path, pem.and_then(first));
    row.usages = vec!["clientAuth"];
    row.user = Some(escape(&user.name));
    lead(&conf, &mut row);
    let key = match &user.entry.client_key {
        Some(Source::Data(key)) => Some(key.reveal().to_vec()),
        Some(Source::File(file)) => beside(host, path, file).await.ok(),
        None => None,
    };
    if let Ok(certificate) = &row.certificate {
        row.key = match key.map(|key| public_key_digest(&Secret::new(key))) {
            None => Key::Missing,
            Some(Err(_)) => Key::Unreadable,
            Some(Ok(public)) if public == certificate.public_key => Key::Matches,
            Some(Ok(_)) => Key::Differs,
        };
        let signer = row.trusts.iter().find(|ca| certificate.signed_by(ca));
        row.signed_by = signer.map(|ca| ca.common_name.clone());
        row.signer_ends = signer.map(|ca| ca.not_after);
    }
    row
}

/// A file that a kubeconfig names, relative to its own folder.
async fn beside(host: &dyn Host, path: &str, file: &str) -> Result<Vec<u8>, String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let file = if file.starts_with('/') { file.to_owned() } else { format!("{folder}/{file}") };
    match host.read(&file).await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!("names `{}`, which is missing", escape(&file))),
        Err(error) => Err(format!("names a file that cannot be read: {error}")),
    }
}
