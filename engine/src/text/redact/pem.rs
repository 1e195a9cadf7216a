//! PEM blocks: private keys whole or cut, and certificates, which are public.

use std::ops::Range;

const KEY: &str = "PRIVATE KEY-----";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Characters between `-----BEGIN ` and its `PRIVATE KEY-----` (`ENCRYPTED `, `OPENSSH `, `RSA `).
const KIND: usize = 16;

/// Every private key, with its armour where that is there.
pub(super) fn keys(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(KEY) {
        let end = at + KEY.len();
        if let Some(start) = armour(text, at, BEGIN) {
            found.push(start..end_of_key(text, end));
        } else if let Some(start) = armour(text, at, END) {
            let is_known = found.iter().any(|range| range.end >= end);
            if !is_known {
                found.push(start_of_key(text, start)..end);
            }
        }
    }
    found
}

/// Where the armour begins whose last words stand at `at`.
fn armour(text: &str, at: usize, mark: &str) -> Option<usize> {
    let earliest = at.saturating_sub(mark.len() + KIND);
    let from = (earliest..=at).find(|i| text.is_char_boundary(*i))?;
    text[from..at].rfind(mark).map(|i| from + i)
}

/// Behind the END of the key whose BEGIN ends at `from`; where that was cut off, behind what looks like its body.
fn end_of_key(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    if let Some(end) = rest.find(END)
        && let Some(last) = rest[end..].find(KEY).filter(|last| *last <= END.len() + KIND)
        && !rest[..end].contains(BEGIN)
    {
        return from + end + last + KEY.len();
    }
    let body = |c: char| c.is_ascii_alphanumeric() || "+/=\\".contains(c) || c.is_whitespace();
    from + rest.find(|c| !body(c)).unwrap_or(rest.len())
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
    let mut found = Vec::new();
    for (start, _) in text.match_indices(BEGIN) {
        let kind = &text[start + BEGIN.len()..];
        let Some(name) = public.iter().find(|name| kind.starts_with(**name)) else { continue };
        let Some(end) = kind.find(END) else { continue };
        found.push(start..start + BEGIN.len() + end + END.len() + name.len());
    }
    found
}
