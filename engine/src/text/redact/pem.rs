//! PEM blocks: private keys whole or cut, and certificates, which are public.

use std::ops::Range;

use super::boundary;

const KEY: &str = "PRIVATE KEY-----";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Characters between `-----BEGIN ` and its `PRIVATE KEY-----` (`ENCRYPTED `, `OPENSSH `, `RSA `).
const KIND: usize = 16;

/// Every private key, with its armour where that is there.
pub(super) fn keys(text: &str) -> Vec<Range<usize>> {
    let ends = ends(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut known = 0;
    for (at, _) in text.match_indices(KEY) {
        let end = at + KEY.len();
        let range = if let Some(start) = armour(text, at, BEGIN) {
            start..end_of_key(text, end, &ends)
        } else if let Some(start) = armour(text, at, END).filter(|_| known < end) {
            start_of_key(text, start)..end
        } else {
            continue;
        };
        known = known.max(range.end);
        found.push(range);
    }
    found
}

/// Where every END begins, in order.
fn ends(text: &str) -> Vec<usize> {
    text.match_indices(END).map(|(at, _)| at).collect()
}

/// The first of these places that is not before `from`.
fn next(ends: &[usize], from: usize) -> Option<usize> {
    ends.get(ends.partition_point(|at| *at < from)).copied()
}

/// Where the armour begins whose last words stand at `at`.
fn armour(text: &str, at: usize, mark: &str) -> Option<usize> {
    let earliest = at.saturating_sub(mark.len() + KIND);
    let from = (earliest..=at).find(|i| text.is_char_boundary(*i))?;
    text[from..at].rfind(mark).map(|i| from + i)
}

/// Behind the END of the key whose BEGIN ends at `from`; where that was cut off, behind what looks like its body.
fn end_of_key(text: &str, from: usize, ends: &[usize]) -> usize {
    let rest = &text[from..];
    if let Some(end) = next(ends, from)
        && let Some(last) = within(text, end, KEY, END.len() + KIND)
        && !text[from..end].contains(BEGIN)
    {
        return end + last + KEY.len();
    }
    let body = |c: char| c.is_ascii_alphanumeric() || "+/=\\".contains(c) || c.is_whitespace();
    from + rest.find(|c| !body(c)).unwrap_or(rest.len())
}

/// Where `words` stand behind `from`, at most `most` bytes.
fn within(text: &str, from: usize, words: &str, most: usize) -> Option<usize> {
    let end = boundary(text, from + most + words.len());
    text[from..end].find(words).filter(|at| *at <= most)
}

/// Where the body begins that ends at `end`: its lines hold nothing but base64 behind what a log puts before them.
fn start_of_key(text: &str, end: usize) -> usize {
    let mut start = end;
    for (n, line) in text[..end].split_inclusive('\n').rev().enumerate() {
        let word = line.split_whitespace().next_back().unwrap_or_default();
        let base64 = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        // The part before END on its own line may be empty, the line before it short.
        let is_body = (n == 0 && word.is_empty()) || (base64(word) && (word.len() >= 20 || n <= 1));
        if !is_body {
            break;
        }
        start -= line.len();
    }
    start
}

/// Every certificate and public key: nothing in them is a secret.
pub(super) fn certificates(text: &str) -> Vec<Range<usize>> {
    let public = ["CERTIFICATE-----", "CERTIFICATE REQUEST-----", "PUBLIC KEY-----"];
    let ends = ends(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, _) in text.match_indices(BEGIN) {
        let from = start + BEGIN.len();
        let Some(name) = public.iter().find(|name| text[from..].starts_with(**name)) else { continue };
        if found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let Some(end) = next(&ends, from) else { break };
        found.push(start..end + END.len() + name.len());
    }
    found
}
