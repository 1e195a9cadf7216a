//! YAML that may hold secrets or come from an enemy: bounded, and its errors say where but never quote.

use serde::de::DeserializeOwned;

/// Events that aliases may stand for, all together: a file of a few lines could else be hours long.
const ALIASED: usize = 10_000;

/// Where a text is not as it must be: line and column from 1; None where that is no place.
pub(crate) type At = Option<(u64, u64)>;

/// Parses one YAML document; the error is a place (`line 3, column 5`) without any of its text.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    parse_at(text).map_err(|at| match at {
        Some((line, column)) => format!("line {line}, column {column}"),
        None => "not one YAML document of the expected shape".to_owned(),
    })
}

/// The same; the error is the place itself.
pub(crate) fn parse_at<T: DeserializeOwned>(text: &[u8]) -> Result<T, At> {
    serde_saphyr::from_slice_with_options(text, options()).map_err(|error| at(&error))
}

/// Parses each document of a text.
pub(crate) fn each_at<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, At> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| at(&error))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED },
    }
}

fn at(error: &serde_saphyr::Error) -> At {
    error.location().map(|at| (at.line(), at.column()))
}
