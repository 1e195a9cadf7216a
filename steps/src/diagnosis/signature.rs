//! A known text, and what it means.

use super::clue::Clue;

/// How bad something is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It does not work now.
    Broken,
    /// It works, and will not for long.
    Endangered,
    /// Worth knowing: it explains something, and is no trouble by itself.
    Note,
}

impl Grade {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Endangered => "endangered",
            Self::Note => "note",
        }
    }
}

/// A known text, and what it means.
pub struct Signature {
    /// Stable name, for programs.
    pub id: &'static str,
    /// How bad it is.
    pub grade: Grade,
    /// Any of these groups must be in a line whole; lower case, for lines in any case.
    pub(super) texts: &'static [&'static [&'static str]],
    /// None of these may be in it; lower case.
    pub(super) unless: &'static [&'static str],
    /// A later line of the same text with one of these says that it is over; lower case.
    pub(super) over: &'static [&'static str],
    /// What is wrong, in one line that names the object; None where the line means something else after all.
    pub(super) cause: fn(&Clue<'_>) -> Option<String>,
    /// What mends it.
    pub(super) cure: fn(&Clue<'_>) -> Vec<String>,
}

impl Signature {
    /// The texts it is known by, for documents and tests.
    pub fn texts(&self) -> &'static [&'static [&'static str]] {
        self.texts
    }

    pub(super) fn fits(&self, clue: &Clue<'_>) -> bool {
        let has = |needle: &&str| clue.lower.contains(needle);
        self.texts.iter().any(|group| group.iter().all(&has)) && !self.unless.iter().any(has)
    }

    pub(super) fn is_over(&self, clue: &Clue<'_>) -> bool {
        self.over.iter().any(|needle| clue.lower.contains(needle))
    }
}
