//! Masks what differs from run to run: paths, ids, digests, dates, times, durations.

use std::path::Path;

/// Masks: `9` stands for a digit, `h` for a lower-case hex digit, `a` for a letter or digit of an id; anything
/// else for itself.
const MASKS: &[(&str, &str)] = &[
    ("99999999-999999-aaaa", "RUN"),
    ("9999-99-99T99:99:99Z", "INSTANT"),
    ("9999-99-99 99:99:99", "DATE TIME"),
    ("9999-99-99 99:99", "DATE"),
    ("99:99:99", "TIME"),
    ("9 min 99 s", "TOOK"),
    ("9.9 s", "TOOK"),
    // Records hold paths and the machine's name.
    ("9999 bytes", "SIZE"),
    ("999 bytes", "SIZE"),
];

/// The text with everything masked that is not the same every time.
pub(crate) fn redact(text: &str, root: &Path) -> String {
    let text = text.replace(&root.display().to_string(), "ROOT");
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        if let Some((mask, name)) = MASKS.iter().find(|(mask, _)| matches(mask, rest)) {
            out.push_str(name);
            at += mask.len();
        } else if hex(rest) >= 64 {
            out.push_str("DIGEST");
            at += hex(rest);
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    host(&out)
}

fn matches(mask: &str, text: &[char]) -> bool {
    text.len() >= mask.len()
        && mask.chars().zip(text).all(|(mask, c)| match mask {
            '9' => c.is_ascii_digit(),
            'a' => c.is_ascii_lowercase() || c.is_ascii_digit(),
            other => *c == other,
        })
}

fn hex(text: &[char]) -> usize {
    text.iter().take_while(|c| c.is_ascii_digit() || ('a'..='f').contains(*c)).count()
}

/// Masks the machine's name behind `ops@`.
fn host(text: &str) -> String {
    let mut pieces = text.split("ops@");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "._-".contains(c));
        out.push_str("ops@HOST");
        out.push_str(rest);
    }
    out
}
