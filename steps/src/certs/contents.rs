//! What one surveyed file holds: certificates, and where a kubeconfig leads.

use certwright_engine::text::line;

use super::place::host_of;
use super::row::Row;
use crate::pki::kubeconfig::Source;
use crate::pki::{Certificate, CertificateError, Kubeconfig};
use crate::tools::survey::{FileFacts, FileKind, KubeconfigText};

/// Sets where a kubeconfig leads and whom it trusts.
pub(super) fn lead(conf: &Kubeconfig, row: &mut Row) {
    let Ok((cluster, _)) = conf.current() else { return };
    row.server = Some(line(&cluster.entry.server)).filter(|server| !server.is_empty());
    let named = cluster.entry.tls_server_name.clone();
    row.server_name = named.or_else(|| host_of(&cluster.entry.server)).map(|name| line(&name));
    row.trusts = conf.certificate_authorities().unwrap_or_default();
}

/// A certificate of a file.
pub(super) struct Found {
    /// The certificate, or what is wrong with it.
    pub(super) certificate: Result<Certificate, String>,
    /// The user of a kubeconfig that it is embedded for.
    pub(super) user: Option<String>,
}

/// What a file holds, at least one: of a kubeconfig the current user's first, then the other users'.
///
/// `conf` is the file's kubeconfig, where it is one that can be read.
pub(super) fn certificates(
    facts: &FileFacts,
    conf: Option<&Result<Kubeconfig, String>>,
    refused: Option<&String>,
) -> Vec<Found> {
    let one = |certificate| vec![Found { certificate, user: None }];
    if let Some(why) = refused {
        return one(Err(format!("cannot be read: {why}")));
    }
    if facts.kind != FileKind::File || matches!(facts.kubeconfig, Some(KubeconfigText::Opaque)) {
        return one(facts.certificate().map_err(|error| error.to_string()));
    }
    if let Some(conf) = conf {
        return match conf {
            Ok(conf) => of_kubeconfig(conf),
            Err(why) => one(Err(why.clone())),
        };
    }
    if facts.certificates.is_empty() {
        return one(Err("holds no certificate".to_owned()));
    }
    let all = Certificate::each_from_pem(&facts.certificates);
    let found = |certificate: Result<Certificate, _>| Found {
        certificate: certificate.map_err(|error: CertificateError| error.to_string()),
        user: None,
    };
    all.into_iter().map(found).collect()
}

fn of_kubeconfig(conf: &Kubeconfig) -> Vec<Found> {
    let current = conf.client_certificate().map_err(|error| error.to_string());
    let name = conf.current().ok().map(|(_, user)| user.name.clone());
    let mut found = vec![Found { certificate: current, user: name.as_deref().map(line) }];
    for user in conf.users.iter().filter(|user| Some(&user.name) != name.as_ref()) {
        if let Some(Source::Data(pem)) = &user.entry.client_certificate {
            let certificate = Certificate::each_from_pem(pem).into_iter().next();
            let certificate = certificate.unwrap_or(Err(CertificateError::None));
            found.push(Found {
                certificate: certificate.map_err(|error| error.to_string()),
                user: Some(line(&user.name)),
            });
        }
    }
    found
}

/// The file that a kubeconfig keeps the current user's certificate in.
pub(super) fn client_file(conf: &Kubeconfig) -> Option<String> {
    match &conf.current().ok()?.1.entry.client_certificate {
        Some(Source::File(path)) if path.starts_with('/') => Some(path.clone()),
        Some(Source::File(_) | Source::Data(_)) | None => None,
    }
}
