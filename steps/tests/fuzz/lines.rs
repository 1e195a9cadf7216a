//! Text in lines: YAML, TOML, frames. Changes keep it such text for the most part.

use crate::numbers::Numbers;

/// What a language may have in the place of a value.
pub(crate) type Values = fn(&mut Numbers) -> String;

/// One change.
pub(crate) fn change(text: &mut Vec<u8>, other: &[u8], values: Values, numbers: &mut Numbers) {
    if numbers.once_in(5) {
        return crate::bytes::change(text, other, numbers);
    }
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        lines.push(Vec::new());
    }
    let at = numbers.next(lines.len());
    match numbers.next(10) {
        0 => drop(lines.remove(at)),
        1 => {
            let copies = 1 + numbers.few(2, 20, 2_000);
            let line = lines[at].clone();
            drop(lines.splice(at..at, std::iter::repeat_n(line, copies)));
        }
        2 => {
            let with = numbers.next(lines.len());
            lines.swap(at, with);
        }
        3 => drop(lines[at].splice(0..0, vec![*numbers.one(b" \t#-"); 1 + numbers.next(6)])),
        4 if lines[at].first() == Some(&b' ') => drop(lines[at].remove(0)),
        5 => {
            let theirs: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
            if !theirs.is_empty() {
                lines.insert(at, numbers.one(&theirs).to_vec());
            }
        }
        6 => lines.insert(at, format!("{}\n", values(numbers)).into_bytes()),
        _ => {
            // The value of the line gives way: what follows its first separator.
            let line = &lines[at];
            let after =
                line.iter().position(|byte| matches!(byte, b':' | b'=' | b' ')).map_or(0, |at| at + 1);
            let mut changed = line[..after].to_vec();
            changed.push(b' ');
            changed.extend(values(numbers).into_bytes());
            changed.push(b'\n');
            lines[at] = changed;
        }
    }
    *text = lines.concat();
}

/// Values of YAML: anchors that multiply, nesting, tags, scalars of any kind and size.
pub(crate) fn yaml(numbers: &mut Numbers) -> String {
    let many = |numbers: &mut Numbers| 1 + numbers.few(40, 8, 60_000);
    match numbers.next(18) {
        0 => "[".repeat(many(numbers)),
        1 => "{a: ".repeat(many(numbers).min(20_000)),
        2 => "- ".repeat(many(numbers)),
        3 => "x".repeat(many(numbers)),
        4 => bomb(2 + numbers.next(12), 2 + numbers.next(9)),
        5 => format!("&a{} x", numbers.next(4)),
        6 => format!("*a{}", numbers.next(4)),
        7 => "<<: *a0".to_owned(),
        8 => (*numbers.one(&[
            "!!binary aGVsbG8=",
            "!!python/object:os.system x",
            "!!str 1",
            "!<tag:x> y",
            "! z",
        ]))
        .to_owned(),
        9 => (*numbers.one(&["|", ">", "|+", ">-", "|9", "|-\n  x\n y"])).to_owned(),
        10 => (*numbers.one(&["---", "...", "%YAML 1.1", "%TAG ! x", "--- !!map"])).to_owned(),
        11 => (*numbers.one(&["? [a, b]\n: c", "? ", ": ", "? |\n  x\n: y"])).to_owned(),
        12 => {
            (*numbers.one(&["null", "~", "yes", "0x1F", "1e999", ".nan", "-.inf", "2026-01-01", "0o7", ""]))
                .to_owned()
        }
        13 => (*numbers.one(&[
            "\"\\x00\\u202e\\U0001F600\"",
            "\"unended",
            "'it''s'",
            "\"\\q\"",
            "\u{feff}x",
            "\u{85}",
        ]))
        .to_owned(),
        14 => format!("{{{}}}", "a: 1, ".repeat(many(numbers).min(5_000))),
        15 => "aGVsbG8=".repeat(many(numbers).min(20_000)),
        16 => (*numbers.one(&[
            "exec: {command: x}",
            "users: []",
            "clusters: *a0",
            "current-context: [x]",
            "token: 7",
        ]))
        .to_owned(),
        _ => format!("{}:", "k".repeat(many(numbers).min(2_000))),
    }
}

/// Lists of lists: the last one stands for `width` to the power of `depth` values.
fn bomb(depth: usize, width: usize) -> String {
    let level = |level: usize| {
        let all = vec![format!("*b{}", level - 1); width].join(",");
        format!("b{level}: &b{level} [{all}]\n")
    };
    let first = vec!["x"; width].join(",");
    let levels: String = (1..=depth).map(level).collect();
    format!("\nb0: &b0 [{first}]\n{levels}clusters: *b{depth}")
}

/// Values of TOML.
pub(crate) fn toml(numbers: &mut Numbers) -> String {
    let many = |numbers: &mut Numbers| 1 + numbers.few(40, 8, 40_000);
    match numbers.next(14) {
        0 => "[".repeat(many(numbers)),
        1 => "{a=".repeat(many(numbers)),
        2 => format!("[{}]", "\"x\",".repeat(many(numbers))),
        3 => format!("\"{}\"", "x".repeat(many(numbers))),
        4 => (*numbers.one(&[
            "9223372036854775808",
            "-0",
            "0x_1",
            "1_000",
            "1e400",
            "nan",
            "inf",
            "0o9",
            "+1",
        ]))
        .to_owned(),
        5 => {
            (*numbers.one(&["1979-05-27T07:32:00Z", "07:32:00", "1979-02-30", "true", "TRUE", ""])).to_owned()
        }
        6 => (*numbers.one(&[
            "\"\"\"\nx\n\"\"\"",
            "'''x",
            "\"\\u{110000}\"",
            "\"\\uD800\"",
            "\"unended",
            "\"\\x\"",
        ]))
        .to_owned(),
        7 => format!("{} = 1", vec!["a"; many(numbers).min(5_000)].join(".")),
        8 => format!("[[{}]]", vec!["stage"; 1 + numbers.next(6)].join(".")),
        9 => format!("[{}]", vec!["cluster"; 1 + numbers.next(6)].join(".")),
        10 => (*numbers.one(&["\"{{ renew-before }}\"", "\"{{ \"", "\"{{ x }}{{ y }}\"", "\"{{{{ a }}\""]))
            .to_owned(),
        11 => (*numbers.one(&[
            "id = \"renew\"",
            "on = \"control-plane\"",
            "kind = \"command\"",
            "name = 'cp-1'",
            "needs = [\"x\"]",
        ]))
        .to_owned(),
        12 => (*numbers.one(&[
            "\"0s\"",
            "\"99999999999y\"",
            "\"-1s\"",
            "\"1h1h\"",
            "\"\u{202e}\"",
            "\"\\u0000\"",
        ]))
        .to_owned(),
        _ => format!("k{} = {{ x = [1, {{ y = 2 }}] }}", numbers.next(3)),
    }
}

/// Words of the frames that scripts on nodes print.
pub(crate) fn words(numbers: &mut Numbers) -> String {
    let many = |numbers: &mut Numbers| 1 + numbers.few(40, 8, 60_000);
    match numbers.next(12) {
        0 => {
            (*numbers.one(&["0", "-1", "1", "18446744073709551616", "07777", "99999", "1.5", "."])).to_owned()
        }
        1 => (*numbers.one(&["file", "folder", "missing", "other", "opaque", "unreadable", "asked", "-"]))
            .to_owned(),
        2 => "A".repeat(many(numbers)),
        3 => (*numbers.one(&["=", "====", "aGVsbG8=", "LS0t", "?"])).to_owned(),
        4 => format!(
            "path {} file 644 0 0 {} {}.000000000 -",
            numbers.next(4),
            numbers.next(99),
            numbers.next(99)
        ),
        5 => format!("end {}", numbers.next(30)),
        6 => "1 ".repeat(many(numbers).min(10_000)),
        7 => format!("{:064x}", numbers.next(99)),
        8 => format!("clock {}.{}", numbers.next(99), "9".repeat(many(numbers).min(100))),
        9 => "survey 1".to_owned(),
        10 => format!(
            "\u{1e}@NONCE@ {}",
            *numbers.one(&[
                "begin",
                "end 0 - -",
                "end 999 + +",
                "end -1 - ?",
                "end 99999999999 - -",
                "ready x",
                "fail y",
                "busy z",
                ""
            ])
        ),
        _ => "\u{1e}@NONCE@ ".repeat(many(numbers).min(500)),
    }
}
