//! A kubeconfig to YAML, with its keys or without.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Cluster, Kubeconfig, Named, Source, User};

#[derive(Serialize)]
struct ConfigOut<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    clusters: Vec<ClusterOut<'a>>,
    contexts: Vec<ContextOut<'a>>,
    #[serde(rename = "current-context")]
    current_context: &'a str,
    kind: &'static str,
    users: Vec<UserOut<'a>>,
}

#[derive(Serialize)]
struct ClusterOut<'a> {
    cluster: ClusterFieldsOut<'a>,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterFieldsOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'a str>,
}

#[derive(Serialize)]
struct ContextOut<'a> {
    context: ContextFieldsOut<'a>,
    name: &'a str,
}

#[derive(Serialize)]
struct ContextFieldsOut<'a> {
    cluster: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    user: &'a str,
}

#[derive(Serialize)]
struct UserOut<'a> {
    name: &'a str,
    user: UserFieldsOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UserFieldsOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// What becomes of keys and tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// They are written as they are.
    Revealed,
    /// They are replaced by `REDACTED`.
    Redacted,
}

pub(super) fn render(config: &Kubeconfig, keys: Keys) -> String {
    let out = ConfigOut {
        api_version: "v1",
        clusters: config.clusters.iter().map(cluster_out).collect(),
        contexts: config
            .contexts
            .iter()
            .map(|named| ContextOut {
                context: ContextFieldsOut {
                    cluster: &named.entry.cluster,
                    namespace: named.entry.namespace.as_deref(),
                    user: &named.entry.user,
                },
                name: &named.name,
            })
            .collect(),
        current_context: &config.current_context,
        kind: "Config",
        users: config.users.iter().map(|named| user_out(named, keys)).collect(),
    };
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false, compact_list_indent: true };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, &out, options)
        .expect("plain text serializes to YAML");
    text
}

fn cluster_out(named: &Named<Cluster>) -> ClusterOut<'_> {
    let entry = &named.entry;
    let (file, data) = split(entry.certificate_authority.as_ref());
    ClusterOut {
        cluster: ClusterFieldsOut {
            certificate_authority: file,
            certificate_authority_data: data.map(|pem| STANDARD.encode(pem)),
            server: &entry.server,
            tls_server_name: entry.tls_server_name.as_deref(),
        },
        name: &named.name,
    }
}

fn user_out(named: &Named<User>, keys: Keys) -> UserOut<'_> {
    let entry = &named.entry;
    let shown = |secret: String| match keys {
        Keys::Revealed => secret,
        Keys::Redacted => "REDACTED".to_owned(),
    };
    let (certificate_file, certificate) = split(entry.client_certificate.as_ref());
    let (key_file, key) = split(entry.client_key.as_ref());
    UserOut {
        name: &named.name,
        user: UserFieldsOut {
            client_certificate: certificate_file,
            client_certificate_data: certificate.map(|pem| STANDARD.encode(pem)),
            client_key: key_file,
            client_key_data: key.map(|key| shown(STANDARD.encode(key.reveal()))),
            token: entry.token.as_ref().map(|t| shown(String::from_utf8_lossy(t.reveal()).into_owned())),
        },
    }
}

fn split<T>(source: Option<&Source<T>>) -> (Option<&str>, Option<&T>) {
    match source {
        Some(Source::Data(data)) => (None, Some(data)),
        Some(Source::File(path)) => (Some(path), None),
        None => (None, None),
    }
}
