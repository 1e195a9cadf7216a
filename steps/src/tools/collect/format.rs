//! The frame the script prints, and its parser.
//!
//! ```text
//! collect 1
//! clock SECONDS.NANOSECONDS
//! keys asked|not-asked|no-openssl
//! text PATH CONTENT                 both in base64, a line for each file of configuration
//! paths LIST                        in base64, a path a line
//! survey 1 ...                      of these paths, as the survey prints it
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::host::Output;
use certwright_engine::text::Untrusted;

use super::{Collected, Keys};
use crate::tools::output::whole;
use crate::tools::{OutputError, survey};

const WHAT: &str = "the collect script";

fn shape(why: impl std::fmt::Display) -> OutputError {
    OutputError::shape(WHAT, why)
}

/// Parses the script's output; anything but the exact frame is refused.
pub fn parse(output: &Output) -> Result<Collected, OutputError> {
    let bytes = whole(WHAT, &output.stdout)?;
    let text = std::str::from_utf8(bytes).map_err(shape)?;
    let (own, rest) = text.split_once("\nsurvey 1\n").ok_or_else(|| shape("it has no survey"))?;
    let mut lines = own.lines();
    if lines.next() != Some("collect 1") {
        return Err(shape("its first line is missing"));
    }
    let mut collected = Collected {
        clock_ns: None,
        keys: Keys::NotAsked,
        texts: BTreeMap::new(),
        files: BTreeMap::new(),
        refused: BTreeMap::new(),
    };
    let mut paths = None;
    for line in lines {
        let understood = match line.split_once(' ') {
            Some(("clock", at)) => clock(at).map(|ns| collected.clock_ns = Some(ns)),
            Some(("keys", word)) => Keys::from_word(word).map(|keys| collected.keys = keys),
            Some(("text", rest)) => one_text(rest).map(|(path, content)| {
                collected.texts.insert(path, content);
            }),
            Some(("paths", list)) if paths.is_none() => path_list(list).map(|list| paths = Some(list)),
            Some(_) | None => None,
        };
        understood.ok_or_else(|| shape(format!("`{line}`")))?;
    }
    let paths = paths.ok_or_else(|| shape("it names no paths"))?;
    let stdout = Untrusted::new(format!("survey 1\n{rest}").into_bytes());
    let facts = survey::parse(&paths, &Output { stdout, ..Output::default() })?;
    collected.files = facts.into_iter().map(|facts| (facts.path.clone(), facts)).collect();
    Ok(collected)
}

/// `SECONDS.NANOSECONDS`; a `date` that knows no fractions prints `%N` or `N` for them.
fn clock(text: &str) -> Option<i128> {
    let (seconds, fraction) = text.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let ns = Some(fraction).filter(|f| f.len() == 9).and_then(|f| f.parse::<u32>().ok()).unwrap_or(0);
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(ns))
}

fn one_text(rest: &str) -> Option<(String, Vec<u8>)> {
    let (path, content) = rest.split_once(' ')?;
    Some((String::from_utf8(STANDARD.decode(path).ok()?).ok()?, STANDARD.decode(content).ok()?))
}

fn path_list(list: &str) -> Option<Vec<String>> {
    let text = String::from_utf8(STANDARD.decode(list).ok()?).ok()?;
    let paths: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    paths.iter().all(|path| path.starts_with('/')).then_some(paths)
}

/// Prints what was collected as the script does; [`parse`] reads it back equal.
pub fn render(collected: &Collected) -> String {
    let mut out = String::from("collect 1\n");
    if let Some(ns) = collected.clock_ns {
        let (seconds, ns) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
        let _infallible = writeln!(out, "clock {seconds}.{ns:09}");
    }
    let _infallible = writeln!(out, "keys {}", collected.keys.word());
    for (path, content) in &collected.texts {
        let _infallible = writeln!(out, "text {} {}", STANDARD.encode(path), STANDARD.encode(content));
    }
    let paths: String = collected.files.keys().flat_map(|path| [path, "\n"]).collect();
    let _infallible = writeln!(out, "paths {}", STANDARD.encode(paths));
    let facts: Vec<_> = collected.files.values().cloned().collect();
    out + &survey::render(&facts)
}
