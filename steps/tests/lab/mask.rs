//! What two runs of one command may differ in: ids, times, ages, process numbers.

use serde_json::Value;

/// The text with everything masked that differs between two machines in the same state.
pub(crate) fn text(text: &str) -> String {
    text.split_inclusive('\n').map(|line| words(&dates(&klog(&pods_restarted(line))))).collect()
}

/// The same in every string of a JSON value; numbers of seconds keep only their sign.
pub(crate) fn json(value: Value) -> Value {
    match value {
        Value::String(s) => Value::String(text(&s)),
        Value::Array(items) => Value::Array(items.into_iter().map(json).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(k, _)| k != "pid").map(|(k, v)| (k, json(v))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// `W1124 20:45:34.856392     923` becomes `KLOG`.
fn klog(line: &str) -> String {
    let is_head = |at: usize| {
        let head = line.as_bytes().get(at..at + 21);
        head.is_some_and(|h| {
            b"IWE".contains(&h[0]) && h[1..5].iter().all(u8::is_ascii_digit) && h[5] == b' ' && h[14] == b'.'
        })
    };
    match (0..line.len()).find(|at| is_head(*at)) {
        None => line.to_owned(),
        Some(at) => {
            let rest = line[at + 21..].trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{}KLOG{rest}", &line[..at])
        }
    }
}

/// `Nov 24, 2027 20:45 UTC` becomes as many characters of something else.
fn dates(line: &str) -> String {
    let mut out = line.to_owned();
    while let Some(end) = out.find(" UTC") {
        let Some(start) = end.checked_sub(18) else { break };
        out.replace_range(start..end + 4, "DATE-OF-22-CHARACTERS-");
    }
    out
}

/// How often pods were restarted is history: `1 (70s ago)` becomes `0`.
fn pods_restarted(line: &str) -> String {
    match (line.find(" ("), line.find("s ago)")) {
        (Some(open), Some(close))
            if open < close && line[open - 1..open].chars().all(|c| c.is_ascii_digit()) =>
        {
            format!("{}0{}", &line[..open - 1], &line[close + 6..])
        }
        _ => line.to_owned(),
    }
}

fn words(line: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if length == 0 {
            let other = rest.find(is_word).unwrap_or(rest.len());
            out.push_str(&rest[..other]);
            rest = &rest[other..];
        } else {
            out.push_str(&word(&rest[..length]));
            rest = &rest[length..];
        }
    }
    for ago in ["About a minute ago", "About an hour ago"] {
        out = out.replace(ago, "AGO");
    }
    for unit in ["seconds", "minutes", "hours"] {
        while let Some(at) = out.find(&format!(" {unit} ago")) {
            let number = out[..at].rfind(' ').map_or(0, |k| k + 1);
            out.replace_range(number..at + unit.len() + 5, "AGO");
        }
    }
    if let Some(at) = out.find("\"residualTime\": ") {
        let digits = |c: char| c.is_ascii_digit();
        out = format!("{}\"residualTime\": {}", &out[..at], out[at + 16..].replace(digits, ""));
    }
    out
}

fn word(word: &str) -> String {
    let all = |fits: fn(&u8) -> bool| word.bytes().all(|b| fits(&b));
    let is_time = word.len() >= 20 && word.as_bytes()[4] == b'-' && word.as_bytes()[10] == b'T';
    let is_age = {
        let units = word.bytes().filter(|b| b"smhdy".contains(b)).count();
        units > 0
            && word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_digit() || b"smhdy".contains(&b))
    };
    match word {
        _ if word.starts_with("sha256:") => word.to_owned(),
        _ if is_time && word.starts_with("0001-") => word.to_owned(),
        _ if is_time => "TIME".into(),
        _ if word.len() >= 12 && all(u8::is_ascii_hexdigit) => "ID".into(),
        _ if word.len() == 36 && all(|b| b.is_ascii_hexdigit() || *b == b'-') => "UID".into(),
        _ if word.starts_with("etcd-defrag-") && word.len() == 17 => "etcd-defrag-XXXXX".into(),
        _ if is_age => "AGE".into(),
        _ => word.to_owned(),
    }
}

#[test]
fn masks_hide_what_differs_and_nothing_else() {
    let line =
        "W1124 20:45:34.856392     923 configset.go:77] id 0123456789abc at 2026-11-24T20:45:57Z, 106s old\n";
    assert_eq!(text(line), "KLOG configset.go:77] id ID at TIME, AGE old\n");
    assert_eq!(text("apiserver   Nov 24, 2027 20:45 UTC   364d"), "apiserver   DATE-OF-22-CHARACTERS-   AGE");
    assert_eq!(text("\"residualTime\": -83,"), "\"residualTime\": -,");
    assert_eq!(text("x 1 (70s ago)  y 15 seconds ago z"), "x 0  y AGO z");
    assert_eq!(
        text("kubeadm v1.36.1 etcd 3.6.8-0 http_code=200"),
        "kubeadm v1.36.1 etcd 3.6.8-0 http_code=200"
    );
}
