//! Characters that change how a text is shown rather than being shown, made visible.
//!
//! Invariant: what was escaped once stays as it is, and what is left holds no control character (but the line feed and
//! the tab), none that turns the direction of writing, and none that takes no room. Deliberately absent: letters that
//! look like others; they are letters.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes control, bidirectional and invisible characters, all but the line feed and the tab, as `\u{1b}`.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| c != '\n' && c != '\t' && acts(c);
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_odd(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// The same JSON with such characters spelled as JSON spells them (`\u009b`): it reads back as it was.
///
/// Between the strings of a JSON text nothing of the kind can be but line ends and tabs, which stay.
pub fn harmless_json(json: String) -> String {
    let is_odd = |c: char| c != '\n' && c != '\t' && acts(c);
    if !json.contains(is_odd) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_odd(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a terminal obeys a character or shows nothing for it: control characters, and what Unicode lets a font ignore.
fn acts(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}
