//! Steps and attempts as a plan and the driver make them.

use std::time::Duration;

use certwright_engine::plan::{Field, FieldType, Params};
use certwright_engine::step::{Context, Step, StepError, Verdict};
use serde_json::Value;

/// Makes a step from parameters beside its kind's defaults.
pub(crate) fn build(kind: &str, with: &Value) -> Box<dyn Step> {
    let registry = certwright_steps::registry();
    let kind = registry.get(kind).expect("a registered kind");
    let mut params = Params::default();
    for field in kind.schema.fields {
        params.0.insert(field.name.to_owned(), default(field));
    }
    for (key, value) in with.as_object().expect("a table") {
        assert!(params.0.contains_key(key), "there is no parameter `{key}`");
        params.0.insert(key.clone(), value.clone());
    }
    (kind.schema.check)(&params).expect("a step that a plan may have");
    kind.step(&params)
}

/// A default as the plan language resolves it; our TOML defaults are JSON as well.
fn default(field: &Field) -> Value {
    let Some(text) = field.default else { return Value::Null };
    let value: Value = serde_json::from_str(text).expect("a default that is JSON too");
    match field.ty {
        FieldType::Duration => {
            let text = value.as_str().expect("a duration is text");
            let duration = humantime::parse_duration(text).expect("a duration");
            Value::from(u64::try_from(duration.as_millis()).expect("a short one"))
        }
        FieldType::String
        | FieldType::OptionalString
        | FieldType::Bool
        | FieldType::Integer
        | FieldType::Path
        | FieldType::Group
        | FieldType::Strings
        | FieldType::Paths
        | FieldType::OneOf(_)
        | FieldType::SomeOf(_) => value,
    }
}

/// One attempt as the driver makes it.
pub(crate) async fn attempt(step: &dyn Step, cx: &Context) -> Result<(), StepError> {
    cx.host.settle(Duration::from_secs(60)).await?;
    let probe = step.probe(cx).await?;
    match probe.verdict {
        Verdict::Satisfied => Ok(()),
        Verdict::Drifted => {
            step.apply(cx, &probe.facts).await?;
            step.verify(cx, &probe.facts).await.map(drop)
        }
    }
}

/// An error with all it knows.
pub(crate) fn tell(error: &StepError) -> String {
    format!("{}: {} ({:?}; {:?})", error.class.name(), error.message, error.remedy, error.evidence)
}
