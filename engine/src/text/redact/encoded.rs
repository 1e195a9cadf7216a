//! Words that are a secret by their form, and words that become one when their encoding is undone.

use std::ops::Range;

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

use super::secrets;

/// Shorter runs are not decoded: nothing that is a secret by itself fits in.
const RUN: usize = 24;

/// From this length on a run of base64 that is no text and no path is taken for a key or a token.
const OPAQUE: usize = 40;

/// The length of a SHA-256 in base64 without padding.
const FINGERPRINT: usize = 43;

/// All such words of a text; `depth` more encodings are looked into.
pub(super) fn runs(text: &str, depth: u32) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_run).map(|i| at + i) {
        let end = text[start..].find(|c| !is_run(c)).map_or(text.len(), |i| start + i);
        if let Some(end) = jwt(text, start, end).or_else(|| bootstrap_token(text, start, end)) {
            found.push(start..end);
            at = end;
            continue;
        }
        if end - start >= RUN {
            // The letter of an escape (`\n`) is no part of what follows it.
            let escaped = text[..start].ends_with('\\') && text[start..].starts_with(['n', 'r', 't']);
            let run = start + usize::from(escaped)..end;
            // A `/` in a fingerprint would leave a piece that stands behind nothing.
            let opaque = !is_fingerprint(text, &run);
            let secret =
                |piece: &Range<usize>| is_secret(text, piece, depth) || (opaque && is_opaque(text, piece));
            found.extend(pieces(text, run).into_iter().filter(secret));
        }
        at = end;
    }
    if depth > 0 {
        found.extend(percent(text, depth));
        found.extend(wrapped(text, depth));
    }
    found
}

/// Base64 that goes over several lines, as `base64` prints it, each behind what a log puts before it.
fn wrapped(text: &str, depth: u32) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut block: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let word = line.split_whitespace().next_back().unwrap_or_default();
        let start = at + line.trim_end().len() - word.len();
        at += line.len();
        let encoded =
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=-_".contains(&b));
        // All lines are of one width, but for the last: it is shorter.
        let width = block.last().map(ExactSizeIterator::len);
        if !encoded || width.is_some_and(|width| word.len() > width) {
            found.extend(whole(text, &std::mem::take(&mut block), depth));
        }
        if encoded && (word.len() >= OPAQUE || !block.is_empty()) {
            block.push(start..start + word.len());
        }
        if width.is_some_and(|width| word.len() < width) || word.ends_with('=') {
            found.extend(whole(text, &std::mem::take(&mut block), depth));
        }
    }
    found.extend(whole(text, &block, depth));
    found
}

/// The lines of a block that together are a secret.
fn whole(text: &str, block: &[Range<usize>], depth: u32) -> Vec<Range<usize>> {
    if block.len() < 2 {
        return Vec::new();
    }
    let joined: String = block.iter().map(|range| text[range.clone()].trim_end_matches('=')).collect();
    let secret = base64(&joined).is_some_and(|bytes| holds_secret(&bytes, depth));
    if secret { block.to_vec() } else { Vec::new() }
}

fn is_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_-".contains(c)
}

/// What may be encoded in a run: between `=` (which ends base64), whole, and between what only some alphabets have.
fn pieces(text: &str, run: Range<usize>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    for split in [&['='][..], &['=', '-', '_'][..], &['=', '/'][..], &['=', '-', '_', '/'][..]] {
        let mut at = run.start;
        for piece in text[run.clone()].split(split) {
            if piece.len() >= RUN {
                all.push(at..at + piece.len());
            }
            at += piece.len() + 1;
        }
    }
    // One that no split divides is looked into once.
    all.sort_by_key(|piece| (piece.start, piece.end));
    all.dedup();
    all
}

/// What holds a secret when its encoding is undone.
fn is_secret(text: &str, piece: &Range<usize>, depth: u32) -> bool {
    let word = &text[piece.clone()];
    if depth == 0 {
        return false;
    }
    if is_hex(word) {
        return hex(word).is_some_and(|bytes| holds_secret(&bytes, depth));
    }
    // What stands before may shift what was encoded.
    (0..4).filter_map(|offset| base64(word.get(offset..)?)).any(|bytes| holds_secret(&bytes, depth))
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_hexdigit())
}

fn holds_secret(bytes: &[u8], depth: u32) -> bool {
    printable(bytes).is_some_and(|text| !secrets(&text, depth - 1).is_empty())
}

/// Random bytes in base64: long, of all kinds of letters, and neither a text nor a path.
fn is_opaque(text: &str, piece: &Range<usize>) -> bool {
    let word = &text[piece.clone()];
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let slashes = word.bytes().filter(|b| *b == b'/').count();
    word.len() >= OPAQUE
        && !word.contains(['-', '_'])
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && slashes * 12 < word.len()
        && !is_hex(word)
        && base64(word).is_none_or(|bytes| printable(&bytes).is_none())
}

/// The fingerprint of a public key as ssh shows it.
fn is_fingerprint(text: &str, run: &Range<usize>) -> bool {
    text[..run.start].ends_with("SHA256:") && run.len() == FINGERPRINT
}

/// The end of a JSON web token that begins at `start`, whose first part ends at `end`.
fn jwt(text: &str, start: usize, end: usize) -> Option<usize> {
    if !text[start..end].starts_with("eyJ") {
        return None;
    }
    let mut last = end;
    let mut parts = 1;
    while let Some(rest) = text[last..].strip_prefix('.') {
        let length = rest.find(|c| !is_run(c)).unwrap_or(rest.len());
        if length == 0 {
            break;
        }
        last += 1 + length;
        parts += 1;
    }
    (parts >= 2).then_some(last)
}

/// The end of a bootstrap token (`abcdef.0123456789abcdef`) that begins at `start`.
fn bootstrap_token(text: &str, start: usize, end: usize) -> Option<usize> {
    let low = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let id = &text[start..end];
    let rest = text[end..].strip_prefix('.')?;
    let length = rest.find(|c| !is_run(c)).unwrap_or(rest.len());
    let secret = &rest[..length];
    let mixed = secret.bytes().any(|b| b.is_ascii_digit()) && secret.bytes().any(|b| b.is_ascii_lowercase());
    let alone = !rest[length..].starts_with('.') && !text[..start].ends_with(['.', '/']);
    let fits = id.len() == 6 && secret.len() == 16 && low(id) && low(secret) && mixed && alone;
    fits.then_some(end + 1 + length)
}

/// Words with percent-encoding in which a secret appears when it is undone.
fn percent(text: &str, depth: u32) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(|c: char| c.is_whitespace() || "\"'<>".contains(c)) {
        if word.matches('%').count() >= 2 {
            let decoded = percent_decoded(word);
            if holds_secret(&decoded, depth) {
                found.push(at..at + word.len());
            }
        }
        // The separator is one character, of one byte or more.
        at += word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

fn percent_decoded(word: &str) -> Vec<u8> {
    let bytes = word.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = word.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    out
}

/// Padded or not, and whatever stands in the bits that are left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes that a run of base64 stands for, in either alphabet or both; the last incomplete group is dropped.
fn base64(word: &str) -> Option<Vec<u8>> {
    let word = &word[..word.len() - usize::from(word.len() % 4 == 1)];
    LENIENT.decode(word.replace('-', "+").replace('_', "/")).ok()
}

fn hex(word: &str) -> Option<Vec<u8>> {
    if !word.len().is_multiple_of(2) {
        return None;
    }
    (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).ok()).collect()
}

/// Bytes as text, where they are text: UTF-8 (but for a cut character at the end) without control characters.
fn printable(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !"\n\r\t".contains(c);
    (!text.is_empty() && !text.contains(odd)).then(|| text.to_owned())
}
