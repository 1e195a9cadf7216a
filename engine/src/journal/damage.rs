//! Tells the trace of an interrupted write from damage to what was acknowledged.
//!
//! A batch is written only after the sync of the one before it. So when a line is damaged and nothing of a
//! later batch stands behind it, its batch may never have been acknowledged; when something does, it was.

use super::line::{self, JSON_START, Place};
use super::zeros;

/// Whether a legible line after the first one in `rest` claims to be of a batch later than `damaged`.
///
/// Legible is enough: `rest` begins with damage, so the checksum that would seed the next one may be lost, and
/// an interrupted write leaves bytes of its own batch or none, never well-formed ones of another. Lines are
/// found by how their JSON begins and not by line feeds, for a line feed can be what is damaged.
pub(super) fn later_batch_follows(rest: &[u8], damaged: u64) -> bool {
    let rest = zeros::trim_end(rest);
    let starts = rest.windows(JSON_START.len()).enumerate().filter(|(_, w)| *w == JSON_START.as_bytes());
    starts.filter_map(|(at, _)| legible(rest, at)).any(|(first, place)| !first && place.batch > damaged)
}

/// The record whose JSON begins at `at`, and whether its line is the first in `rest`.
fn legible(rest: &[u8], at: usize) -> Option<(bool, Place)> {
    // The head ends with a blank, a checksum of eight digits and a blank.
    let blank = at.checked_sub(10)?;
    let digits = rest[..blank].iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let start = blank - digits;
    let head = line::head(&rest[start..]).ok()?;
    let json = rest.get(at..at + head.length)?;
    Some((start == 0, serde_json::from_slice(json).ok()?))
}
