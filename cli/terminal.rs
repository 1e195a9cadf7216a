//! What is known of the place the output goes to, and how it is written there.
//!
//! Invariant: output that cannot be written (a closed pipe, a vanished terminal) never stops a run: a write error is kept
//! here, and only what does nothing but tell ends by it. Deliberately absent: what is written.

mod drawn;

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use certwright_engine::plan::Color;
use certwright_engine::text::harmless;
pub(crate) use drawn::Drawn;

/// How wide text may be and whether it may be coloured or redrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Columns; None when lines are not to be wrapped (a file, a pipe).
    pub(crate) width: Option<usize>,
    /// Whether escape codes for colours are welcome.
    pub(crate) paint: Paint,
    /// Whether lines may be redrawn.
    pub(crate) live: bool,
}

/// Colours or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Text as it is.
    Plain,
    /// ANSI colours.
    Colours,
}

/// What a piece of text means, which is what its colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As wanted.
    Good,
    /// Needs patience or a look.
    Warn,
    /// Went wrong.
    Bad,
    /// To be read first.
    Strong,
    /// To be skipped over.
    Faint,
    /// Anything else.
    Normal,
}

impl Terminal {
    /// Asks standard output, `NO_COLOR` (<https://no-color.org>) and `TERM`.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self { width: None, paint: Paint::Plain, live: false };
        }
        let width = rustix::termios::tcgetwinsize(&stdout).map_or(80, |size| usize::from(size.ws_col));
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = if dumb || no_colour { Paint::Plain } else { Paint::Colours };
        Self { width: Some(if width == 0 { 80 } else { width.max(40) }), paint, live: !dumb }
    }
}

impl Terminal {
    /// Whether diagnostics may have colours: they go to standard error, which follows standard output here.
    pub(crate) fn color(self) -> Color {
        match self.paint {
            Paint::Plain => Color::Plain,
            Paint::Colours => Color::Ansi,
        }
    }
}

impl Paint {
    /// The text in the colour of its meaning.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Self::Plain, _) | (_, Tone::Normal) => return text.to_owned(),
            (Self::Colours, Tone::Good) => "32",
            (Self::Colours, Tone::Warn) => "33",
            (Self::Colours, Tone::Bad) => "1;31",
            (Self::Colours, Tone::Strong) => "1",
            (Self::Colours, Tone::Faint) => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Writes to standard output; an error is kept for [`lost`].
pub(crate) fn out(text: &str) {
    write_out(obeyable(text).as_bytes());
}

/// Writes a document to standard output, which has no colours of its own: none is let through.
pub(crate) fn out_document(text: &str) {
    write_out(harmless(text).as_bytes());
}

/// The same with lines that end as RFC 4180 wants.
pub(crate) fn out_crlf(text: &str) {
    write_out(harmless(text).replace('\n', "\r\n").as_bytes());
}

/// Empties the terminal on standard output; an error is kept for [`lost`].
pub(crate) fn clear_screen() {
    write_out(b"\x1b[H\x1b[2J");
}

fn write_out(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // The first one says why.
        let _known = LOST.set(error);
    }
}

/// Why something did not get to standard output, if so.
pub(crate) fn lost() -> Option<&'static std::io::Error> {
    LOST.get()
}

static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Writes to standard error; an error is dropped.
pub(crate) fn err(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _dropped = stderr.write_all(obeyable(text).as_bytes()).and_then(|()| stderr.flush());
}

/// The text as a terminal may have it: of all that a terminal obeys, only line ends and colours are left.
///
/// The last of the places where a host's bytes are made harmless: whatever goes to a terminal passes here.
pub(crate) fn obeyable(text: &str) -> Cow<'_, str> {
    let mut parts = text.split('\u{1b}');
    let first = harmless(parts.next().unwrap_or_default());
    let rest: Vec<&str> = parts.collect();
    if rest.is_empty() {
        return first;
    }
    let mut shown = first.into_owned();
    for part in rest {
        let colour = colour(part);
        shown.push_str(if colour == 0 { "\\u{1b}" } else { "\u{1b}" });
        shown.push_str(&part[..colour]);
        shown.push_str(&harmless(&part[colour..]));
    }
    Cow::Owned(shown)
}

/// Bytes of a code for colours (`[1;31m`) that a text begins with; 0 where there is none. One that hides text is none.
fn colour(text: &str) -> usize {
    let Some((codes, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once('m')) else { return 0 };
    let known = |code: &str| {
        matches!(code.parse(), Ok(0..=2 | 22 | 31..=37 | 91..=97_u8))
            && code.bytes().all(|b| b.is_ascii_digit())
    };
    if codes.split(';').all(known) { codes.len() + 2 } else { 0 }
}

/// Breaks `text` into lines of at most `width` columns at spaces; a word that is longer is broken inside.
/// Line ends in the text stay.
pub(crate) fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let Some(width) = width else {
            lines.push(paragraph.to_owned());
            continue;
        };
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            if used > 0 && used + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            while word.len() > width.max(1) {
                let rest = word.split_off(width.max(1));
                lines.push(word.into_iter().collect());
                word = rest;
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            used += word.len();
            line.extend(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_spaces_and_long_words_are_broken() {
        assert_eq!(wrap("one two three", Some(7)), ["one two", "three"]);
        assert_eq!(wrap("/a/very/long/path x", Some(6)), ["/a/ver", "y/long", "/path", "x"]);
        assert_eq!(wrap("one two\nthree", None), ["one two", "three"]);
    }

    #[test]
    fn of_what_a_terminal_obeys_only_colours_and_line_ends_are_let_through() {
        for tone in [Tone::Good, Tone::Warn, Tone::Bad, Tone::Strong, Tone::Faint] {
            let ours = format!("a {}\n\tb", Paint::Colours.tone(tone, "x"));
            assert_eq!(obeyable(&ours), ours);
        }
        for (hostile, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}[8mx\u{1b}[0m", "\\u{1b}[8mx\u{1b}[0m"),
            ("\u{1b}[1;8m", "\\u{1b}[1;8m"),
            ("\u{1b}[+1m", "\\u{1b}[+1m"),
            ("\u{1b}[m\u{1b}[", "\\u{1b}[m\\u{1b}["),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}\u{1b}[31mred\r", "\\u{1b}\u{1b}[31mred\\u{d}"),
            ("\u{9b}31m\u{202e}x", "\\u{9b}31m\\u{202e}x"),
        ] {
            assert_eq!(obeyable(hostile), shown);
        }
    }

    #[test]
    fn plain_text_has_no_escape_codes() {
        for tone in [Tone::Good, Tone::Warn, Tone::Bad, Tone::Strong, Tone::Faint, Tone::Normal] {
            assert_eq!(Paint::Plain.tone(tone, "x"), "x");
        }
        assert_eq!(Paint::Colours.tone(Tone::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
