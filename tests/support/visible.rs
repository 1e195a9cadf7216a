//! Words of a hostile node, and the search for whatever a terminal would obey.

/// Sets the title, clears the screen, begins a DCS, hides and turns what follows, forges a line, and names itself.
pub(crate) const HOSTILE: &str = "\u{1b}]0;pwned\u{7}\u{1b}[2J\u{1b}P1$r\u{1b}\\\u{9b}8m\u{202e}\u{200b}hostile\u{7f}\r\nCHANGED  everything is as wanted now";

/// The same as JSON may spell it, for the output of a program that prints JSON, and for YAML.
pub(crate) fn in_json() -> String {
    let spelled = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\u{:04x}", u32::from(c)),
    };
    HOSTILE.chars().map(spelled).collect()
}

/// The first character that a terminal obeys or that cannot be seen, with what stands around it.
pub(crate) fn obeyed(bytes: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Some("it is not UTF-8".to_owned()) };
    let acts = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let at = text.find(acts)?;
    let around: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
    Some(format!("{}{}", around, text[at..].chars().take(40).collect::<String>().escape_default()))
}
