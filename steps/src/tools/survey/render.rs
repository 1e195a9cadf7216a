//! Prints facts as the script does, for labs that answer natively; [`super::parse`] reads them back equal.

use std::fmt::Write as _;

use super::format::{Frame, Record};
use super::{FileFacts, FileKind, KeyFacts, KubeconfigText};

const NS: i128 = 1_000_000_000;

/// The frame of these facts, all of them asked for.
pub fn render(facts: &[FileFacts]) -> Vec<u8> {
    let record = |facts: &FileFacts| Record { facts: facts.clone(), text: None, is_found: false };
    render_frame(&Frame { records: facts.iter().map(record).collect(), ..Frame::default() })
}

/// A frame.
pub(in crate::tools) fn render_frame(frame: &Frame) -> Vec<u8> {
    let mut out = b"survey 2\n".to_vec();
    if frame.no_openssl {
        line(&mut out, "no-openssl", b"");
    }
    for (number, record) in frame.records.iter().enumerate().filter(|(_, record)| record.is_found) {
        line(&mut out, &format!("found {number} "), record.facts.path.as_bytes());
    }
    for path in &frame.named {
        line(&mut out, "named ", path.as_bytes());
    }
    for path in &frame.odd {
        line(&mut out, "odd ", path.as_bytes());
    }
    if let Some(ns) = frame.clock_ns {
        line(&mut out, &format!("clock {}", time(ns)), b"");
    }
    for (number, record) in frame.records.iter().enumerate() {
        one(&mut out, number, record);
    }
    for (number, record) in frame.records.iter().enumerate() {
        keys(&mut out, number, &record.facts);
    }
    line(&mut out, &format!("end {}", frame.records.len()), b"");
    out
}

fn line(out: &mut Vec<u8>, before: &str, rest: &[u8]) {
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(rest);
    out.push(b'\n');
}

fn time(ns: i128) -> String {
    format!("{}.{:09}", ns.div_euclid(NS), ns.rem_euclid(NS))
}

fn one(out: &mut Vec<u8>, number: usize, record: &Record) {
    let facts = &record.facts;
    let kind = match facts.kind {
        FileKind::Missing => "missing",
        FileKind::File => "file",
        FileKind::Folder => "folder",
        FileKind::Other => "other",
    };
    let mut head = format!("path {number} {kind}");
    if facts.exists() {
        let FileFacts { mode, uid, gid, size, .. } = facts;
        let sum = facts.sha256.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        let written = write!(head, " {mode:o} {uid} {gid} {size} {} {sum}", time(facts.mtime_ns));
        written.expect("writing to a String");
    }
    line(out, &head, b"");
    if !facts.certificates.is_empty() {
        line(out, "pem ", String::from_utf8_lossy(&facts.certificates).replace('\n', ".").as_bytes());
    }
    match &facts.kubeconfig {
        None => {}
        Some(KubeconfigText::Opaque) => line(out, "kubeconfig opaque", b""),
        Some(KubeconfigText::Redacted(text)) => {
            line(out, "kubeconfig text", b"");
            lines(out, text);
        }
    }
    if let Some(text) = &record.text {
        line(out, "text", b"");
        lines(out, text);
    }
}

fn lines(out: &mut Vec<u8>, text: &[u8]) {
    for one in text.split_inclusive(|byte| *byte == b'\n') {
        line(out, "|", one.strip_suffix(b"\n").unwrap_or(one));
    }
}

fn keys(out: &mut Vec<u8>, number: usize, facts: &FileFacts) {
    // Users before the current one have keys that these facts do not speak of.
    let others = if facts.key == KeyFacts::Absent { 0 } else { facts.key_position().unwrap_or(0) };
    for _other in 0..others {
        line(out, &format!("key {number}"), b"");
    }
    match facts.key {
        KeyFacts::Absent => {}
        KeyFacts::Unreadable => line(out, &format!("key {number}"), b""),
        KeyFacts::Public(digest) => line(out, &format!("key {number} {digest}"), b""),
    }
}
