//! Who asks: the user and groups of a client certificate, and what they may do.
//!
//! A small part of RBAC and of the node authorizer: enough that a wrong credential is refused as the real server refuses
//! it. Absent: tokens, impersonation, roles as objects.

use hyper::HeaderMap;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::answer::Failure;
use super::kinds::Kind;
use super::serving::Gate;
use crate::wire::klog::{self, Level};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// Name: the certificate's common name.
    pub(super) user: String,
    /// Groups: its organizations.
    pub(super) groups: Vec<String>,
}

/// What is done to objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Reads one.
    Get,
    /// Reads all.
    List,
    /// Follows changes.
    Watch,
    /// Makes one.
    Create,
    /// Replaces one.
    Update,
    /// Merges into one.
    Patch,
    /// Deletes one.
    Delete,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    fn reads(self) -> bool {
        match self {
            Self::Get | Self::List | Self::Watch => true,
            Self::Create | Self::Update | Self::Patch | Self::Delete => false,
        }
    }
}

/// Which objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Of which kind.
    pub(super) kind: &'static Kind,
    /// In which namespace, if any.
    pub(super) namespace: Option<&'a str>,
    /// Which one, if one.
    pub(super) name: Option<&'a str>,
}

impl Caller {
    /// Who sent a request: a certificate that is not sound now, or a token, is nobody that is known.
    pub(super) fn of(
        gate: &Gate,
        chain: Option<&[CertificateDer<'static>]>,
        headers: &HeaderMap,
    ) -> Result<Self, Failure> {
        if headers.contains_key("authorization") {
            return Err(Failure::unauthorized());
        }
        let Some(chain) = chain else {
            let groups = vec!["system:unauthenticated".to_owned()];
            return Ok(Self { user: "system:anonymous".to_owned(), groups });
        };
        let refused = |why: &str| {
            let text = format!("\"Unable to authenticate the request\" err=\"[{why}]\"");
            klog::say(Level::Error, "authentication.go:75", &text);
            Failure::unauthorized()
        };
        gate.judge(chain).map_err(|error| match error {
            rustls::Error::InvalidCertificate(reason) => {
                refused(&crate::wire::tls::certificate_in_words_of_go(&reason))
            }
            other => refused(&other.to_string()),
        })?;
        let leaf = chain.first().ok_or_else(Failure::unauthorized)?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| Failure::unauthorized())?;
        let text =
            |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
        let user = leaf.subject().iter_common_name().find_map(text).ok_or_else(Failure::unauthorized)?;
        let mut groups: Vec<String> = leaf.subject().iter_organization().filter_map(text).collect();
        groups.push("system:authenticated".to_owned());
        Ok(Self { user, groups })
    }

    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    fn is_master(&self) -> bool {
        self.is_in("system:masters") || self.is_in("kubeadm:cluster-admins")
    }

    /// Whether it may ask for a path that is not of objects.
    pub(super) fn check_path(&self, path: &str) -> Result<(), Failure> {
        let open = ["/healthz", "/livez", "/readyz", "/version"];
        let is_open = open
            .iter()
            .any(|base| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        if is_open || self.is_in("system:authenticated") {
            return Ok(());
        }
        Err(Failure::forbidden(format!("forbidden: User \"{}\" cannot get path \"{path}\"", self.user)))
    }

    /// Whether it may do this to these objects.
    pub(super) fn check(&self, verb: Verb, subject: Subject<'_>) -> Result<(), Failure> {
        if self.is_master() || self.may(verb, subject) {
            return Ok(());
        }
        let Subject { kind, namespace, name } = subject;
        let named = name.map_or_else(String::new, |name| format!(" \"{name}\""));
        let place = namespace
            .map_or_else(|| "at the cluster scope".to_owned(), |n| format!("in the namespace \"{n}\""));
        Err(Failure::forbidden(format!(
            "{}{named} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
            kind.resource(),
            self.user,
            verb.name(),
            kind.plural,
            kind.group
        )))
    }

    fn may(&self, verb: Verb, subject: Subject<'_>) -> bool {
        let kind = subject.kind.plural;
        match self.user.as_str() {
            "system:kube-controller-manager" => kind != "namespaces" || verb.reads(),
            "system:kube-scheduler" => match kind {
                "leases" => subject.namespace == Some("kube-system"),
                "pods" => true,
                "nodes" | "namespaces" | "daemonsets" => verb.reads(),
                _secrets_and_others => false,
            },
            user => match user.strip_prefix("system:node:") {
                Some(node) if self.is_in("system:nodes") => of_node(node, verb, subject),
                Some(_) | None => false,
            },
        }
    }
}

/// What a node may do: read what it runs, write about itself.
fn of_node(node: &str, verb: Verb, subject: Subject<'_>) -> bool {
    let own = subject.name.is_none_or(|name| name == node);
    match subject.kind.plural {
        "nodes" => verb.reads() || own,
        "pods" => true,
        "configmaps" | "secrets" => verb == Verb::Get,
        "certificatesigningrequests" => verb.reads() || verb == Verb::Create,
        "leases" => subject.namespace == Some("kube-node-lease") && own,
        _others => verb.reads() && subject.kind.plural == "daemonsets",
    }
}
