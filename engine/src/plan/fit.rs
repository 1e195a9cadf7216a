//! A plan that another version of certwright resolved, fitted to the kinds of this one.
//!
//! A journal holds each step's parameters as the kinds were when the run began. A parameter that came since takes its
//! default, as it would in a plan that does not name it; whatever else differs is refused by name, before anything is
//! started. Deliberately absent: what a kind promises (nature, cancel, undo), which stays as the run began.

use serde_json::Value;

use super::step::default_of;
use super::{FieldType, KindSchema, Plan, Schemas, StepSpec};
use crate::text::escape;

/// A parameter that is younger than the run, and took its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledIn {
    /// `stage/step`.
    pub step: String,
    /// The parameter.
    pub field: &'static str,
    /// Its default as a plan would have it.
    pub default: &'static str,
}

/// Why a step of another version cannot be one of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Its kind is not known here.
    #[error("step `{step}` is of kind `{kind}`, which this certwright does not have")]
    Kind {
        /// `stage/step`.
        step: String,
        /// Its kind, escaped.
        kind: String,
    },
    /// The kind wants a parameter that the run does not have.
    #[error(
        "step `{step}` has no `{field}`, which kind `{kind}` of this certwright wants and has no default for"
    )]
    Gained {
        /// `stage/step`.
        step: String,
        /// Its kind.
        kind: &'static str,
        /// The parameter.
        field: &'static str,
    },
    /// The kind has no such parameter any more.
    #[error("step `{step}` has `{field}`, which kind `{kind}` of this certwright does not know")]
    Lost {
        /// `stage/step`.
        step: String,
        /// Its kind.
        kind: &'static str,
        /// The parameter, escaped.
        field: String,
    },
    /// The kind does not take that value.
    #[error("step `{step}` has {value} for `{field}`, which kind `{kind}` of this certwright does not take")]
    Value {
        /// `stage/step`.
        step: String,
        /// Its kind.
        kind: &'static str,
        /// The parameter.
        field: &'static str,
        /// Its value as JSON, escaped.
        value: String,
    },
    /// The kind does not take these parameters together.
    #[error("step `{step}` cannot be one of kind `{kind}` of this certwright: {rule}")]
    Rule {
        /// `stage/step`.
        step: String,
        /// Its kind.
        kind: &'static str,
        /// What the kind says.
        rule: String,
    },
}

impl Plan {
    /// Fits the parameters of every step to the kinds of this version; those that took their default.
    ///
    /// # Errors
    /// The first step that cannot be fitted; the plan is then of no use.
    pub fn fit(&mut self, schemas: &dyn Schemas) -> Result<Vec<FilledIn>, Unfit> {
        let mut filled = Vec::new();
        for spec in &mut self.steps {
            let step = format!("{}/{}", spec.stage, spec.id);
            let Some(schema) = schemas.schema(&spec.kind) else {
                return Err(Unfit::Kind { step, kind: escape(&spec.kind) });
            };
            filled.extend(fit(spec, &step, schema)?);
        }
        Ok(filled)
    }
}

fn fit(spec: &mut StepSpec, step: &str, schema: &KindSchema) -> Result<Vec<FilledIn>, Unfit> {
    let (step, kind, with) = (step.to_owned(), schema.name, &mut spec.with.0);
    if let Some(lost) = with.keys().find(|key| schema.fields.iter().all(|field| field.name != **key)) {
        return Err(Unfit::Lost { field: escape(lost), step, kind });
    }
    let mut filled = Vec::new();
    for field in schema.fields {
        match (with.get(field.name), field.default) {
            (Some(value), _) if is_of(value, field.ty) => {}
            (Some(value), _) => {
                let value = escape(&value.to_string());
                return Err(Unfit::Value { step, kind, field: field.name, value });
            }
            (None, Some(default)) => {
                with.insert(field.name.to_owned(), default_of(field, default, schema));
                filled.push(FilledIn { step: step.clone(), field: field.name, default });
            }
            // Nothing is what it was when the kind did not know it.
            (None, None) if field.ty == FieldType::OptionalString => {
                with.insert(field.name.to_owned(), Value::Null);
            }
            (None, None) => return Err(Unfit::Gained { step, kind, field: field.name }),
        }
    }
    (schema.check)(&spec.with).map_err(|rule| Unfit::Rule { step, kind, rule: escape(&rule) })?;
    Ok(filled)
}

/// Whether a value is one that the language would have read for a field of this type.
fn is_of(value: &Value, ty: FieldType) -> bool {
    let is_path = |value: &Value| value.as_str().is_some_and(|path| path.starts_with('/'));
    let all = |is: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(is));
    let is_one_of = |value: &Value, words: &[&str]| value.as_str().is_some_and(|word| words.contains(&word));
    match ty {
        FieldType::String | FieldType::Group => value.is_string(),
        FieldType::OptionalString => value.is_string() || value.is_null(),
        FieldType::Bool => value.is_boolean(),
        FieldType::Integer | FieldType::Duration => value.is_u64(),
        FieldType::Path => is_path(value),
        FieldType::Strings => all(&Value::is_string),
        FieldType::Paths => all(&is_path),
        FieldType::OneOf(words) => is_one_of(value, words),
        FieldType::SomeOf(words) => all(&|value| is_one_of(value, words)),
    }
}
