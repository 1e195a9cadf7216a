//! Patterns that stand for several hosts: `cp-[1:3]`, `cp-[01:10]`, `cp-[a:c]`, `cp-[0:8:2]`.

use certwright_engine::plan::limits::HOST_CHARS;

use super::super::quoted;

/// Hosts that one pattern stands for, at most.
const MOST: usize = 1000;
/// Ranges in one pattern, at most.
const RANGES: usize = 8;

/// The hosts that a pattern stands for, the first range counting fastest.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let bad = || format!("`{}` is no range of hosts; one is written cp-[1:3]", quoted(pattern));
    let too_many = || format!("`{}` stands for more than {MOST} hosts", quoted(pattern));
    let (mut parts, mut rest) = (Vec::new(), pattern);
    while let Some((before, after)) = rest.split_once('[') {
        let (range, after) = after.split_once(']').ok_or_else(bad)?;
        let values = values(range).ok_or_else(bad)?;
        if values.len() > MOST || parts.len() == RANGES || before.len() > HOST_CHARS {
            return Err(too_many());
        }
        parts.push((before, values));
        rest = after;
    }
    let mut all = vec![rest.to_owned()];
    for (before, values) in parts.iter().rev() {
        if all.len() * values.len() > MOST {
            return Err(too_many());
        }
        let each =
            |tail: &String| values.iter().map(|value| format!("{before}{value}{tail}")).collect::<Vec<_>>();
        all = all.iter().flat_map(each).collect();
    }
    Ok(all)
}

/// The values of a range, one more than may be at most.
fn values(range: &str) -> Option<Vec<String>> {
    let (first, last, step) = match range.split(':').collect::<Vec<_>>()[..] {
        [first, last] => (first, last, 1),
        [first, last, step] => (first, last, step.parse::<usize>().ok().filter(|step| *step > 0)?),
        _ => return None,
    };
    let values: Vec<String> = if let (Ok(low), Ok(high)) = (first.parse::<u32>(), last.parse::<u32>()) {
        let width = if first.starts_with('0') { first.len() } else { 0 };
        if width > HOST_CHARS {
            return None;
        }
        (low..=high).step_by(step).take(MOST + 1).map(|n| format!("{n:0width$}")).collect()
    } else {
        let letter = |text: &str| match text.as_bytes() {
            [one] if one.is_ascii_alphabetic() => Some(*one),
            _ => None,
        };
        let (low, high) = letter(first).zip(letter(last))?;
        (low..=high).step_by(step).map(|byte| char::from(byte).to_string()).collect()
    };
    (!values.is_empty()).then_some(values)
}
