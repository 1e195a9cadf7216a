//! What a look says without what is another one each time: moments, keys, and seconds that pass.

use serde_json::Value;

/// Fields of the JSON that count seconds from now.
const SECONDS: [&str; 3] = ["clock_ahead_s", "later_s", "residual_s"];

/// Digits of dates, of long numbers and of digests give way to a letter each, so that tables keep their columns.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            word.push(c);
            continue;
        }
        let is_number = word.chars().all(|c| c.is_ascii_digit());
        let is_long = if is_number { word.len() >= 6 } else { word.len() == 64 };
        let masked = word.chars().map(|c| if is_long { 'N' } else { c });
        out.extend(masked);
        word.clear();
        out.push(c);
    }
    out.pop();
    dates(&out)
}

/// `2026-11-29 07:18`, with `T` between and seconds behind or not.
fn dates(text: &str) -> String {
    let shape = "dddd-dd-dd?dd:dd";
    let mut out: Vec<char> = text.chars().collect();
    let fits = |at: &[char]| {
        at.iter().zip(shape.chars()).all(|(c, s)| match s {
            'd' => c.is_ascii_digit(),
            '?' => matches!(c, ' ' | 'T'),
            s => *c == s,
        })
    };
    for at in 0..out.len().saturating_sub(shape.len() - 1) {
        if !fits(&out[at..at + shape.len()]) {
            continue;
        }
        let seconds = out.get(at + 16) == Some(&':');
        let end = at + if seconds { 19 } else { 16 };
        for c in out[at..end].iter_mut().filter(|c| c.is_ascii_digit()) {
            *c = '0';
        }
    }
    out.into_iter().collect()
}

/// The same of JSON, on many lines.
pub(crate) fn json(mut json: Value) -> String {
    settle(&mut json);
    text(&(serde_json::to_string_pretty(&json).expect("JSON") + "\n"))
}

/// Seconds to a day, and of what is less than a day to ten.
fn settle(json: &mut Value) {
    match json {
        Value::Array(all) => all.iter_mut().for_each(settle),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_i64().filter(|_| SECONDS.contains(&name.as_str())) {
                    Some(seconds) if seconds.abs() >= 86_400 => {
                        *value = format!("{} days", seconds / 86_400).into();
                    }
                    Some(seconds) => *value = (seconds + 5).div_euclid(10).saturating_mul(10).into(),
                    None => settle(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
