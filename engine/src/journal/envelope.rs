//! What a line's JSON holds around the event: written, and read back in the one spelling it is written in.
//!
//! serde would do both; by hand they cost a third of it, and every record pays. The spelling is part of the
//! format. What is spelled otherwise is left to serde, so nothing is refused here.

use super::line::{JSON_START, Place};
use crate::clock::Mono;
use crate::machine::Record;

/// The names of the numbers behind the first one, with what stands around them.
const BATCH: &str = ",\"batch\":";
const LEFT: &str = ",\"left\":";
const WALL_MS: &str = ",\"wall_ms\":";
const MONO: &str = ",\"mono\":";
const BODY: &str = ",\"body\":";
const END: &str = "}";

/// A JSON in the spelling of [`write`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) place: Place,
    pub(super) mono: Mono,
    /// The event, not looked at yet.
    pub(super) body: &'a str,
}

/// Appends the whole JSON of `record`, of which `left` more follow in its batch.
pub(super) fn write(out: &mut Vec<u8>, record: &Record, left: u64) {
    let Record { seq, batch, wall_ms, mono, body } = record;
    let numbers = [(JSON_START, *seq), (BATCH, *batch), (LEFT, left), (WALL_MS, *wall_ms), (MONO, mono.0)];
    for (name, number) in numbers {
        out.extend_from_slice(name.as_bytes());
        push_decimal(out, number);
    }
    out.extend_from_slice(BODY.as_bytes());
    serde_json::to_writer(&mut *out, body).expect("an event serializes to JSON");
    out.extend_from_slice(END.as_bytes());
}

/// Reads what [`write`] wrote; None when it is spelled in any other way.
pub(super) fn read(json: &str) -> Option<Envelope<'_>> {
    let (seq, rest) = number(json.strip_prefix(JSON_START)?)?;
    let (batch, rest) = number(rest.strip_prefix(BATCH)?)?;
    let (left, rest) = number(rest.strip_prefix(LEFT)?)?;
    let (wall_ms, rest) = number(rest.strip_prefix(WALL_MS)?)?;
    let (mono, rest) = number(rest.strip_prefix(MONO)?)?;
    let body = rest.strip_prefix(BODY)?.strip_suffix(END)?;
    Some(Envelope { place: Place { seq, batch, left, wall_ms }, mono: Mono(mono), body })
}

/// A number as JSON spells it, of at most 19 digits so that it fits, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let (mut n, mut digits) = (0_u64, 0);
    while let Some(digit) = text.as_bytes().get(digits).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        if digits == 19 {
            return None;
        }
        n = n * 10 + u64::from(digit);
        digits += 1;
    }
    let canonical = digits == 1 || digits > 1 && !text.starts_with('0');
    canonical.then(|| (n, &text[digits..]))
}

/// Two decimal digits of every number below 100, one behind the other.
const PAIRS: [u8; 200] = {
    let (mut pairs, mut n) = ([b'0'; 200], 0_u8);
    while n < 100 {
        pairs[2 * n as usize] += n / 10;
        pairs[2 * n as usize + 1] += n % 10;
        n += 1;
    }
    pairs
};

/// Appends `n`; formatting it would cost as much as the checksum of its line.
pub(super) fn push_decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while n >= 10 {
        let pair = 2 * usize::try_from(n % 100).expect("less than a hundred");
        n /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if n > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + u8::try_from(n).expect("one digit");
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Event;

    #[test]
    fn every_size_of_number_is_written_as_it_is_read() {
        let powers = (0..20).map(|e| 10_u64.pow(e));
        let numbers: Vec<u64> = powers.flat_map(|p| [p - 1, p, p + 1]).chain([u64::MAX]).collect();
        let mut read_back = 0;
        for n in numbers {
            let body = Event::Resumed { operator: "}".into() };
            let record = Record { seq: n, batch: n / 2, wall_ms: n, mono: Mono(n / 3), body };
            let mut json = Vec::new();
            write(&mut json, &record, n);
            let text = String::from_utf8(json).unwrap();
            let expected = format!(
                r#"{{"seq":{n},"batch":{},"left":{n},"wall_ms":{n},"mono":{},"body":{{"resumed":{{"operator":"}}"}}}}}}"#,
                n / 2,
                n / 3
            );
            assert_eq!(text, expected);
            match read(&text) {
                Some(Envelope { place, mono, body }) => {
                    assert_eq!((place.seq, place.batch, place.left, place.wall_ms), (n, n / 2, n, n));
                    assert_eq!((mono, body), (record.mono, r#"{"resumed":{"operator":"}"}}"#));
                    read_back += 1;
                }
                None => assert!(n >= 10_u64.pow(19), "{n} is left to serde"),
            }
        }
        assert!(read_back >= 56, "{read_back}");
    }

    #[test]
    fn another_spelling_is_not_read_here() {
        let good = r#"{"seq":7,"batch":3,"left":0,"wall_ms":5,"mono":9,"body":{"x":1}}"#;
        assert!(read(good).is_some());
        for (from, to) in [
            (":7", ":07"),
            (":7", ":-7"),
            (":7", ":7.0"),
            (":7", ":"),
            (":7", ": 7"),
            (":3", ":30000000000000000000"),
            (",\"left\":0", ""),
            ("left", "Left"),
            ("\"mono\":9,", "\"mono\":9, "),
            ("1}}", "1}"),
        ] {
            let other = good.replacen(from, to, 1);
            let is_read = read(&other).is_some_and(|e| e.body == r#"{"x":1}"#);
            assert!(!is_read, "{other}");
        }
    }
}
