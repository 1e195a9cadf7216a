//! Names of runs.

use std::fmt;
use std::str::FromStr;

use super::JournalError;

/// The id of a run, `[a-z0-9][a-z0-9-]*`: sorts by the time of its start, such as `20261124-224500-x7k2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// Without the letters that are taken for digits (i, l, o, u as in Crockford's base 32): 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const MAX_LEN: usize = 64;

impl RunId {
    /// The id of a run that starts now: `wall_ms` since 1970 in UTC, to the millisecond, and 10 of the low 16 bits of
    /// `random`.
    pub fn new(wall_ms: u64, random: u64) -> Self {
        let seconds = wall_ms / 1000;
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        // 32 x 32 is more than a second has milliseconds.
        let (coarse, fine) = (wall_ms % 1000 / 32, wall_ms % 1000 % 32);
        let letters = [coarse, fine, random & 31, random >> 8 & 31];
        let letter = |n: u64| char::from(ALPHABET[usize::try_from(n).expect("five bits")]);
        let tag: String = letters.into_iter().map(letter).collect();
        Self(format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}-{tag}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let good = text.len() <= MAX_LEN
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b == b'-');
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(JournalError::BadRunId { text: crate::text::escape(text) })
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Year, month and day of a day counted from 1970-01-01 (the Gregorian calendar in eras of 400 years).
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    // Years begin in March here, so that the leap day is their last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / ERA, shifted % ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_carry_the_utc_second_and_sort_by_it() {
        let at = |s: u64| RunId::new(s * 1000, 0x1234_5678).as_str()[..15].to_owned();
        assert_eq!(at(0), "19700101-000000");
        assert_eq!(at(951_782_400), "20000229-000000");
        assert_eq!(at(1_795_560_300), "20261124-224500");
        assert_eq!(at(4_107_542_400), "21000301-000000");
        assert!(RunId::new(1_795_560_300_000, 7) < RunId::new(1_795_560_301_000, 3));
        // What started later in the same second is newer: an undo goes by it.
        let (mut before, start) = (RunId::new(1_795_560_300_000, u64::MAX), 1_795_560_300_000);
        for ms in 1..1000 {
            let next = RunId::new(start + ms, if ms % 2 == 0 { 0 } else { u64::MAX });
            assert!(before < next, "{before} {next}");
            before = next;
        }
        assert!(RunId::new(1_795_560_300_000, u64::MAX).as_str().parse::<RunId>().is_ok());
    }

    #[test]
    fn an_id_never_leaves_the_folder_of_runs() {
        for bad in ["", "..", "a/b", "-a", "A", "a_b", "a\u{202e}", &"a".repeat(65)] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
        let text = "x\u{1b}".parse::<RunId>().unwrap_err().to_string();
        assert!(text.starts_with("`x\\u{1b}` is not a run id"), "{text}");
    }
}
