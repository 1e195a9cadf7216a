//! Ansible's YAML format: groups with `hosts`, `vars` and `children`.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::tree::{Tree, Vars, add as add_variable};
use crate::pki::yaml;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    hosts: Option<IndexMap<String, Option<IndexMap<String, Value>>>>,
    children: Option<IndexMap<String, Option<Group>>>,
    vars: Option<IndexMap<String, Value>>,
}

/// Reads a text; the error is `:LINE:COLUMN` and why.
pub(super) fn read(text: &str) -> Result<Tree, (String, String)> {
    let groups: IndexMap<String, Option<Group>> = yaml::parse_at(text.as_bytes()).map_err(|at| {
        let at = at.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        (at, "its YAML is not that of an inventory".to_owned())
    })?;
    let mut tree = Tree::default();
    for (name, group) in groups {
        add(&mut tree, &name, group.unwrap_or_default()).map_err(|why| (String::new(), why))?;
    }
    Ok(tree)
}

fn add(tree: &mut Tree, name: &str, group: Group) -> Result<(), String> {
    tree.group(name)?.vars.extend(texts(group.vars)?);
    for (pattern, vars) in group.hosts.into_iter().flatten() {
        tree.hosts(name, &pattern, &texts(vars)?)?;
    }
    for (child, within) in group.children.into_iter().flatten() {
        tree.group(name)?.children.insert(child.clone());
        add(tree, &child, within.unwrap_or_default())?;
    }
    Ok(())
}

/// The variables that are a text or a number.
fn texts(vars: Option<IndexMap<String, Value>>) -> Result<Vars, String> {
    let mut texts = Vars::new();
    for (key, value) in vars.into_iter().flatten() {
        match value {
            Value::String(text) => add_variable(&mut texts, &key, &text)?,
            Value::Number(number) => add_variable(&mut texts, &key, &number.to_string())?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
        }
    }
    Ok(texts)
}
