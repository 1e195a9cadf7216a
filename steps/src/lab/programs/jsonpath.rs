//! `-o jsonpath-as-json={range OBJECTS}{FIELD}...{end}`: for each object and field a JSON list of the values found.
//!
//! A path is made of `.key`, `[*]` and `[?(@.key==VALUE)]` (or `!=`), VALUE a text in quotes or `true`. What is missing is no
//! value, and a filter holds of nothing that lacks its key, as in kubectl 1.20 to 1.33. Deliberately absent: everything else
//! of JSONPath.

use serde_json::Value;

use super::objects::indented;

/// What `-o FORMAT` prints of an object; None for a format that the lab does not know.
pub(crate) fn print(format: &str, root: &Value) -> Option<Vec<u8>> {
    let template = format.strip_prefix("jsonpath-as-json={range ")?.strip_suffix("{end}")?;
    let (objects, fields) = template.split_once('}')?;
    let objects = parse(objects)?;
    // No value in a path has a brace.
    let fields = fields.strip_prefix('{')?.strip_suffix('}')?;
    let fields: Vec<Vec<Part>> = fields.split("}{").map(parse).collect::<Option<_>>()?;
    let mut printed = Vec::new();
    for object in find(&objects, root) {
        for field in &fields {
            let values = Value::Array(find(field, object).into_iter().cloned().collect());
            printed.extend(indented(&values));
        }
    }
    Some(printed)
}

/// A part of a path.
enum Part<'a> {
    /// `.key`
    Key(&'a str),
    /// `[*]`
    Each,
    /// `[?(@.key==VALUE)]`: those whose key has the value, or has another one.
    Where { key: &'a str, is: Relation, value: Value },
}

#[derive(PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
}

fn parse(mut path: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    while !path.is_empty() {
        let (part, rest) = if let Some(rest) = path.strip_prefix("[*]") {
            (Part::Each, rest)
        } else if let Some(rest) = path.strip_prefix("[?(@.") {
            let (filter, rest) = rest.split_once(")]")?;
            (parse_filter(filter)?, rest)
        } else {
            let rest = path.strip_prefix('.')?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            (Part::Key(&rest[..end]), &rest[end..])
        };
        parts.push(part);
        path = rest;
    }
    Some(parts)
}

fn parse_filter(filter: &str) -> Option<Part<'_>> {
    let (key, is, value) = match filter.split_once("!=") {
        Some((key, value)) => (key, Relation::Unequal, value),
        None => filter.split_once("==").map(|(key, value)| (key, Relation::Equal, value))?,
    };
    let value: Value = serde_json::from_str(value).ok()?;
    Some(Part::Where { key, is, value })
}

fn find<'a>(parts: &[Part<'_>], root: &'a Value) -> Vec<&'a Value> {
    parts.iter().fold(vec![root], |found, part| {
        let step = |value: &'a Value| -> Vec<&'a Value> {
            let items = value.as_array().into_iter().flatten();
            match part {
                Part::Key(key) => value.get(key).into_iter().collect(),
                Part::Each => items.collect(),
                Part::Where { key, is, value } => {
                    let pointer = format!("/{}", key.replace('.', "/"));
                    let holds = |item: &&Value| {
                        let found = item.pointer(&pointer);
                        found.is_some_and(|found| (found == value) == (*is == Relation::Equal))
                    };
                    items.filter(holds).collect()
                }
            }
        };
        found.into_iter().flat_map(step).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Printed by kubectl 1.20 and by 1.33 of the same objects.
    const PRINTED: &str = r#"[
    "a"
]
[
    "a\n\"],[\"b\" \u001b[1m]}{end}",
    "10.0.0.1"
]
[
    "True"
]
[
    {
        "name": "a"
    }
]
[
    "b"
]
[]
[]
[
    {
        "name": "b"
    }
]
"#;

    #[test]
    fn objects_are_printed_as_the_real_kubectl_prints_them() {
        let ready = json!({"type": "Ready", "status": "True"});
        let hostile = "a\n\"],[\"b\" \u{1b}[1m]}{end}";
        let list = json!({"items": [
            {"metadata": {"name": "a"}, "status": {
                "addresses": [
                    {"type": "Hostname", "address": hostile},
                    {"address": "10.0.0.1", "type": "InternalIP"},
                ],
                "conditions": [ready, {"type": "DiskPressure", "status": "False"}],
            }},
            {"metadata": {"name": "b"}},
            {"metadata": {"name": "c"}, "status": {"conditions": [ready]}},
        ]});
        let format = |filter: &str| {
            format!(
                "jsonpath-as-json={{range .items[?(@.{filter})]}}{{.metadata.name}}{{.status.addresses[*].address}}\
                 {{.status.conditions[?(@.type==\"Ready\")].status}}{{.metadata}}{{end}}"
            )
        };
        let printed = |filter: &str| {
            String::from_utf8(print(&format(filter), &list).expect("a format that the lab knows"))
                .expect("text")
        };
        assert_eq!(printed("metadata.name!=\"c\""), PRINTED);
        assert_eq!(printed("status.nothing!=\"c\""), "", "no filter holds of an object that lacks the key");
        for unknown in
            ["jsonpath={.items}", "jsonpath-as-json={.items}", "jsonpath-as-json={range $}{.a}{end}"]
        {
            assert!(print(unknown, &list).is_none(), "{unknown}");
        }
    }
}
