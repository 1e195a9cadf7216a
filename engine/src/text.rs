//! Text and bytes that come from outside, and secrets.
//!
//! The one sanitiser, where hostile bytes become something that may be shown: [`Untrusted`] has no `Display`, only
//! [`Untrusted::escaped`], and [`escape`] takes out what looks like a secret. It stands at three places: where bytes
//! become text, where a step of any kind says something (`step::Shown`), and where text leaves the process
//! ([`harmless`], [`harmless_json`]), so that no forgotten call in between reaches a terminal. [`Secret`] cannot be
//! printed at all.

mod harmless;

mod redact;

use std::borrow::Cow;
use std::fmt;

pub use harmless::{harmless, harmless_json};
pub use redact::redact;

/// How many bytes of one stream are kept; the rest is drained and counted.
pub const KEPT: usize = 1 << 20;

/// Bytes that a host sent: capped at [`KEPT`], never shown unescaped, never a path, a format or a command.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Untrusted {
    bytes: Vec<u8>,
    /// Bytes that came in all, kept or not.
    total: u64,
}

impl Untrusted {
    /// Takes bytes from outside, keeping the first [`KEPT`] of them.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let total = bytes.len() as u64;
        bytes.truncate(KEPT);
        Self { bytes, total }
    }

    /// Takes what was kept of a stream of `total` bytes.
    pub fn capped(bytes: Vec<u8>, total: u64) -> Self {
        Self { bytes, total }
    }

    /// The kept bytes, for parsers.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True when some of the stream was not kept.
    pub fn is_cut(&self) -> bool {
        self.total > self.bytes.len() as u64
    }

    /// The kept bytes as text for parsers; bytes that are not UTF-8 become U+FFFD.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// The text with everything escaped that could change how a terminal shows it; line ends stay.
    pub fn escaped(&self) -> String {
        escape(&self.lossy())
    }

    /// The last `n` lines that are not blank, escaped.
    pub fn last_lines(&self, n: usize) -> Vec<String> {
        let text = self.lossy();
        // Before it is cut into lines: a key goes over many.
        let text = redact(&text);
        let mut lines: Vec<String> =
            text.lines().rev().filter(|l| !l.trim().is_empty()).take(n).map(escape).collect();
        lines.reverse();
        lines
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} of {} bytes)", self.bytes.len(), self.total)
    }
}

/// Takes out secrets, and escapes what [`harmless`] escapes; line ends and tabs stay.
pub fn escape(text: &str) -> String {
    let text = redact(text);
    match harmless(&text) {
        Cow::Borrowed(_) => text.into_owned(),
        // What stood beside a control character may be told for a secret only now that it is a word of its own.
        Cow::Owned(visible) => redact(&visible).into_owned(),
    }
}

/// The same for what is one line, whatever a host put into it: a line end that could forge another line is escaped.
pub fn line(text: &str) -> String {
    let text = escape(text);
    if !text.contains(['\n', '\t']) {
        return text;
    }
    // What was told apart by lines may be one word now.
    redact(&text.replace('\n', "\\n").replace('\t', "\\t")).into_owned()
}

/// Bytes that must not be shown, logged or journaled: private keys, kubeconfigs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes ownership of secret bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for the one place that needs them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_bidi_marks_are_shown_not_obeyed() {
        let hostile = Untrusted::new("ok\u{1b}[2J\u{202e}evil\r\n\ttab\u{200b}".into());
        assert_eq!(hostile.escaped(), "ok\\u{1b}[2J\\u{202e}evil\\u{d}\n\ttab\\u{200b}");
    }

    #[test]
    fn a_stream_over_the_cap_says_so() {
        assert!(Untrusted::new(vec![b'x'; KEPT + 1]).is_cut());
        assert!(!Untrusted::new(vec![b'x'; KEPT]).is_cut());
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(..)");
    }
}
