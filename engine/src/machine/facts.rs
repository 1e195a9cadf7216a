//! What a probe saw, in a form that only its own kind understands.
//!
//! Invariant: valid JSON on one line, or nothing. Kept as text and parsed by who reads it: a replay of a million
//! records builds no values that nobody asks for.

use std::hash::{Hash, Hasher};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a probe saw, as JSON of the kind's own making: enough to apply, verify and undo. Never a secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(Option<Box<RawValue>>);

impl Facts {
    /// Those of a kind that has none to tell.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Facts of a kind.
    ///
    /// # Panics
    /// When they have no form in JSON (a map whose keys are not strings), a bug of the kind.
    pub fn new(facts: impl Serialize) -> Self {
        let text = serde_json::value::to_raw_value(&facts).expect("facts serialize to JSON");
        Self((text.get() != "null").then_some(text))
    }

    /// True for those of a kind that has none to tell.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Reads them in the shape that their kind gave them.
    ///
    /// # Errors
    /// When they have another shape: those of another kind, or of another version of it.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }

    fn text(&self) -> &str {
        self.0.as_ref().map_or("null", |text| text.get())
    }
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Facts {}

impl Hash for Facts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_back_from_json_as_they_went_in_and_are_empty_without_any() {
        let facts = Facts::new(serde_json::json!({ "due": ["a\n\"b"], "days": 3 }));
        let text = serde_json::to_string(&facts).expect("JSON");
        assert_eq!(text, r#"{"days":3,"due":["a\n\"b"]}"#);
        assert_eq!(serde_json::from_str::<Facts>(&text).expect("facts"), facts);
        assert!(facts.read::<Vec<String>>().is_err(), "another shape");
        for none in [Facts::default(), Facts::new(()), serde_json::from_str("null").expect("no facts")] {
            assert!(none.is_empty());
            assert_eq!(serde_json::to_string(&none).expect("JSON"), "null");
        }
        assert!(
            serde_json::from_str::<Facts>("{\"a\":}").is_err(),
            "what is no JSON is refused when it is read"
        );
    }
}
