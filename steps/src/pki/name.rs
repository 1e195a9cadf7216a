//! Names that others chose, for people.

use certwright_engine::text::line;

/// Longest name that is shown whole, bytes; a hundred times what a CA accepts (64).
pub(super) const LONGEST: usize = 6_400;

/// A name in one line; of an endless one the beginning, and how long it is.
pub(super) fn shown(name: &str) -> String {
    if name.len() <= LONGEST {
        return line(name);
    }
    let mut end = LONGEST;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}... ({} bytes)", line(&name[..end]), name.len())
}
