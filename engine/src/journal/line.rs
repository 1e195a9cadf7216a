//! The text of a record: `LENGTH CRC JSON\n`.
//!
//! LENGTH is the number of bytes of JSON, decimal without leading zeros. CRC is the CRC-32C of JSON seeded with
//! the CRC of the record before it (0 for the first), eight lower-case hexadecimal digits: a line is valid in
//! its place only. JSON is the record and `left`, the number of records that follow it in its batch. JSON has
//! no line feed in it, so a journal can be read with a pager.

use serde::Deserialize;

use super::envelope::{self, Envelope};
use crate::clock::Mono;
use crate::machine::{Event, Record};
use crate::text::harmless_json;

/// Longest LENGTH that is believed: a resolved plan of a million tasks is below it.
const MAX_LENGTH: usize = 1 << 30;
/// Bytes of the longest head: LENGTH of ten digits, two blanks, CRC.
pub(super) const MAX_HEAD: usize = 20;
/// Every JSON begins with it; as text inside a JSON string its quotes would be escaped.
pub(super) const JSON_START: &str = "{\"seq\":";

/// A record in any spelling.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadJson {
    seq: u64,
    batch: u64,
    left: u64,
    wall_ms: u64,
    mono: Mono,
    body: Event,
}

/// What every record of every version says of itself.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) batch: u64,
    pub(super) left: u64,
    #[serde(default)]
    pub(super) wall_ms: u64,
}

/// What stands before the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of JSON.
    pub(super) length: usize,
    /// The checksum as written.
    pub(super) crc: u32,
    /// Bytes of the head itself.
    pub(super) size: usize,
}

impl Head {
    /// Bytes of the whole line.
    pub(super) fn line_size(self) -> usize {
        self.size + self.length + 1
    }
}

/// What is wrong with a line, as the rest of a sentence that begins with the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("does not begin with a length and a checksum")]
    Head,
    #[error("is cut off")]
    Short,
    #[error("does not match its checksum")]
    Checksum,
    #[error("is not ended by a line feed")]
    Unended,
    #[error("is the end of the file in the middle of a batch")]
    BatchUnfinished,
    #[error("is empty space with data behind it")]
    Hole,
}

/// Appends the line of `record` to `out` and returns its checksum.
pub(super) fn encode(out: &mut Vec<u8>, scratch: &mut Vec<u8>, record: &Record, left: u64, seed: u32) -> u32 {
    scratch.clear();
    envelope::write(scratch, record, left);
    harmless(scratch);
    assert!(scratch.len() <= MAX_LENGTH, "record {} is longer than {MAX_LENGTH} bytes", record.seq);
    let crc = crc32c::crc32c_append(seed, scratch);
    push_head(out, scratch.len(), crc);
    out.extend_from_slice(scratch);
    out.push(b'\n');
    crc
}

/// A journal is read with a pager: what a terminal would obey is spelled as an escape, which reads back as it was.
fn harmless(json: &mut Vec<u8>) {
    // serde_json has escaped what is below a blank already.
    if json.iter().all(|b| (b' '..0x7f).contains(b)) {
        return;
    }
    let text = String::from_utf8(std::mem::take(json)).expect("JSON is UTF-8");
    *json = harmless_json(text).into_bytes();
}

/// Appends `LENGTH CRC `; by hand, as all that every record has.
fn push_head(out: &mut Vec<u8>, length: usize, crc: u32) {
    envelope::push_decimal(out, length as u64);
    out.push(b' ');
    out.extend((0..8).rev().map(|digit| HEX[(crc >> (4 * digit) & 15) as usize]));
    out.push(b' ');
}

/// Reads a head from the first bytes of a line (at least [`MAX_HEAD`] of them where the file has them).
pub(super) fn head(bytes: &[u8]) -> Result<Head, Flaw> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > 10 || bytes[0] == b'0' {
        return Err(Flaw::Head);
    }
    let length = bytes[..digits].iter().fold(0, |n, b| n * 10 + usize::from(b - b'0'));
    let rest = &bytes[digits..];
    if rest.len() < 10 {
        return Err(Flaw::Short);
    }
    if length > MAX_LENGTH || rest[0] != b' ' || rest[9] != b' ' {
        return Err(Flaw::Head);
    }
    Ok(Head { length, crc: hex(&rest[1..9]).ok_or(Flaw::Head)?, size: digits + 10 })
}

/// The value of every lower-case hexadecimal digit; [`NO_DIGIT`] for any other byte.
const DIGITS: [u8; 256] = {
    let (mut digits, mut n) = ([NO_DIGIT; 256], 0_u8);
    while n < 16 {
        digits[HEX[n as usize] as usize] = n;
        n += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0x80;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Eight lower-case hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u32> {
    let values = digits.iter().map(|b| DIGITS[usize::from(*b)]);
    let (n, seen) = values.fold((0, 0), |(n, seen), value| (n << 4 | u32::from(value), seen | value));
    (seen & NO_DIGIT == 0).then_some(n)
}

/// Checks a whole line against its head and the checksum before it, and returns its JSON.
pub(super) fn json(line: &[u8], head: Head, seed: u32) -> Result<&[u8], Flaw> {
    let json = line.get(head.size..head.size + head.length).ok_or(Flaw::Short)?;
    if crc32c::crc32c_append(seed, json) != head.crc {
        return Err(Flaw::Checksum);
    }
    match line.get(head.size + head.length) {
        Some(b'\n') => Ok(json),
        Some(_) => Err(Flaw::Unended),
        None => Err(Flaw::Short),
    }
}

/// The record of a JSON and the number of records left in its batch; None when this version cannot read it.
pub(super) fn decode(json: &[u8]) -> Option<(Record, u64)> {
    // Once for all the strings in it, most of which are short.
    let json = std::str::from_utf8(json).ok()?;
    if let Some(Envelope { place: Place { seq, batch, left, wall_ms }, mono, body }) = envelope::read(json) {
        // All fields are there, so whatever else `body` held would be refused by serde too.
        let body = serde_json::from_str(body).ok()?;
        return Some((Record { seq, batch, wall_ms, mono, body }, left));
    }
    let ReadJson { seq, batch, left, wall_ms, mono, body } = serde_json::from_str(json).ok()?;
    Some((Record { seq, batch, wall_ms, mono, body }, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_the_format_says() {
        let record = Record {
            seq: 7,
            batch: 3,
            wall_ms: 5,
            mono: Mono(9),
            body: Event::Resumed { operator: "a\nb@w".into() },
        };
        let (mut out, mut scratch) = (Vec::new(), Vec::new());
        let crc = encode(&mut out, &mut scratch, &record, 2, 0xdead_beef);
        let json =
            r#"{"seq":7,"batch":3,"left":2,"wall_ms":5,"mono":9,"body":{"resumed":{"operator":"a\nb@w"}}}"#;
        assert_eq!(String::from_utf8(out.clone()).unwrap(), format!("{} {crc:08x} {json}\n", json.len()));
        assert_eq!(crc, crc32c::crc32c_append(0xdead_beef, json.as_bytes()));
        assert!(json.starts_with(JSON_START));

        let head = head(&out).unwrap();
        assert_eq!(decode(super::json(&out, head, 0xdead_beef).unwrap()), Some((record, 2)));
        assert_eq!(super::json(&out, head, 0), Err(Flaw::Checksum));
    }

    #[test]
    fn a_head_is_written_as_it_is_read() {
        for length in [1, 9, 10, 99, 100, 101, 1_000, 65_536, 999_999_999, MAX_LENGTH] {
            for crc in [0, 1, 0xf, 0xabc, 0x0123_4567, 0x89ab_cdef, u32::MAX] {
                let mut out = Vec::new();
                push_head(&mut out, length, crc);
                assert_eq!(String::from_utf8(out.clone()).unwrap(), format!("{length} {crc:08x} "));
                assert_eq!(head(&out), Ok(Head { length, crc, size: out.len() }));
            }
        }
    }

    #[test]
    fn heads_have_one_spelling() {
        assert!(head(b"12 0123abcd {").is_ok());
        for bad in [
            "012 0123abcd {",
            " 12 0123abcd {",
            "12 0123ABCD {",
            "12  0123abcd{",
            "9999999999 0123abcd {",
            "0 ",
        ] {
            assert_eq!(head(bad.as_bytes()), Err(Flaw::Head), "{bad}");
        }
        assert_eq!(head(b"12 0123ab"), Err(Flaw::Short));
    }
}
