//! What of a configuration of bmctl is not as it must be: the field by its name, what is there, and what belongs there.
//!
//! Asked only where the whole could not be read: a reader of YAML tells a place, and no field.

use serde_json::Value;

use crate::pki::yaml;

/// What belongs into a field.
#[derive(Clone, Copy)]
enum Wanted {
    Text,
    Mapping,
    Nodes,
}

/// The fields that are read, those above before those in them.
const FIELDS: &[(&str, Wanted)] = &[
    ("apiVersion", Wanted::Text),
    ("kind", Wanted::Text),
    ("sshPrivateKeyPath", Wanted::Text),
    ("metadata", Wanted::Mapping),
    ("metadata.name", Wanted::Text),
    ("metadata.namespace", Wanted::Text),
    ("spec", Wanted::Mapping),
    ("spec.type", Wanted::Text),
    ("spec.controlPlane", Wanted::Mapping),
    ("spec.controlPlane.nodePoolSpec", Wanted::Mapping),
    ("spec.controlPlane.nodePoolSpec.nodes", Wanted::Nodes),
    ("spec.loadBalancer", Wanted::Mapping),
    ("spec.loadBalancer.vips", Wanted::Mapping),
    ("spec.loadBalancer.vips.controlPlaneVIP", Wanted::Text),
    ("spec.nodeAccess", Wanted::Mapping),
    ("spec.nodeAccess.loginUser", Wanted::Text),
];

/// Why a text is none, after `is not a configuration of bmctl: `.
pub(super) fn mistake(text: &str, at: yaml::At) -> String {
    let Ok(documents) = yaml::each_at::<Value>(text) else {
        let line = at.and_then(|(line, _)| text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?));
        let is_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
        let why = if line.is_some_and(is_tab) {
            "a tab indents this line, and YAML takes blanks only"
        } else {
            "it cannot be read as YAML"
        };
        return why.to_owned();
    };
    documents.iter().find_map(of_document).unwrap_or_else(|| "its YAML has another shape".to_owned())
}

fn of_document(document: &Value) -> Option<String> {
    if !matches!(document, Value::Object(_) | Value::Null) {
        return Some(format!("a document is {}, and must be a mapping", noun(document)));
    }
    FIELDS.iter().find_map(|(path, wanted)| {
        let value = path.split('.').try_fold(document, |value, name| value.get(name))?;
        match (wanted, value) {
            (Wanted::Nodes, Value::Array(nodes)) => {
                nodes.iter().zip(1..).find_map(|(node, n)| of_node(path, node, n))
            }
            (Wanted::Mapping, Value::Object(_))
            | (Wanted::Text, Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null) => None,
            (Wanted::Nodes, other) => Some(format!(
                "`{path}` is {}, and must be a list of nodes, each `- address: IP`",
                noun(other)
            )),
            (Wanted::Mapping, other) => Some(format!("`{path}` is {}, and must be a mapping", noun(other))),
            (Wanted::Text, other) => Some(format!("`{path}` is {}, and must be a text", noun(other))),
        }
    })
}

fn of_node(path: &str, node: &Value, n: usize) -> Option<String> {
    match node {
        Value::Object(fields) => match fields.get("address")? {
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => None,
            other => {
                Some(format!("`address` of node {n} of `{path}` is {}, and must be a text", noun(other)))
            }
        },
        other => Some(format!("node {n} of `{path}` is {}, and must be `- address: IP`", noun(other))),
    }
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) | Value::Number(_) | Value::String(_) => "a single value",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::read;

    const GOOD: &str = "apiVersion: baremetal.cluster.gke.io/v1\nkind: Cluster\nmetadata:\n  name: x\nspec:\n  type: admin\n  \
                        controlPlane:\n    nodePoolSpec:\n      nodes:\n      - address: 10.0.0.1\n      - address: 10.0.0.2\n";

    const NODES: &str = "spec.controlPlane.nodePoolSpec.nodes";

    #[test]
    fn a_mistake_is_told_by_its_field_and_what_belongs_there() {
        let read =
            |text: &str| read(Path::new("x.yaml"), text, None, Vec::new).map_err(|error| error.to_string());
        assert_eq!(read(GOOD).unwrap().hosts.len(), 2);
        let list = "      - address: 10.0.0.1\n      - address: 10.0.0.2\n";
        for (from, to, expected) in [
            (
                format!("nodes:\n{list}"),
                "nodes: foo\n",
                format!("`{NODES}` is a single value, and must be a list of nodes"),
            ),
            (
                list.to_owned(),
                "",
                format!("`{NODES}` is empty, and must be a list of nodes, each `- address: IP`"),
            ),
            (
                "address: 10.0.0.2".to_owned(),
                "address: [1,2]",
                format!("`address` of node 2 of `{NODES}` is a list"),
            ),
            (
                "- address: 10.0.0.2".to_owned(),
                "- 10.0.0.2",
                format!("node 2 of `{NODES}` is a single value"),
            ),
            (
                "metadata:\n  name: x".to_owned(),
                "metadata: x",
                "`metadata` is a single value, and must be a mapping".to_owned(),
            ),
            ("  name: x".to_owned(), "\tname: x", "a tab indents this line".to_owned()),
            ("type: admin".to_owned(), "type: [", "it cannot be read as YAML".to_owned()),
            ("10.0.0.2".to_owned(), "42", "has the address `42`, which is no IP address".to_owned()),
            (
                "10.0.0.2".to_owned(),
                "10.200.0.300",
                "has the address `10.200.0.300`, which is no IP address".to_owned(),
            ),
            (
                "10.0.0.2".to_owned(),
                "10.0.0.1",
                format!("nodes 1 and 2 of {NODES} of `x` have one address: 10.0.0.1"),
            ),
        ] {
            let text = GOOD.replacen(&from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let told = read(&text).expect_err(to);
            assert!(told.contains(&expected), "{to:?}: {told}");
        }
    }
}
