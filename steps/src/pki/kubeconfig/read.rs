//! A kubeconfig from YAML: fields that are known are taken, four are refused, the rest is dropped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::text::Secret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Cluster, Context, Kubeconfig, KubeconfigError, LIMIT, Named, Source, User};
use crate::pki::name::shown;
use crate::pki::yaml;

#[derive(Deserialize)]
struct ConfigIn {
    #[serde(default)]
    clusters: Option<Vec<ClusterIn>>,
    #[serde(default)]
    contexts: Option<Vec<ContextIn>>,
    #[serde(default)]
    users: Option<Vec<UserIn>>,
    #[serde(default, rename = "current-context")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct ClusterIn {
    name: String,
    #[serde(default)]
    cluster: Option<ClusterFields>,
}

#[derive(Deserialize)]
struct ContextIn {
    name: String,
    #[serde(default)]
    context: Option<ContextFields>,
}

#[derive(Deserialize)]
struct UserIn {
    name: String,
    #[serde(default)]
    user: Option<UserFields>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct ClusterFields {
    server: Option<String>,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    proxy_url: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContextFields {
    cluster: Option<String>,
    user: Option<String>,
    namespace: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct UserFields {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    exec: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
}

/// Every entry of the file may be used.
pub(super) fn parse(text: &[u8]) -> Result<Kubeconfig, KubeconfigError> {
    let kubeconfig = parse_in_place(text)?;
    kubeconfig.clusters.iter().try_for_each(super::allowed_cluster)?;
    kubeconfig.users.iter().try_for_each(super::allowed_user)?;
    Ok(kubeconfig)
}

/// An entry that may not be used is told when it is asked for.
pub(super) fn parse_in_place(text: &[u8]) -> Result<Kubeconfig, KubeconfigError> {
    if text.len() > LIMIT {
        return Err(KubeconfigError::TooLarge);
    }
    let config: ConfigIn = yaml::parse(text).map_err(KubeconfigError::Syntax)?;
    let kubeconfig = Kubeconfig {
        clusters: config.clusters.unwrap_or_default().into_iter().map(cluster).collect::<Result<_, _>>()?,
        contexts: config.contexts.unwrap_or_default().into_iter().map(context).collect(),
        users: config.users.unwrap_or_default().into_iter().map(user).collect::<Result<_, _>>()?,
        current_context: config.current_context.unwrap_or_default(),
    };
    unique("cluster", &kubeconfig.clusters)?;
    unique("context", &kubeconfig.contexts)?;
    unique("user", &kubeconfig.users)?;
    Ok(kubeconfig)
}

fn unique<T>(what: &str, list: &[Named<T>]) -> Result<(), KubeconfigError> {
    let mut seen = std::collections::BTreeSet::new();
    match list.iter().find(|named| !seen.insert(&named.name)) {
        Some(twice) => Err(KubeconfigError::Duplicate(format!("{what} `{}`", shown(&twice.name)))),
        None => Ok(()),
    }
}

fn cluster(wire: ClusterIn) -> Result<Named<Cluster>, KubeconfigError> {
    let owner = || format!("cluster `{}`", shown(&wire.name));
    let fields = wire.cluster.unwrap_or_default();
    let forbidden = [
        ("insecure-skip-tls-verify", fields.insecure_skip_tls_verify == Some(true)),
        ("proxy-url", fields.proxy_url.is_some()),
    ];
    let authority = source(
        "certificate-authority-data",
        owner,
        fields.certificate_authority_data,
        fields.certificate_authority,
    )?;
    let entry = Cluster {
        server: fields.server.unwrap_or_default(),
        certificate_authority: authority,
        tls_server_name: fields.tls_server_name,
        forbidden: first(&forbidden),
    };
    Ok(Named { entry, name: wire.name })
}

fn context(wire: ContextIn) -> Named<Context> {
    let fields = wire.context.unwrap_or_default();
    let entry = Context {
        cluster: fields.cluster.unwrap_or_default(),
        user: fields.user.unwrap_or_default(),
        namespace: fields.namespace,
    };
    Named { name: wire.name, entry }
}

fn user(wire: UserIn) -> Result<Named<User>, KubeconfigError> {
    let owner = || format!("user `{}`", shown(&wire.name));
    let fields = wire.user.unwrap_or_default();
    let forbidden = [("exec", fields.exec.is_some()), ("auth-provider", fields.auth_provider.is_some())];
    let certificate =
        source("client-certificate-data", owner, fields.client_certificate_data, fields.client_certificate)?;
    let key = match source("client-key-data", owner, fields.client_key_data, fields.client_key)? {
        Some(Source::Data(bytes)) => Some(Source::Data(Secret::new(bytes))),
        Some(Source::File(path)) => Some(Source::File(path)),
        None => None,
    };
    let token = fields.token.map(|token| Secret::new(token.into_bytes()));
    let forbidden = first(&forbidden);
    let entry = User { client_certificate: certificate, client_key: key, token, forbidden };
    Ok(Named { entry, name: wire.name })
}

/// The first field that is there.
fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    fields.iter().find(|(_, is_there)| *is_there).map(|(field, _)| *field)
}

/// Data goes before a file, as in kubectl; an empty field counts as absent.
fn source(
    field: &'static str,
    owner: impl Fn() -> String,
    data: Option<String>,
    file: Option<String>,
) -> Result<Option<Source<Vec<u8>>>, KubeconfigError> {
    match (data.filter(|d| !d.is_empty()), file.filter(|f| !f.is_empty())) {
        (Some(data), _) => {
            let compact: String = data.split_ascii_whitespace().collect();
            match STANDARD.decode(compact) {
                Ok(bytes) => Ok(Some(Source::Data(bytes))),
                Err(_) => Err(KubeconfigError::Base64 { field, owner: owner() }),
            }
        }
        (None, Some(path)) => Ok(Some(Source::File(path))),
        (None, None) => Ok(None),
    }
}
