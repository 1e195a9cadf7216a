//! Files that are called like a certificate's and of which no row tells: why.
//!
//! Only of files that nothing but a folder names: what configuration names has a row that says what is wrong with it.

use super::place::Place;
use super::row::Kind;
use crate::tools::collect::Collected;
use crate::tools::survey::{FileKind, KeyFacts};

/// Whether nothing but its name or a flag says that a certificate may be there.
pub(super) fn is_other(place: &Place) -> bool {
    place.expected.is_none() && place.usages.is_empty() && place.kind == Kind::Leaf
}

/// Why nothing is told of a file that is called like a certificate's; None where there is nothing to be told.
pub(super) fn passed_over(collected: &Collected, place: &Place) -> Option<String> {
    let facts = collected.files.get(&place.path)?;
    if !is_other(place) || !collected.found.contains(&place.path) {
        return None;
    }
    if let Some(why) = collected.refused.get(&place.path) {
        return Some(format!("cannot be read: {why}"));
    }
    match facts.kind {
        FileKind::Missing => Some("is a symlink that leads nowhere".to_owned()),
        FileKind::Folder => None,
        FileKind::Other => Some("was not looked at: it is no regular file".to_owned()),
        FileKind::File if facts.is_too_large() => {
            Some(format!("was not looked into: it has {} bytes", facts.size))
        }
        // It is a key's.
        FileKind::File if facts.key != KeyFacts::Absent => None,
        FileKind::File => Some(
            "holds no certificate as Kubernetes reads them (PEM, `-----BEGIN CERTIFICATE-----`)".to_owned(),
        ),
    }
}
