//! What `{{ name }}` may stand for: params of the plan and facts of the cluster.
//!
//! A text is a reference when all of it is `{{ name }}`, and `name` holds only letters, digits, `_`, `.` and
//! `-` and starts with a letter or digit. Every other text with braces is just text (a Go template in an
//! argv, say), unless it holds a known name within a longer text: that is a reference that would not work.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Cluster, FieldType};

/// A value that may be referred to.
#[derive(Debug)]
pub(super) struct Binding {
    /// Its type; None when its declaration is wrong, so that its uses are not blamed for it.
    pub(super) ty: Option<FieldType>,
    /// Its value, where it is known already; null for an optional one that is left out.
    pub(super) value: Option<Value>,
}

/// All values that may be referred to, by name.
#[derive(Debug, Default)]
pub(super) struct Scope(BTreeMap<String, Binding>);

/// What a text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written<'t> {
    /// Itself.
    Text,
    /// A reference to this name.
    Reference(&'t str),
    /// Text around a reference to this known name.
    Mixed(&'t str),
}

impl Scope {
    /// The facts of a cluster; without one their types only.
    pub(super) fn with_cluster(cluster: Option<&Cluster>) -> Self {
        let mut scope = Self::default();
        let mut add = |name: &str, ty, value: Option<Value>| {
            scope.0.insert(format!("cluster.{name}"), Binding { ty: Some(ty), value });
        };
        add("name", FieldType::String, cluster.map(|c| c.name.clone().into()));
        add("namespace", FieldType::String, cluster.map(|c| c.namespace.clone().into()));
        add("kubeconfig", FieldType::String, cluster.map(|c| c.kubeconfig.clone().into()));
        add(
            "admin-kubeconfig",
            FieldType::OptionalString,
            cluster.map(|c| c.admin_kubeconfig.clone().into()),
        );
        add("virtual-ip", FieldType::OptionalString, cluster.map(|c| c.virtual_ip.clone().into()));
        scope
    }

    /// Adds a param.
    pub(super) fn bind(&mut self, name: &str, binding: Binding) {
        self.0.insert(name.to_owned(), binding);
    }

    /// The value with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Binding> {
        self.0.get(name)
    }

    /// All names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What a text is.
    pub(super) fn classify<'t>(&self, text: &'t str) -> Written<'t> {
        if let Some(name) = whole(text) {
            return Written::Reference(name);
        }
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            rest = &rest[at + 2..];
            if let Some(end) = rest.find("}}") {
                let name = rest[..end].trim();
                if self.0.contains_key(name) {
                    return Written::Mixed(name);
                }
            }
        }
        Written::Text
    }
}

/// The name in a text that is a reference and nothing else.
pub(super) fn whole(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    (starts && fits).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_is_a_reference_and_templates_of_others_are_text() {
        let scope = Scope::with_cluster(None);
        for (text, is) in [
            ("{{ cluster.name }}", Written::Reference("cluster.name")),
            ("{{cluster.nmae}}", Written::Reference("cluster.nmae")),
            ("{{ Upper }}", Written::Reference("Upper")),
            ("x-{{ cluster.name }}", Written::Mixed("cluster.name")),
            ("{{ cluster.name }}{{ cluster.name }}", Written::Mixed("cluster.name")),
            ("{{.State.Status}}", Written::Text),
            ("{{json .}}", Written::Text),
            ("{{range .x}}{{.y}}{{end}}", Written::Text),
            ("{{", Written::Text),
            ("{{}}", Written::Text),
            ("{{ }}", Written::Text),
            ("{{{{{{", Written::Text),
            ("", Written::Text),
        ] {
            assert_eq!(scope.classify(text), is, "{text}");
        }
    }
}
