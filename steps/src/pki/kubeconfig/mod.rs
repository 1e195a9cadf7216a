//! A kubeconfig as data: a whitelist of its fields, nothing that runs code or loosens TLS.
//!
//! Invariant: what is rendered was parsed field by field, so nothing unknown passes through. Keys and tokens are
//! [`Secret`]. `exec`, `auth-provider`, `proxy-url` and `insecure-skip-tls-verify` are refused, every other field is
//! dropped. In a file that stays where it is ([`Kubeconfig::parse_in_place`]) an entry with one of them is refused by
//! itself, and [`splice`] leaves all bytes but those of one entry's credentials. Deliberately absent: reading the files
//! that a kubeconfig names.

mod read;

mod files;

mod write;

mod splice;

#[cfg(test)]
mod tests;

use certwright_engine::text::Secret;

use super::name::shown;
use super::{Certificate, CertificateError, Digest, KeyError, public_key_digest};
pub use splice::{Authorities, SpliceError, splice};

/// A parsed kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Its clusters, in order.
    pub clusters: Vec<Named<Cluster>>,
    /// Its contexts, in order.
    pub contexts: Vec<Named<Context>>,
    /// Its users, in order.
    pub users: Vec<Named<User>>,
    /// The name of the context in use; empty when none is chosen.
    pub current_context: String,
}

/// An entry with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// The name others refer to it by.
    pub name: String,
    /// The entry.
    pub entry: T,
}

/// Bytes given in place or by a path on the machine where the kubeconfig lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<T> {
    /// Embedded (`...-data`), decoded from base64.
    Data(T),
    /// A path.
    File(String),
}

/// How to reach an API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// URL of the API server.
    pub server: String,
    /// PEM of the CAs that may sign its certificate.
    pub certificate_authority: Option<Source<Vec<u8>>>,
    /// The name to expect in its certificate where it is not the URL's.
    pub tls_server_name: Option<String>,
    /// A field for which the entry is refused; only in a file that was parsed in place.
    pub forbidden: Option<&'static str>,
}

/// Which user asks which cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the user.
    pub user: String,
    /// Default namespace.
    pub namespace: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// PEM of the client certificate.
    pub client_certificate: Option<Source<Vec<u8>>>,
    /// PEM of its private key.
    pub client_key: Option<Source<Secret>>,
    /// Bearer token.
    pub token: Option<Secret>,
    /// A field for which the entry is refused; only in a file that was parsed in place.
    pub forbidden: Option<&'static str>,
}

/// Why a kubeconfig is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// It is larger than [`LIMIT`].
    #[error("is larger than {} KiB", LIMIT / 1024)]
    TooLarge,
    /// It is not YAML of the expected shape.
    #[error("is not a kubeconfig: {0}")]
    Syntax(String),
    /// It has a field that runs code or loosens TLS.
    #[error("sets `{field}` for {owner}, which is refused")]
    Forbidden {
        /// The field.
        field: &'static str,
        /// The user or cluster that has it.
        owner: String,
    },
    /// A `...-data` field is not base64.
    #[error("has a `{field}` of {owner} that is not base64")]
    Base64 {
        /// The field.
        field: &'static str,
        /// The user or cluster that has it.
        owner: String,
    },
    /// Two entries of a list have the same name.
    #[error("names {0} twice")]
    Duplicate(String),
    /// No context is in use.
    #[error("has no current-context")]
    NoContext,
    /// Something that is referred to is not there.
    #[error("has no {0}")]
    Dangling(String),
    /// What is asked for is not embedded but kept in a file.
    #[error("keeps its {what} in `{path}`")]
    InFile {
        /// What is asked for.
        what: &'static str,
        /// The path.
        path: String,
    },
    /// What is asked for is not there.
    #[error("has no {0}")]
    Absent(&'static str),
    /// The embedded certificate is not one.
    #[error("has a {what} that {source}")]
    Certificate {
        /// Which one.
        what: &'static str,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The embedded private key is not one.
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// The largest kubeconfig that is read, bytes.
pub const LIMIT: usize = 256 * 1024;

impl Kubeconfig {
    /// Parses YAML (or JSON, which is YAML) into the whitelist of fields.
    pub fn parse(text: &[u8]) -> Result<Self, KubeconfigError> {
        read::parse(text)
    }

    /// The same of a file that stays where it is: an entry with a field that is refused is an error where it is asked for,
    /// and in the way of no other.
    pub fn parse_in_place(text: &[u8]) -> Result<Self, KubeconfigError> {
        read::parse_in_place(text)
    }

    /// The cluster and the user of current-context.
    pub fn current(&self) -> Result<(&Named<Cluster>, &Named<User>), KubeconfigError> {
        if self.current_context.is_empty() {
            return Err(KubeconfigError::NoContext);
        }
        let context = find("context", &self.contexts, &self.current_context)?;
        let cluster = find("cluster", &self.clusters, &context.entry.cluster)?;
        let user = find("user", &self.users, &context.entry.user)?;
        allowed_cluster(cluster)?;
        allowed_user(user)?;
        Ok((cluster, user))
    }

    /// The same file with the first context that asks as this user in use; None where none does.
    pub fn as_user(&self, user: &str) -> Option<Self> {
        let context = self.contexts.iter().find(|context| context.entry.user == user)?;
        Some(Self { current_context: context.name.clone(), ..self.clone() })
    }

    /// The embedded client certificate of the current user (the first, where a chain follows it).
    ///
    /// [`KubeconfigError::InFile`] names the file where it is kept apart (kubelet.conf).
    pub fn client_certificate(&self) -> Result<Certificate, KubeconfigError> {
        let what = "client certificate";
        let pem = data(what, self.current()?.1.entry.client_certificate.as_ref())?;
        certificates(what, pem).map(|mut all| all.swap_remove(0))
    }

    /// The embedded CAs of the current cluster; at least one.
    pub fn certificate_authorities(&self) -> Result<Vec<Certificate>, KubeconfigError> {
        let what = "certificate authority";
        certificates(what, data(what, self.current()?.0.entry.certificate_authority.as_ref())?)
    }

    /// The digest of the current user's embedded key's public half; equals its certificate's where they fit.
    pub fn client_key_digest(&self) -> Result<Digest, KubeconfigError> {
        let key = data("client key", self.current()?.1.entry.client_key.as_ref())?;
        Ok(public_key_digest(key)?)
    }

    /// URL of the current cluster's API server.
    pub fn server(&self) -> Result<&str, KubeconfigError> {
        Ok(&self.current()?.0.entry.server)
    }

    /// Its current context, cluster and user, and nothing else.
    pub fn only_current(&self) -> Result<Self, KubeconfigError> {
        let (cluster, user) = self.current()?;
        let context = find("context", &self.contexts, &self.current_context)?;
        Ok(Self {
            clusters: vec![cluster.clone()],
            contexts: vec![context.clone()],
            users: vec![user.clone()],
            current_context: self.current_context.clone(),
        })
    }

    /// A new kubeconfig from the whitelisted fields, as YAML; parses back to an equal value.
    pub fn render(&self) -> Secret {
        Secret::new(write::render(self, write::Keys::Revealed).into_bytes())
    }

    /// The same with every key and token replaced by `REDACTED`.
    pub fn redacted(&self) -> String {
        write::render(self, write::Keys::Redacted)
    }
}

fn allowed_cluster(cluster: &Named<Cluster>) -> Result<(), KubeconfigError> {
    allowed("cluster", &cluster.name, cluster.entry.forbidden)
}

fn allowed_user(user: &Named<User>) -> Result<(), KubeconfigError> {
    allowed("user", &user.name, user.entry.forbidden)
}

fn allowed(what: &str, name: &str, forbidden: Option<&'static str>) -> Result<(), KubeconfigError> {
    match forbidden {
        None => Ok(()),
        Some(field) => Err(KubeconfigError::Forbidden { field, owner: format!("{what} `{}`", shown(name)) }),
    }
}

fn find<'a, T>(what: &str, list: &'a [Named<T>], name: &str) -> Result<&'a Named<T>, KubeconfigError> {
    let dangling = || KubeconfigError::Dangling(format!("{what} `{}`", shown(name)));
    list.iter().find(|named| named.name == name).ok_or_else(dangling)
}

fn data<'a, T>(what: &'static str, source: Option<&'a Source<T>>) -> Result<&'a T, KubeconfigError> {
    match source {
        Some(Source::Data(data)) => Ok(data),
        Some(Source::File(path)) => Err(KubeconfigError::InFile { what, path: shown(path) }),
        None => Err(KubeconfigError::Absent(what)),
    }
}

/// At least one certificate.
fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<Certificate>, KubeconfigError> {
    match Certificate::all_from_pem(pem) {
        Ok(all) if all.is_empty() => {
            Err(KubeconfigError::Certificate { what, source: CertificateError::None })
        }
        Ok(all) => Ok(all),
        Err(source) => Err(KubeconfigError::Certificate { what, source }),
    }
}
