//! `daemonset/etcd-defrag`: a workload by kind and name.

use std::fmt;
use std::str::FromStr;

/// A workload that `rollout` knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    kind: &'static str,
    name: String,
}

/// Why a text is not a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// There is no slash.
    #[error("`{0}` is not of the form KIND/NAME")]
    Form(String),
    /// `rollout` does not know the kind.
    #[error("`{0}` is not daemonset, deployment or statefulset")]
    Kind(String),
    /// The name is not one.
    #[error("`{0}` is not a name of Kubernetes (lower-case letters, digits, `-` and `.`)")]
    Name(String),
}

impl Resource {
    /// `daemonset`, `deployment` or `statefulset`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Resource {
    type Err = ResourceError;

    fn from_str(text: &str) -> Result<Self, ResourceError> {
        let shown = || certwright_engine::text::escape(text);
        let (kind, name) = text.split_once('/').ok_or_else(|| ResourceError::Form(shown()))?;
        let kind = match kind {
            "daemonset" | "daemonsets" | "ds" | "daemonset.apps" | "daemonsets.apps" => "daemonset",
            "deployment" | "deployments" | "deploy" | "deployment.apps" | "deployments.apps" => "deployment",
            "statefulset" | "statefulsets" | "sts" | "statefulset.apps" | "statefulsets.apps" => {
                "statefulset"
            }
            _ => return Err(ResourceError::Kind(certwright_engine::text::escape(kind))),
        };
        if !is_name(name) {
            return Err(ResourceError::Name(certwright_engine::text::escape(name)));
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// True for a DNS subdomain as Kubernetes wants names: never an option, never empty.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=253).contains(&name.len())
        && name.bytes().all(|b| plain(b) || b == b'-' || b == b'.')
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
}
