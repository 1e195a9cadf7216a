//! YAML that may hold secrets or come from an enemy: bounded, and its errors say where but never quote.

use serde::de::DeserializeOwned;

/// Events that aliases may stand for, all together: a file of a few lines could else be hours long.
const ALIASED: usize = 10_000;

/// Parses one YAML document; the error is a place (`line 3, column 5`) without any of its text.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED },
    };
    serde_saphyr::from_slice_with_options(text, options).map_err(|error| match error.location() {
        Some(at) => format!("line {}, column {}", at.line(), at.column()),
        None => "not one YAML document of the expected shape".to_owned(),
    })
}
