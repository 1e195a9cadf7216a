//! Merging a patch into an object: JSON merge, and strategic merge as far as lists of named things need it.

use serde_json::{Map, Value};

/// A change of an object.
#[derive(Debug)]
pub(super) enum Patch {
    /// What it becomes, merged into what it is.
    Merge(Value, Lists),
    /// Steps of RFC 6902.
    Steps(json_patch::Patch),
}

/// How lists are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// The new one takes the old one's place.
    Replace,
    /// Entries with the same `name`, or else `type`, are merged, others are added.
    MergeByKey,
}

/// Merges `change` into `object`; `null` removes a field.
pub(super) fn merge(object: &mut Value, change: &Value, lists: Lists) {
    match change {
        Value::Object(change) => {
            if !object.is_object() {
                *object = Value::Object(Map::new());
            }
            let Value::Object(object) = object else { unreachable!("it was made an object above") };
            for (field, new) in change {
                if new.is_null() {
                    object.remove(field);
                } else {
                    merge(object.entry(field.clone()).or_insert(Value::Null), new, lists);
                }
            }
        }
        Value::Array(new) => match (object, lists) {
            (Value::Array(old), Lists::MergeByKey) => merge_lists(old, new),
            (object, Lists::MergeByKey | Lists::Replace) => *object = change.clone(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => *object = change.clone(),
    }
}

fn merge_lists(old: &mut Vec<Value>, new: &[Value]) {
    for entry in new {
        let same = |other: &&mut Value| ["name", "type"].iter().any(|key| is_same(other, entry, key));
        match old.iter_mut().find(same) {
            Some(other) => merge(other, entry, Lists::MergeByKey),
            None => old.push(entry.clone()),
        }
    }
}

fn is_same(one: &Value, other: &Value, key: &str) -> bool {
    one.get(key).is_some_and(|value| other.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Lists, merge};

    #[test]
    fn a_patch_adds_replaces_and_removes_fields() {
        let mut object = json!({"a": 1, "b": {"c": 2, "d": 3}});
        merge(
            &mut object,
            &json!({"a": null, "b": {"c": 5}, "e": {"f": {"g": 1, "h": null}}}),
            Lists::Replace,
        );
        assert_eq!(object, json!({"b": {"c": 5, "d": 3}, "e": {"f": {"g": 1}}}));
    }

    #[test]
    fn lists_are_merged_by_key_by_a_strategic_patch_alone() {
        let old = json!({"l": [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}]});
        let change = json!({"l": [{"type": "Ready", "status": "Unknown"}]});
        let mut strategic = old.clone();
        merge(&mut strategic, &change, Lists::MergeByKey);
        assert_eq!(
            strategic["l"],
            json!([{"type": "Ready", "status": "Unknown"}, {"type": "Disk", "status": "False"}])
        );
        let mut plain = old;
        merge(&mut plain, &change, Lists::Replace);
        assert_eq!(plain["l"], json!([{"type": "Ready", "status": "Unknown"}]));
    }
}
