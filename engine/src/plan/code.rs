//! The codes of mistakes: stable, so that people can look them up and scripts can match on them.
//!
//! Invariant: a code is never renumbered and never reused. All of them are in [`TABLE`].

use serde::{Serialize, Serializer};

/// What kind of mistake a [`super::Diagnostic`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file is larger than any plan or inventory needs to be.
    TooLarge,
    /// The file is not TOML.
    Syntax,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A plan for another version of the language.
    Version,
    /// Text that is empty or holds characters that no value needs.
    BadText,
    /// A plan where an inventory is wanted, or the other way round.
    WrongFile,
    /// Bytes that are not UTF-8.
    Encoding,
    /// A name that breaks the rule for its kind of name.
    BadName,
    /// The same name, address or word twice.
    Duplicate,
    /// `workstation` used for something else than this machine.
    Reserved,
    /// One name for a host and for a group.
    Ambiguous,
    /// Text that is not a duration.
    BadDuration,
    /// A number or duration outside its sane bounds.
    OutOfBounds,
    /// Text that is not an absolute path.
    BadPath,
    /// A word that is not one of those a key takes.
    UnknownWord,
    /// A `rolling` that is not a count, a list of counts ending in "rest", or "all".
    BadRolling,
    /// A required param without a value.
    NoValue,
    /// A reference, or a `--set`, to a param that is not declared.
    UnknownParam,
    /// A reference to a value of a type that does not fit.
    ReferenceType,
    /// A reference where none is possible: within a longer text, or in a default.
    ReferencePlace,
    /// Text that is nearly a reference.
    BrokenReference,
    /// A param that nothing refers to.
    UnusedParam,
    /// A kind that is not registered.
    UnknownKind,
    /// Parameters that contradict each other, or that a kind does not take together.
    Contradiction,
    /// An `after` that names nothing.
    UnknownAfter,
    /// Steps or stages that wait for each other in a circle.
    Cycle,
    /// A plan without stages, or a stage without steps.
    Empty,
    /// A stage for a group or host that the inventory does not have.
    UnknownHosts,
    /// A `--limit` to a host or a group that the inventory does not have.
    UnknownLimit,
    /// A `--limit` that leaves nothing to do.
    NothingLeft,
    /// A step of a kind that does not run where its stage does.
    WrongHosts,
    /// More of something than certwright is made for.
    TooMany,
}

/// All codes in the order of [`Code`]: code, id, what to do about it in one sentence.
pub const TABLE: [(Code, &str, &str); 34] = [
    (Code::TooLarge, "P001", "plans and inventories are small files: look whether this is the right one"),
    (Code::Syntax, "P002", "mend the TOML; nothing else of this file was looked at"),
    (Code::UnknownKey, "P003", "correct or remove the key: nothing is ever ignored"),
    (Code::MissingKey, "P004", "add the key"),
    (Code::WrongType, "P005", "write a value of the type that is asked for"),
    (Code::Version, "P006", "use a certwright that reads this version, or correct `version`"),
    (Code::BadText, "P007", "write text that is not empty, without control characters"),
    (Code::WrongFile, "P008", "give the plan as PLAN and the inventory with --inventory"),
    (Code::Encoding, "P009", "save the file as UTF-8"),
    (
        Code::BadName,
        "P010",
        "rename it; names reach command lines and file names, so few characters are allowed",
    ),
    (Code::Duplicate, "P011", "remove or rename one of the two"),
    (Code::Reserved, "P012", "rename it: `workstation` always is this machine"),
    (Code::Ambiguous, "P013", "rename the host or the group, so that `on` can tell them apart"),
    (Code::BadDuration, "P020", "write number and unit, such as \"90s\", \"2m 30s\" or \"30d\""),
    (Code::OutOfBounds, "P021", "choose a value within the bounds"),
    (Code::BadPath, "P022", "write an absolute path without `..`"),
    (Code::UnknownWord, "P023", "use one of the words that are listed"),
    (Code::BadRolling, "P024", "write a count, a list of counts ending in \"rest\", or \"all\""),
    (Code::NoValue, "P030", "give the param a value by --set or a default in the plan"),
    (Code::UnknownParam, "P031", "correct the name, or declare the param"),
    (Code::ReferenceType, "P032", "refer to a value of the type that is asked for"),
    (Code::ReferencePlace, "P033", "make the reference the whole value"),
    (Code::BrokenReference, "P034", "write the name of a param or a cluster fact in two braces"),
    (Code::UnusedParam, "P035", "remove the param, or refer to it"),
    (Code::UnknownKind, "P040", "correct the kind"),
    (Code::Contradiction, "P041", "change one of the keys that are named"),
    (Code::UnknownAfter, "P042", "name a step of the same stage, or a stage"),
    (Code::Cycle, "P043", "break the circle: one of its members must not wait"),
    (Code::Empty, "P044", "write a step, or remove the stage"),
    (Code::UnknownHosts, "P050", "correct the name, or put hosts into that group of the inventory"),
    (Code::UnknownLimit, "P051", "correct the name of the host or the group"),
    (Code::NothingLeft, "P052", "name a host that the plan acts on"),
    (Code::WrongHosts, "P053", "put the step into a stage on hosts that its kind is made for"),
    (Code::TooMany, "P060", "split the plan or the inventory"),
];

impl Code {
    /// The stable id, such as `P012`.
    pub fn id(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// What to do about it, in general.
    pub fn remedy(self) -> &'static str {
        TABLE[self as usize].2
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_code_at_its_own_place_and_no_id_twice() {
        for (place, (code, id, remedy)) in TABLE.iter().enumerate() {
            assert_eq!(*code as usize, place, "{id}");
            assert!(!remedy.is_empty(), "{id}");
        }
        assert!(TABLE.is_sorted_by(|a, b| a.1 < b.1), "ids are unique and in order");
    }
}
