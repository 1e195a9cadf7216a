//! Takes secrets out of text before anybody sees it: private keys, tokens, passwords, whatever they are wrapped in.
//!
//! What a secret is, is told by its form (PEM, JWT, bootstrap token), by the name before it (`token:`, `client-key-data`,
//! `Authorization`), or by what it decodes to: base64, hex and percent-encoding are undone, some levels deep, and looked
//! into. Invariant: what was redacted once stays as it is; public things (certificates, digests, ids, paths) stay
//! readable. Deliberately absent: secrets without any form or name, which nobody could tell from other words.

mod encoded;

mod fields;

mod pem;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

/// What stands in the place of a secret.
const MARK: &str = "[redacted]";

/// How many encodings may be wrapped around each other.
const DEPTH: u32 = 4;

/// Shorter texts hold no secret of a known form.
const SHORTEST: usize = 8;

/// How often a text is looked through: what was taken out may have hidden what stood beside it.
const PASSES: usize = 4;

/// The text without its secrets.
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(mut left) = without(text) else { return Cow::Borrowed(text) };
    for _ in 1..PASSES {
        match without(&left) {
            Some(less) if less != left => left = less,
            Some(_) | None => break,
        }
    }
    Cow::Owned(left)
}

/// The text without the secrets that can be told at once; None where there are none.
fn without(text: &str) -> Option<String> {
    let mut found = secrets(text, DEPTH);
    if found.is_empty() {
        return None;
    }
    found.sort_by_key(|range| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in found {
        if range.end <= at {
            continue;
        }
        // Overlapping ones are one secret.
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str(MARK);
        }
        at = range.end;
    }
    out.push_str(&text[at..]);
    Some(out)
}

/// Where the secrets of a text are, in any order; `depth` more encodings are looked into.
fn secrets(text: &str, depth: u32) -> Vec<Range<usize>> {
    if text.len() < SHORTEST {
        return Vec::new();
    }
    let mut found = pem::keys(text);
    found.extend(fields::values(text));
    found.extend(fields::logins(text));
    let public = pem::certificates(text);
    let of_public =
        |range: &Range<usize>| public.iter().any(|p| p.start <= range.start && range.end <= p.end);
    found.extend(encoded::runs(text, depth).into_iter().filter(|range| !of_public(range)));
    found.retain(|range| range.start < range.end);
    found
}

/// The first place between two characters that is not before `at`; the end of the text at most.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
