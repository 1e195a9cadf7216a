//! Secrets that are told by the name before them: fields, flags, headers, logins in URLs.

use std::ops::Range;

use super::boundary;

/// Names whose value is a secret, in lower case without `-` and `_`; a name that ends so is one too (`db_password`).
const NAMES: [&str; 13] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "keydata",
    "authorization",
    "cookie",
    "credentials",
];

/// Names that are one only as they are: a docker login.
const WHOLE: [&str; 2] = ["auth", "pwd"];

/// What a structure begins with, and `[redacted]`: the fields in it are looked at one by one.
const STRUCTURE: [char; 3] = ['{', '[', '<'];

/// The values of all such fields; in time that grows with the text alone, whatever it repeats.
pub(super) fn values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for text_of_line in text.split_inclusive('\n') {
        let indent = text_of_line.len() - text_of_line.trim_start_matches([' ', '\t', '-', '"', '\'']).len();
        let line = Line { from, first: from + indent };
        // The separators before it are part of a value.
        let mut past = 0;
        for (at, separator) in text_of_line.match_indices([':', '=', ' ']) {
            let at = from + at;
            if at + 1 < past {
                continue;
            }
            let Some(name) = name_before(text, at, separator, &line) else { continue };
            let value = match separator {
                " " => flag_value(text, at + 1),
                ":" | "=" => value_after(text, at + 1, &name),
                _others => None,
            };
            past = value.as_ref().map_or(past, |range| past.max(inner_end(text, range)));
            found.extend(value);
        }
        from += text_of_line.len();
    }
    found
}

/// Up to where a field inside of a value adds nothing: its own value ends with it, unless it is quoted or a block.
fn inner_end(text: &str, value: &Range<usize>) -> usize {
    let quotes = [' ', '\t', '|', '>', '-', '+', '\\', ':', '='];
    value.start + text[value.clone()].trim_end_matches(quotes).len()
}

/// A line of the text.
struct Line {
    /// Where it begins.
    from: usize,
    /// Where its first word begins, behind indents, dashes and quotes.
    first: usize,
}

/// A name before a separator.
struct Name {
    /// Where it begins.
    start: usize,
    /// Where its line begins.
    line: usize,
    /// Whether the whole rest of the line is its value: it is the first thing on its line, or a header's name.
    of_line: bool,
}

fn name_before(text: &str, at: usize, separator: &str, line: &Line) -> Option<Name> {
    let before = match separator {
        " " => &text[line.from..at],
        _sign => text[line.from..at].trim_end_matches(' ').trim_end_matches(['"', '\'', '\\']),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let word = &before[before.rfind(|c| !is_name(c)).map_or(0, |i| boundary(before, i + 1))..];
    let start = line.from + before.len() - word.len();
    if word.is_empty() || word.len() > 64 || (separator == " " && !word.starts_with("--")) {
        return None;
    }
    let plain: String =
        word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let known = NAMES.iter().any(|name| plain.ends_with(name)) || WHOLE.contains(&plain.as_str());
    // `/run/secrets/token: no such file` names a file.
    if !known || text[..start].ends_with('/') {
        return None;
    }
    let is_first = start <= line.first;
    let of_line = (is_first && separator == ":") || plain.ends_with("authorization");
    Some(Name { start, line: line.from, of_line })
}

/// The word after a flag, unless it is another flag.
fn flag_value(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = &text[from..];
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    (end > 0 && !rest.starts_with('-')).then_some(from..from + end)
}

fn value_after(text: &str, from: usize, name: &Name) -> Option<Range<usize>> {
    let rest = &text[from..];
    let start = from + (rest.len() - rest.trim_start_matches([' ', '\t']).len());
    let value = &text[start..];
    if let Some(block) = block(text, start, name) {
        return Some(block);
    }
    let slashes = value.len() - value.trim_start_matches('\\').len();
    let quote = value[slashes..].chars().next().filter(|c| *c == '"' || *c == '\'');
    if let Some(quote) = quote {
        let open = slashes + 1;
        let close = format!("{}{quote}", &value[..slashes]);
        let end = closing(&value[open..], &close).unwrap_or(value.len() - open);
        return worth(text, start + open..start + open + end);
    }
    if value.starts_with(STRUCTURE) {
        return None;
    }
    let ends = |c: char| {
        if name.of_line { c == '\n' || c == '"' } else { c.is_whitespace() || ",;&\"')}]\\`".contains(c) }
    };
    let end = value.find(ends).unwrap_or(value.len());
    worth(text, start..start + end)
}

/// Where a quoted text ends: at the first `close` that nothing escapes.
fn closing(text: &str, close: &str) -> Option<usize> {
    text.match_indices(close).map(|(at, _)| at).find(|at| {
        let slashes = text[..*at].len() - text[..*at].trim_end_matches('\\').len();
        slashes.is_multiple_of(2)
    })
}

/// The lines of a YAML block (`client-key-data: |`): those that are indented deeper than its name.
fn block(text: &str, start: usize, name: &Name) -> Option<Range<usize>> {
    if !text[start..].starts_with(['|', '>']) {
        return None;
    }
    let (head, _) = text[start..].split_once('\n')?;
    if !matches!(head.trim_end(), "|" | ">" | "|-" | ">-" | "|+" | ">+") {
        return None;
    }
    let line = name.line;
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let own = indent(&text[line..name.start]).min(name.start - line);
    let from = start + head.len() + 1;
    let mut end = from;
    for line in text[from..].split_inclusive('\n') {
        if !line.trim().is_empty() && indent(line) <= own {
            break;
        }
        end += line.len();
    }
    let body = &text[from..end];
    let start = from + (body.len() - body.trim_start().len());
    let end = from + body.trim_end().len();
    (start < end).then_some(start..end)
}

/// A value that may be one: no structure, no plain word of a configuration, and nothing that was redacted already.
fn worth(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = text[range.clone()].trim();
    let plain =
        matches!(value, "" | "true" | "false" | "null" | "none" | "<none>" | "REDACTED" | "DATA+OMITTED");
    let structure = value.starts_with(STRUCTURE);
    (!plain && !structure).then_some(range)
}

/// Bearer tokens, and the passwords of logins in URLs.
pub(super) fn logins(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    for scheme in ["bearer ", "basic "] {
        for (at, _) in lower.match_indices(scheme) {
            let from = at + scheme.len();
            let rest = &text[from..];
            let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
            let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            let digits = word.bytes().any(|b| b.is_ascii_digit()) || word.ends_with('=');
            if word.len() >= 8 && digits {
                found.push(from..from + end);
            }
        }
    }
    for (at, _) in text.match_indices("://") {
        let from = at + 3;
        let rest = &text[from..];
        let end = rest.find(|c: char| c.is_whitespace() || "/\"'?#\\,".contains(c)).unwrap_or(rest.len());
        let Some((login, _)) = rest[..end].rsplit_once('@') else { continue };
        if let Some((user, password)) = login.split_once(':') {
            let start = from + user.len() + 1;
            found.extend(worth(text, start..start + password.len()));
        }
    }
    found
}
