//! The types of values: which fits where, and what to call them.

use super::FieldType;
use super::findings::quote_all;

/// The words that a type allows, where it allows only some.
pub(super) fn words_of(ty: FieldType) -> Option<&'static [&'static str]> {
    match ty {
        FieldType::OneOf(words) | FieldType::SomeOf(words) => Some(words),
        FieldType::String
        | FieldType::OptionalString
        | FieldType::Bool
        | FieldType::Integer
        | FieldType::Duration
        | FieldType::Path
        | FieldType::Group
        | FieldType::Strings
        | FieldType::Paths => None,
    }
}

/// The type of a list's elements.
///
/// # Panics
/// When the type is not a list, a bug.
pub(super) fn element_type(list: FieldType) -> FieldType {
    match list {
        FieldType::Strings => FieldType::String,
        FieldType::Paths => FieldType::Path,
        FieldType::SomeOf(words) => FieldType::OneOf(words),
        FieldType::String
        | FieldType::OptionalString
        | FieldType::Bool
        | FieldType::Integer
        | FieldType::Duration
        | FieldType::Path
        | FieldType::Group
        | FieldType::OneOf(_) => unreachable!("{list:?} is not a list"),
    }
}

/// Whether a key of type `key` takes a value of type `value`.
pub(super) fn accepts(key: FieldType, value: FieldType) -> bool {
    use FieldType::{
        Bool, Duration, Group, Integer, OneOf, OptionalString, Path, Paths, SomeOf, String, Strings,
    };
    match key {
        String => matches!(value, String | Path | Group | OneOf(_)),
        Group => matches!(value, String | Group),
        OptionalString => matches!(value, String | Path | Group | OneOf(_) | OptionalString),
        OneOf(_) => matches!(value, String | OneOf(_)),
        Strings => matches!(value, Strings | Paths | SomeOf(_)),
        SomeOf(_) => matches!(value, Strings | SomeOf(_)),
        Bool | Integer | Duration | Path | Paths => key == value,
    }
}

/// What to write for a type, for messages.
pub(super) fn expected(ty: FieldType) -> String {
    match ty {
        FieldType::String => "text".to_owned(),
        FieldType::OptionalString => "text or nothing".to_owned(),
        FieldType::Bool => "true or false".to_owned(),
        FieldType::Integer => "a whole number".to_owned(),
        FieldType::Duration => "a duration".to_owned(),
        FieldType::Path => "an absolute path".to_owned(),
        FieldType::Group => "a group of the inventory".to_owned(),
        FieldType::Strings => "a list of texts".to_owned(),
        FieldType::Paths => "a list of absolute paths".to_owned(),
        FieldType::OneOf(words) => format!("one of {}", quote_all(words)),
        FieldType::SomeOf(words) => format!("a list of some of {}", quote_all(words)),
    }
}
