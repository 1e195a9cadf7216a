//! What holds of everything that the sanitiser lets through.

use certwright_engine::text::{Untrusted, escape, harmless, harmless_json, line};

/// What a terminal obeys or a reader does not see. Told apart from the code's own list: by its Unicode names.
pub(super) fn acts(c: char) -> bool {
    let controls = matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}');
    // ALM, LRM, RLM, LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI.
    let turns = matches!(
        c,
        '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'
            | '\u{202b}'
            | '\u{202c}'
            | '\u{202d}'
            | '\u{202e}'
            | '\u{2066}'
            | '\u{2067}'
            | '\u{2068}'
            | '\u{2069}'
    );
    // SHY, ZWSP, ZWNJ, ZWJ, LS, PS, WJ, invisible operators, BOM, annotations, fillers, tags, variation selectors.
    let hidden = matches!(
        c,
        '\u{ad}'
            | '\u{200b}'
            | '\u{200c}'
            | '\u{200d}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2060}'
            | '\u{2061}'
            | '\u{2062}'
            | '\u{2063}'
            | '\u{2064}'
            | '\u{feff}'
            | '\u{fff9}'
            | '\u{fffa}'
            | '\u{fffb}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{e0001}'
            | '\u{e0041}'
            | '\u{e007f}'
            | '\u{fe00}'
            | '\u{fe0f}'
            | '\u{e0100}'
    );
    controls || turns || hidden
}

/// The properties that do not hold of these bytes.
pub(super) fn broken(bytes: &[u8]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            broken.push(what.to_owned());
        }
    };
    let untrusted = Untrusted::new(bytes.to_vec());
    let raw = untrusted.lossy().into_owned();
    let shown = untrusted.escaped();
    hold(!shown.contains(acts), "what is shown holds nothing that acts");
    hold(escape(&shown) == shown, "what was escaped stays as it is");
    hold(escape(&raw) == shown, "bytes and text are escaped alike");
    hold(shown.matches('\n').count() <= raw.matches('\n').count(), "no line is added");

    let one = line(&raw);
    hold(!one.contains(acts) && !one.contains(['\n', '\t']), "a line is one line");
    hold(line(&one) == one, "a line stays as it is");

    let last = untrusted.last_lines(5);
    hold(
        last.len() <= 5 && last.iter().all(|text| !text.contains('\n') && !text.contains(acts)),
        "last lines are lines",
    );

    let plain = harmless(&raw);
    hold(!plain.contains(acts), "nothing that acts is harmless");
    hold(
        raw.contains(acts) || plain == raw || raw.contains(|c: char| !c.is_ascii()),
        "plain text stays as it is",
    );
    hold(harmless(&plain) == plain, "what is harmless stays as it is");

    let value = serde_json::json!({ "text": raw, raw.as_str(): [shown.as_str(), &raw] });
    let json = harmless_json(value.to_string());
    hold(!json.contains(acts) && !json.contains('\n'), "JSON holds nothing that acts");
    hold(
        serde_json::from_str::<serde_json::Value>(&json).is_ok_and(|read| read == value),
        "JSON reads back as it was",
    );
    broken
}
