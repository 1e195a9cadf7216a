//! What `{{ name }}` may stand for: params of the plan and facts of the cluster.
//!
//! A text is a reference when all of it is `{{ name }}`, and `name` holds only letters, digits, `_`, `.` and
//! `-` and starts with a letter or digit. Every other text with braces is just text (a Go template in an
//! argv, say), unless it holds a known name within a longer text, or is a name with too few or too many braces: those are
//! references that would not work.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::findings::{Found, Span, quote};
use super::{Cluster, Code, FieldType};

/// A value that may be referred to.
#[derive(Debug)]
pub(super) struct Binding {
    /// Its type; None when its declaration is wrong, so that its uses are not blamed for it.
    pub(super) ty: Option<FieldType>,
    /// Its value, where it is known already; null for an optional one that is left out.
    pub(super) value: Option<Value>,
    /// Where the value comes from.
    pub(super) origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A `--set`.
    Set,
    /// The default of a param.
    Default,
    /// The inventory.
    Inventory,
}

/// All values that may be referred to, by name.
#[derive(Debug, Default)]
pub(super) struct Scope {
    bindings: BTreeMap<String, Binding>,
    /// What was referred to.
    used: RefCell<BTreeSet<String>>,
}

/// What a text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written<'t> {
    /// Itself.
    Text,
    /// A reference to this name.
    Reference(&'t str),
    /// Text around a reference to this known name.
    Mixed(&'t str),
    /// A reference whose braces are not two and two, or without a name.
    Broken,
}

impl Scope {
    /// The facts of a cluster; without one their types only.
    pub(super) fn with_cluster(cluster: Option<&Cluster>) -> Self {
        let mut scope = Self::default();
        let mut add = |name: &str, ty, value: Option<Value>| {
            let binding = Binding { ty: Some(ty), value, origin: Origin::Inventory };
            scope.bind(&format!("cluster.{name}"), binding);
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
        self.bindings.insert(name.to_owned(), binding);
    }

    /// The value with this name, which is then one that is used.
    pub(super) fn refer(&self, name: &str) -> Option<&Binding> {
        self.used.borrow_mut().insert(name.to_owned());
        self.bindings.get(name)
    }

    /// Whether anything refers to a value.
    pub(super) fn is_used(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }

    /// What a text refers to, and where that comes from: "`ns` is `\"a b\"`, given by --set".
    pub(super) fn trace(&self, text: &str) -> Option<String> {
        let name = whole(text)?;
        let Binding { value: Some(value), origin, .. } = self.bindings.get(name)? else { return None };
        let origin = match origin {
            Origin::Set => "given by --set",
            Origin::Default => "its default",
            Origin::Inventory => "from the inventory",
        };
        Some(format!("{} is {}, {origin}", quote(name), quote(&value.to_string())))
    }

    /// All names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.keys().map(String::as_str)
    }

    /// What a text is.
    pub(super) fn classify<'t>(&self, text: &'t str) -> Written<'t> {
        if let Some(name) = whole(text) {
            return Written::Reference(name);
        }
        if is_broken(text) {
            return Written::Broken;
        }
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            rest = &rest[at + 2..];
            if let Some(end) = rest.find("}}") {
                let name = rest[..end].trim();
                if self.bindings.contains_key(name) {
                    return Written::Mixed(name);
                }
            }
        }
        Written::Text
    }
}

/// The finding of a reference where none is possible; `what` is what it stands for.
pub(super) fn misplaced(name: &str, span: Span, what: &str) -> Found {
    let found = Found::new(Code::ReferencePlace, span, format!("{what} refers to another value"));
    let name = quote(name);
    found
        .label("references are possible in `with` only")
        .help(format!("write the value itself, or refer to {name} in the steps that need it"))
}

/// Whether a text was most likely meant to be a reference: braces around a name, or around nothing, that are not two and
/// two. What programs take for themselves (`{}`, `{{`, `{name}`) is none.
fn is_broken(text: &str) -> bool {
    let text = text.trim();
    let inner = text.trim_start_matches('{');
    let opening = text.len() - inner.len();
    let name = inner.trim_end_matches('}');
    let closing = inner.len() - name.len();
    if name.trim().is_empty() {
        return opening >= 2 && closing >= 1;
    }
    is_name(name.trim()) && (opening, closing) != (2, 2) && opening.max(closing) >= 2
}

/// Whether a text may be a name within a reference.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The name in a text that is a reference and nothing else.
pub(super) fn whole(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    is_name(name).then_some(name)
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
            ("{{{{{{", Written::Text),
            ("{}", Written::Text),
            ("{ }", Written::Text),
            ("{name}", Written::Text),
            ("name}", Written::Text),
            ("}}", Written::Text),
            ("{{ .Name }", Written::Text),
            ("{\"a\":{\"b\":1}}", Written::Text),
            ("{{}}", Written::Broken),
            ("{{ }}", Written::Broken),
            ("{{}", Written::Broken),
            ("{{ cluster.name", Written::Broken),
            ("{{ other }", Written::Broken),
            ("{ other }}", Written::Broken),
            ("other }}", Written::Broken),
            ("{{{ other }}}", Written::Broken),
            ("", Written::Text),
        ] {
            assert_eq!(scope.classify(text), is, "{text}");
        }
    }
}
