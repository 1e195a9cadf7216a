//! What a request asks for, read from its path and query.

use super::kinds::{Kind, Scope, find};

/// What a path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/version`.
    Version,
    /// `/api`.
    Core,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1` (an empty group) and `/apis/GROUP/v1`.
    Resources(String),
    /// Objects.
    Objects(Place),
    /// Nothing that there is.
    Nothing,
}

/// Objects of a kind: all of a namespace or of the cluster, or one of them, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: &'static Kind,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) part: Option<String>,
}

impl Place {
    /// Where objects of the kind lie in the store: those of this place, or all where it names no namespace.
    pub(super) fn prefix(&self) -> String {
        let namespace = self.namespace.as_ref().map_or_else(String::new, |n| format!("{n}/"));
        format!("/registry/{}/{namespace}", self.kind.resource())
    }

    /// The key of the object with this name at this place.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }
}

impl Target {
    /// Reads a path.
    pub(super) fn read(path: &str) -> Self {
        let words: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["version"] => Self::Version,
            ["api"] => Self::Core,
            ["apis"] => Self::Groups,
            ["api", "v1"] => Self::Resources(String::new()),
            ["apis", group] => Self::Group((*group).to_owned()),
            ["apis", group, "v1"] => Self::Resources((*group).to_owned()),
            ["api", "v1", rest @ ..] => objects("", rest),
            ["apis", group, "v1", rest @ ..] => objects(group, rest),
            _others => Self::Nothing,
        }
    }
}

fn objects(group: &str, words: &[&str]) -> Target {
    let (namespace, words) = match words {
        // `namespaces/NAME` and `namespaces/NAME/status` are the namespace itself.
        ["namespaces", namespace, rest @ ..] if !matches!(rest, [] | ["status"]) => (Some(*namespace), rest),
        all => (None, all),
    };
    let (plural, name, part) = match words {
        [plural] => (*plural, None, None),
        [plural, name] => (*plural, Some(*name), None),
        [plural, name, part] => (*plural, Some(*name), Some(*part)),
        _others => return Target::Nothing,
    };
    let Some(kind) = find(group, plural) else { return Target::Nothing };
    let fits = match kind.scope {
        Scope::Cluster => namespace.is_none(),
        // All of the cluster can be listed, but an object has a namespace.
        Scope::Namespaced => namespace.is_some() || name.is_none(),
    };
    if !fits || part.is_some_and(|part| !kind.parts.contains(&part)) {
        return Target::Nothing;
    }
    let owned = |word: Option<&str>| word.map(str::to_owned);
    Target::Objects(Place { kind, namespace: owned(namespace), name: owned(name), part: owned(part) })
}

/// The query of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: &str) -> Self {
        let pair = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            (decode(name), decode(&value.replace('+', " ")))
        };
        Self(text.split('&').filter(|word| !word.is_empty()).map(pair).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on: there, and not `false` or `0`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "false" && value != "0")
    }
}

/// Undoes percent-encoding; what is not such a code stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let decoded = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(decoded.unwrap_or(*byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Query, Target};

    fn place(path: &str) -> Option<(String, Option<String>, Option<String>)> {
        match Target::read(path) {
            Target::Objects(place) => Some((place.prefix(), place.name, place.part)),
            Target::Version
            | Target::Core
            | Target::Groups
            | Target::Group(_)
            | Target::Resources(_)
            | Target::Nothing => None,
        }
    }

    #[test]
    fn a_namespace_is_told_from_what_lies_in_it() {
        let some = |text: &str| Some(text.to_owned());
        let of_pods = |name, part| Some(("/registry/pods/kube-system/".to_owned(), name, part));
        assert_eq!(place("/api/v1/namespaces/kube-system/pods"), of_pods(None, None));
        assert_eq!(place("/api/v1/namespaces/kube-system/pods/a/status"), of_pods(some("a"), some("status")));
        assert_eq!(place("/api/v1/pods"), Some(("/registry/pods/".to_owned(), None, None)));
        let namespaces = "/registry/namespaces/".to_owned();
        assert_eq!(place("/api/v1/namespaces/kube-system"), Some((namespaces, some("kube-system"), None)));
        assert_eq!(place("/api/v1/namespaces/x/nodes"), None, "a node lies in no namespace");
        assert_eq!(place("/api/v1/pods/a"), None, "a pod lies in one");
        assert_eq!(place("/apis/apps/v1/namespaces/kube-system/daemonsets/a/scale"), None, "no such part");
    }

    #[test]
    fn a_query_is_decoded() {
        let query = Query::read("watch=true&fieldSelector=metadata.name%3Detcd-defrag&limit=");
        assert!(query.has("watch"));
        assert_eq!(query.get("fieldSelector"), Some("metadata.name=etcd-defrag"));
        assert_eq!(query.get("limit"), Some(""));
    }
}
