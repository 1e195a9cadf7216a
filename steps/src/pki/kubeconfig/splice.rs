//! Another certificate and key in one entry of a kubeconfig, and not a byte changed but theirs.
//!
//! Invariant: the new text parses to what the old one was, unknown fields and all, but for the credentials of the user of
//! current-context and the CA of its cluster. Where YAML is written so that this cannot be had by replacing values (an
//! alias, a key twice), nothing is made. Deliberately absent: adding an entry, and entries of other contexts.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::text::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::{Kubeconfig, KubeconfigError, Source};
use crate::pki::yaml;

/// Why the credentials of an entry cannot be replaced in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The file cannot be used.
    #[error("{0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// The entry has no such field to be replaced.
    #[error("has neither `{0}-data` nor `{0}` to be replaced")]
    NoField(&'static str),
    /// What is to be put there names a file.
    #[error("the new {0} is not embedded")]
    NotEmbedded(&'static str),
    /// Replacing the values would change more than they.
    #[error(
        "is written so that its credentials cannot be replaced without changing more (aliases, a key twice)"
    )]
    Entangled,
}

const CERTIFICATE: &str = "client-certificate";
const KEY: &str = "client-key";
const AUTHORITY: &str = "certificate-authority";

/// What is looked for: names, and the places of values.
#[derive(Deserialize)]
struct ConfigAt {
    clusters: Option<Vec<ClusterAt>>,
    users: Option<Vec<UserAt>>,
}

#[derive(Deserialize)]
struct ClusterAt {
    name: String,
    cluster: Option<ClusterFieldsAt>,
}

#[derive(Deserialize)]
struct UserAt {
    name: String,
    user: Option<UserFieldsAt>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct ClusterFieldsAt {
    certificate_authority: Option<Spanned<String>>,
    certificate_authority_data: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserFieldsAt {
    #[serde(rename = "client-certificate")]
    certificate: Option<Spanned<String>>,
    #[serde(rename = "client-certificate-data")]
    certificate_data: Option<Spanned<String>>,
    #[serde(rename = "client-key")]
    key: Option<Spanned<String>>,
    #[serde(rename = "client-key-data")]
    key_data: Option<Spanned<String>>,
}

/// Bytes that give way to others.
struct Edit {
    at: Range<usize>,
    with: String,
}

/// The text with the certificate, the key and, where they are not the same, the CAs of `new`'s current context in its own.
///
/// A field that names a file (`client-certificate`) becomes one with the data in it (`client-certificate-data`); the file
/// itself is left alone.
pub fn splice(text: &[u8], new: &Kubeconfig, authorities: Authorities) -> Result<Secret, SpliceError> {
    let own = Kubeconfig::parse_in_place(text)?;
    let (cluster, user) = own.current()?;
    let (new_cluster, new_user) = new.current()?;
    let certificate = embedded(CERTIFICATE, new_user.entry.client_certificate.as_ref())?;
    let key = embedded(KEY, new_user.entry.client_key.as_ref())?.reveal();
    let text = std::str::from_utf8(text).map_err(|_| SpliceError::Entangled)?;
    let at: ConfigAt = parse(text)?;
    let users = at.users.unwrap_or_default();
    let fields = users.into_iter().find(|at| at.name == user.name).and_then(|at| at.user).unwrap_or_default();
    let mut edits = replace(text, CERTIFICATE, fields.certificate_data, fields.certificate, certificate)?;
    edits.extend(replace(text, KEY, fields.key_data, fields.key, key)?);
    let mut wanted: Value = parse(text)?;
    let entry = entry_of(&mut wanted, "users", &user.name, "user").ok_or(SpliceError::Entangled)?;
    set(entry, CERTIFICATE, certificate);
    set(entry, KEY, key);
    match authorities {
        Authorities::Same => {}
        Authorities::Replaced => {
            let pem = embedded(AUTHORITY, new_cluster.entry.certificate_authority.as_ref())?;
            let clusters = at.clusters.unwrap_or_default();
            let fields = clusters.into_iter().find(|at| at.name == cluster.name).and_then(|at| at.cluster);
            let fields = fields.unwrap_or_default();
            let (data, file) = (fields.certificate_authority_data, fields.certificate_authority);
            edits.extend(replace(text, AUTHORITY, data, file, pem)?);
            let entry = entry_of(&mut wanted, "clusters", &cluster.name, "cluster");
            set(entry.ok_or(SpliceError::Entangled)?, AUTHORITY, pem);
        }
    }
    let made = apply(text, edits)?;
    // Unknown fields too: whatever the replaced bytes meant beside their values shows here.
    let mut parsed: Value = parse(&made).map_err(|_| SpliceError::Entangled)?;
    compact(entry_of(&mut parsed, "users", &user.name, "user"));
    compact(entry_of(&mut parsed, "clusters", &cluster.name, "cluster"));
    compact(entry_of(&mut wanted, "clusters", &cluster.name, "cluster"));
    if parsed == wanted { Ok(Secret::new(made.into_bytes())) } else { Err(SpliceError::Entangled) }
}

/// What becomes of the CAs of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorities {
    /// They are those of the new file.
    Same,
    /// They give way to those of the new file (issued again for the same keys).
    Replaced,
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, SpliceError> {
    yaml::parse(text.as_bytes()).map_err(|why| SpliceError::Kubeconfig(KubeconfigError::Syntax(why)))
}

fn embedded<'a, T>(what: &'static str, source: Option<&'a Source<T>>) -> Result<&'a T, SpliceError> {
    match source {
        Some(Source::Data(data)) => Ok(data),
        Some(Source::File(_)) | None => Err(SpliceError::NotEmbedded(what)),
    }
}

/// The edits that put data into a field; data goes before a file, as in kubectl.
fn replace(
    text: &str,
    field: &'static str,
    data: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    with: &[u8],
) -> Result<Vec<Edit>, SpliceError> {
    let is_data = data.is_some();
    let value = data.or(file).ok_or(SpliceError::NoField(field))?;
    // An alias has two places; one of them is another entry's.
    if value.referenced != value.defined {
        return Err(SpliceError::Entangled);
    }
    let span = value.referenced.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).ok_or(SpliceError::Entangled);
    let (start, len) = (number(span.byte_offset())?, number(span.byte_len())?);
    let at = start..start.checked_add(len).ok_or(SpliceError::Entangled)?;
    // A block scalar begins behind its `|`, which stays, and ends behind its last line end, which is needed.
    let value = text.get(at.clone()).ok_or(SpliceError::Entangled)?;
    let at = start..start + value.trim_end().len();
    let mut edits = Vec::new();
    if !is_data {
        let before = text.get(..start).ok_or(SpliceError::Entangled)?;
        let name = before.rfind(field).ok_or(SpliceError::Entangled)? + field.len();
        edits.push(Edit { at: name..name, with: "-data".to_owned() });
    }
    edits.push(Edit { at, with: STANDARD.encode(with) });
    Ok(edits)
}

fn apply(text: &str, mut edits: Vec<Edit>) -> Result<String, SpliceError> {
    edits.sort_by_key(|edit| edit.at.start);
    let mut made = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        made.push_str(text.get(done..edit.at.start).ok_or(SpliceError::Entangled)?);
        made.push_str(&edit.with);
        done = edit.at.end;
    }
    made.push_str(text.get(done..).ok_or(SpliceError::Entangled)?);
    Ok(made)
}

/// The fields of an entry of a list, as data.
fn entry_of<'a>(
    config: &'a mut Value,
    list: &str,
    name: &str,
    inner: &str,
) -> Option<&'a mut Map<String, Value>> {
    let entries = config.get_mut(list)?.as_array_mut()?.iter_mut();
    let mut named = entries.filter(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
    named.next()?.get_mut(inner)?.as_object_mut()
}

fn set(entry: &mut Map<String, Value>, field: &str, data: &[u8]) {
    let with = format!("{field}-data");
    if !entry.contains_key(&with) {
        entry.remove(field);
    }
    entry.insert(with, Value::String(STANDARD.encode(data)));
}

/// Takes the line ends out of base64: a block scalar keeps its own.
fn compact(entry: Option<&mut Map<String, Value>>) {
    let Some(entry) = entry else { return };
    for field in [CERTIFICATE, KEY, AUTHORITY] {
        if let Some(Value::String(data)) = entry.get_mut(&format!("{field}-data")) {
            data.retain(|c| !c.is_ascii_whitespace());
        }
    }
}

#[cfg(test)]
mod tests;
