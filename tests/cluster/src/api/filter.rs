//! Selectors of a list or watch: by fields and by labels, as far as equality goes.

use serde_json::Value;

use super::answer::Failure;
use super::path::Query;

/// What an object must have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Filter(Vec<Condition>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    /// The way to the value, a JSON pointer.
    pointer: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Equals(String),
    Differs(String),
    Exists,
}

impl Filter {
    /// Reads both selectors of a query.
    pub(super) fn read(query: &Query) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for word in words(query.get("fieldSelector")) {
            all.push(condition(word, &|field| format!("/{}", field.replace('.', "/")))?);
        }
        for word in words(query.get("labelSelector")) {
            let label =
                |name: &str| format!("/metadata/labels/{}", name.replace('~', "~0").replace('/', "~1"));
            all.push(condition(word, &label)?);
        }
        Ok(Self(all))
    }

    /// Whether an object has it all.
    pub(super) fn holds(&self, object: &Value) -> bool {
        self.0.iter().all(|Condition { pointer, test }| {
            let value = object.pointer(pointer).and_then(Value::as_str);
            match test {
                Test::Equals(wanted) => value.unwrap_or_default() == wanted,
                Test::Differs(other) => value.unwrap_or_default() != other,
                Test::Exists => value.is_some(),
            }
        })
    }
}

fn words(selector: Option<&str>) -> impl Iterator<Item = &str> {
    selector.into_iter().flat_map(|text| text.split(',')).filter(|word| !word.is_empty())
}

fn condition(word: &str, pointer: &dyn Fn(&str) -> String) -> Result<Condition, Failure> {
    if word.contains(['(', ' ', '!']) && !word.contains("!=") {
        return Err(Failure::bad_request(format!("unable to parse requirement: {word}")));
    }
    let (field, test) = if let Some((field, value)) = word.split_once("!=") {
        (field, Test::Differs(value.to_owned()))
    } else if let Some((field, value)) = word.split_once('=') {
        (field, Test::Equals(value.trim_start_matches('=').to_owned()))
    } else {
        (word, Test::Exists)
    };
    Ok(Condition { pointer: pointer(field), test })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Filter, Query};

    #[test]
    fn objects_are_selected_by_fields_and_labels() {
        let object = json!({"metadata": {"name": "a", "labels": {"app": "x", "k8s.io/app": "y"}}});
        let holds = |query: &str| Filter::read(&Query::read(query)).expect("a selector").holds(&object);
        assert!(holds("fieldSelector=metadata.name%3Da"));
        assert!(!holds("fieldSelector=metadata.name%3Db"));
        assert!(holds("labelSelector=app%3Dx,k8s.io/app%3D%3Dy"));
        assert!(!holds("labelSelector=app!%3Dx"));
        assert!(!holds("labelSelector=tier"));
        assert!(Filter::read(&Query::read("labelSelector=app+in+(a,b)")).is_err());
    }
}
