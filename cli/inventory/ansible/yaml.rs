//! Ansible's YAML format: groups with `hosts`, `vars` and `children`.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::{Tree, expand};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    hosts: Option<IndexMap<String, Option<IndexMap<String, Value>>>>,
    children: Option<IndexMap<String, Option<Group>>>,
    vars: Option<IndexMap<String, Value>>,
}

/// Reads a text; the error is `:LINE:COLUMN` and why.
pub(super) fn read(text: &str) -> Result<Tree, (String, String)> {
    let options = serde_saphyr::options! { with_snippet: false };
    let groups: IndexMap<String, Option<Group>> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| {
            let at = error.location().map_or(String::new(), |at| format!(":{}:{}", at.line(), at.column()));
            (at, "its YAML is not that of an inventory".to_owned())
        })?;
    let mut tree = Tree::default();
    for (name, group) in groups {
        add(&mut tree, &name, group.unwrap_or_default()).map_err(|why| (String::new(), why))?;
    }
    Ok(tree)
}

fn add(tree: &mut Tree, name: &str, group: Group) -> Result<(), String> {
    tree.group(name).vars.extend(texts(group.vars));
    for (pattern, vars) in group.hosts.into_iter().flatten() {
        let vars = texts(vars);
        for host in expand(&pattern)? {
            tree.host(name, &host, vars.clone());
        }
    }
    for (child, within) in group.children.into_iter().flatten() {
        tree.group(name).children.push(child.clone());
        add(tree, &child, within.unwrap_or_default())?;
    }
    Ok(())
}

/// The variables that are a text or a number.
fn texts(vars: Option<IndexMap<String, Value>>) -> Vec<(String, String)> {
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) => Some((key, text)),
        Value::Number(number) => Some((key, number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    vars.into_iter().flatten().filter_map(text).collect()
}
