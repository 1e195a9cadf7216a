//! One record an object: the few fields that matter, where `-o json` prints kilobytes of each.
//!
//! Invariant: a value cannot be taken for another one, whatever stands in it. `jsonpath-as-json` (kubectl 1.20 and later)
//! prints for each object and field a JSON list of the values found, an empty one where there is none.

use certwright_engine::host::Output;

use crate::tools::OutputError;
use crate::tools::output::whole;

/// What `-o` is given: of each of `objects` (a path of JSONPath) each of `fields`, all of them texts.
pub(super) fn format<const N: usize>(objects: &str, fields: &[&str; N]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| format!("{{{field}}}")).collect();
    format!("jsonpath-as-json={{range {objects}}}{}{{end}}", fields.concat())
}

/// The records of an output: for each object the values of each field.
pub(super) fn read<const N: usize>(
    what: &'static str,
    output: &Output,
) -> Result<Vec<[Vec<String>; N]>, OutputError> {
    let lists = serde_json::Deserializer::from_slice(whole(what, &output.stdout)?).into_iter::<Vec<String>>();
    let lists: Vec<Vec<String>> =
        lists.collect::<Result<_, _>>().map_err(|error| OutputError::shape(what, error))?;
    let (records, rest) = lists.as_chunks::<N>();
    if rest.is_empty() {
        Ok(records.to_vec())
    } else {
        Err(OutputError::shape(what, format_args!("{} fields where each object has {N}", lists.len())))
    }
}

/// The only value of a field that every object has.
pub(super) fn only(what: &'static str, field: Vec<String>) -> Result<String, OutputError> {
    match <[String; 1]>::try_from(field) {
        Ok([value]) => Ok(value),
        Err(field) => {
            Err(OutputError::shape(what, format_args!("{} values where there is one", field.len())))
        }
    }
}

/// The value of a field that an object may lack; empty where it does.
pub(super) fn first(field: Vec<String>) -> String {
    field.into_iter().next().unwrap_or_default()
}
