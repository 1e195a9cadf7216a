//! The frame the script prints, and its parser.
//!
//! ```text
//! survey 1
//! path NUMBER missing
//! path NUMBER file|folder|other MODE UID GID SIZE SECONDS.NANOSECONDS SHA256|-
//! link BASE64                       the symlink's target
//! pem BLOCKS                        CERTIFICATE blocks, possibly none; `.` ends a line of them
//! kubeconfig BASE64|opaque          redacted YAML
//! key SHA256|unreadable             a line for each client-key-data of a kubeconfig
//! end COUNT
//! ```

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::host::Output;

use super::{FileFacts, FileKind, KeyFacts, KubeconfigText, cut, shape};
use crate::pki::Digest;
use crate::tools::OutputError;
use crate::tools::output::whole;

const NS: i128 = 1_000_000_000;

/// Parses the script's output for these paths; anything but the exact frame is refused.
pub fn parse(paths: &[String], output: &Output) -> Result<Vec<FileFacts>, OutputError> {
    let bytes = whole(super::WHAT, &output.stdout)?;
    let text = std::str::from_utf8(bytes).map_err(shape)?;
    let body = text
        .strip_prefix("survey 1\n")
        .and_then(|rest| rest.strip_suffix(&format!("end {}\n", paths.len())))
        .ok_or_else(|| shape("its first or its last line is missing"))?;
    let mut all: Vec<Record> = Vec::new();
    for line in body.lines() {
        let understood = match line.strip_prefix("path ") {
            Some(rest) => {
                paths.get(all.len()).and_then(|path| head(path, all.len(), rest)).map(|r| all.push(r))
            }
            None => all.last_mut().and_then(|record| tail(record, line)),
        };
        understood.ok_or_else(|| shape(format!("`{line}`")))?;
    }
    if all.len() != paths.len() {
        return Err(shape(format!("{} records for {} paths", all.len(), paths.len())));
    }
    Ok(all.into_iter().map(Record::finish).collect())
}

/// A record while it is read: the keys of a kubeconfig come as a list.
struct Record {
    facts: FileFacts,
    keys: Vec<KeyFacts>,
}

impl Record {
    fn finish(mut self) -> FileFacts {
        let key = self.facts.key_position().and_then(|at| self.keys.get(at));
        self.facts.key = key.copied().unwrap_or(KeyFacts::Absent);
        self.facts
    }
}

fn head(path: &str, number: usize, rest: &str) -> Option<Record> {
    let mut facts = FileFacts::missing(path);
    let mut words = rest.split(' ');
    let mut next = || words.next();
    if next()?.parse() != Ok(number) {
        return None;
    }
    facts.kind = match next()? {
        "missing" => FileKind::Missing,
        "file" => FileKind::File,
        "folder" => FileKind::Folder,
        "other" => FileKind::Other,
        _ => return None,
    };
    if facts.exists() {
        facts.mode = u32::from_str_radix(next()?, 8).ok().filter(|mode| *mode <= 0o7777)?;
        facts.uid = next()?.parse().ok()?;
        facts.gid = next()?.parse().ok()?;
        facts.size = next()?.parse().ok()?;
        let (seconds, fraction) = next()?.split_once('.')?;
        facts.mtime_ns = nanoseconds(seconds, fraction)?;
        facts.sha256 = match next()? {
            "-" => None,
            hex => Some(Digest::from_hex(hex)?),
        };
    }
    next().is_none().then_some(Record { facts, keys: Vec::new() })
}

fn nanoseconds(seconds: &str, fraction: &str) -> Option<i128> {
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ns: i128 = format!("{fraction:0<9}").parse().ok()?;
    Some(i128::from(seconds.parse::<i64>().ok()?) * NS + ns)
}

fn tail(record: &mut Record, line: &str) -> Option<()> {
    let decode = |word: &str| STANDARD.decode(word).ok();
    let facts = &mut record.facts;
    match line.split_once(' ')? {
        ("link", target) if facts.link.is_none() => facts.link = Some(decode(target)?),
        ("pem", blocks) if facts.certificates.is_empty() => facts.certificates = lines(blocks)?,
        ("kubeconfig", "opaque") if facts.kubeconfig.is_none() => {
            facts.kubeconfig = Some(KubeconfigText::Opaque);
        }
        ("kubeconfig", text) if facts.kubeconfig.is_none() => {
            facts.kubeconfig = Some(KubeconfigText::Redacted(decode(text)?));
        }
        ("key", "unreadable") => record.keys.push(KeyFacts::Unreadable),
        ("key", hex) => record.keys.push(KeyFacts::Public(Digest::from_hex(hex)?)),
        _ => return None,
    }
    Some(())
}

/// The lines of certificates that came as one; None for anything but whole certificates.
fn lines(blocks: &str) -> Option<Vec<u8>> {
    let text = blocks.replace('.', "\n").into_bytes();
    (cut::certificates(&text) == text).then_some(text)
}

/// Prints facts as the script does; [`parse`] reads them back equal.
pub fn render(facts: &[FileFacts]) -> String {
    let mut out = String::from("survey 1\n");
    for (number, facts) in facts.iter().enumerate() {
        record(&mut out, number, facts).expect("writing to a String");
    }
    writeln!(out, "end {}", facts.len()).expect("writing to a String");
    out
}

fn record(out: &mut String, number: usize, facts: &FileFacts) -> std::fmt::Result {
    let kind = match facts.kind {
        FileKind::Missing => "missing",
        FileKind::File => "file",
        FileKind::Folder => "folder",
        FileKind::Other => "other",
    };
    write!(out, "path {number} {kind}")?;
    if facts.exists() {
        let (seconds, ns) = (facts.mtime_ns.div_euclid(NS), facts.mtime_ns.rem_euclid(NS));
        let FileFacts { mode, uid, gid, size, .. } = facts;
        write!(out, " {mode:o} {uid} {gid} {size} {seconds}.{ns:09} ")?;
        match facts.sha256 {
            Some(digest) => write!(out, "{digest}")?,
            None => out.push('-'),
        }
    }
    out.push('\n');
    if let Some(target) = &facts.link {
        writeln!(out, "link {}", STANDARD.encode(target))?;
    }
    if !facts.certificates.is_empty() {
        writeln!(out, "pem {}", String::from_utf8_lossy(&facts.certificates).replace('\n', "."))?;
    }
    match &facts.kubeconfig {
        None => {}
        Some(KubeconfigText::Opaque) => out.push_str("kubeconfig opaque\n"),
        Some(KubeconfigText::Redacted(text)) => writeln!(out, "kubeconfig {}", STANDARD.encode(text))?,
    }
    // Users before the current one have keys that these facts do not speak of.
    let others = if facts.key == KeyFacts::Absent { 0 } else { facts.key_position().unwrap_or(0) };
    out.push_str(&"key unreadable\n".repeat(others));
    match facts.key {
        KeyFacts::Absent => {}
        KeyFacts::Unreadable => out.push_str("key unreadable\n"),
        KeyFacts::Public(digest) => writeln!(out, "key {digest}")?,
    }
    Ok(())
}
