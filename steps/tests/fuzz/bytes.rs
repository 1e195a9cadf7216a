//! Changes that know nothing of what the bytes are.

use crate::numbers::Numbers;

/// Bytes that mean something to one reader or another.
const ODD: [u8; 16] =
    [0, 0x01, 0x1e, 0x1b, 0x20, 0x7f, 0x80, 0x84, 0xff, b'-', b'\n', b'\r', b':', b'"', b'[', b'\\'];

/// One change.
pub(crate) fn change(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.next(bytes.len() + 1);
    let end = (at + numbers.next(64)).min(bytes.len());
    match numbers.next(8) {
        0 => bytes.truncate(at),
        1 if at < bytes.len() => bytes[at] ^= 1 << numbers.next(8),
        2 if at < bytes.len() => bytes[at] = *numbers.one(&ODD),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            let to = numbers.next(bytes.len() + 1);
            drop(bytes.splice(to..to, piece));
        }
        5 => {
            let byte = *numbers.one(&ODD);
            let count = numbers.next(300);
            drop(bytes.splice(at..at, std::iter::repeat_n(byte, count)));
        }
        6 => {
            // A part of another one.
            let from = numbers.next(other.len() + 1);
            let piece = &other[from..(from + numbers.next(2_000)).min(other.len())];
            drop(bytes.splice(at..end, piece.iter().copied()));
        }
        _ => bytes.insert(at, *numbers.one(&ODD)),
    }
}
