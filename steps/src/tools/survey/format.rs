//! The frame that the script prints, and its parser: [`super::render`] prints the same.
//!
//! ```text
//! survey 2
//! no-openssl                        keys were asked for where that is possible, and it is not
//! found NUMBER PATH                 a path that the script found itself: the others are those asked for, in order
//! named PATH                        one that it found, and did not look at: there are too many
//! odd PATH                          one that it found, and that no line can hold: `\n` stands for each line end
//! clock SECONDS.NANOSECONDS         the time on the node
//! path NUMBER missing
//! path NUMBER file|folder|other MODE UID GID SIZE SECONDS.NANOSECONDS SHA256|-
//! pem BLOCKS                        CERTIFICATE blocks, possibly none; `.` ends a line of them
//! kubeconfig opaque|text            redacted YAML
//! text                              a file of configuration
//! |LINE                             of the text or kubeconfig before
//! key NUMBER [SHA256]               a private key; a line for each client-key-data of a kubeconfig
//! -----BEGIN PUBLIC KEY-----        ... the public half of the key before, in PEM, where it can be read
//! end COUNT
//! ```
//!
//! What is asked of which path stands in the order of the frame; anything but the exact frame is refused.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::host::Output;

use super::{FileFacts, FileKind, KeyFacts, KubeconfigText, cut, shape};
use crate::pki::Digest;
use crate::tools::OutputError;
use crate::tools::output::whole;

const NS: i128 = 1_000_000_000;
const BEGIN: &[u8] = b"-----BEGIN PUBLIC KEY-----";
const END: &[u8] = b"-----END PUBLIC KEY-----";

/// What one frame tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::tools) struct Frame {
    /// The node's clock, ns since 1970.
    pub(in crate::tools) clock_ns: Option<i128>,
    /// The node could not be asked for keys.
    pub(in crate::tools) no_openssl: bool,
    /// What was looked at.
    pub(in crate::tools) records: Vec<Record>,
    /// Paths that were found and not looked at.
    pub(in crate::tools) named: Vec<String>,
    /// Paths that were found and cannot be looked at, as [`odd`] writes them.
    pub(in crate::tools) odd: Vec<String>,
}

/// How a path is told that no line can hold, or that is no UTF-8.
pub(in crate::tools) fn odd(path: &[u8]) -> String {
    String::from_utf8_lossy(path).replace('\n', "\\n")
}

/// The line of a frame that is another one each time, the node's clock: where it is, and what it says, ns since 1970. No line
/// of a file begins like it.
pub(in crate::tools) fn clock(frame: &[u8]) -> Option<(Range<usize>, i128)> {
    let mut at = 0;
    for line in frame.split_inclusive(|byte| *byte == b'\n') {
        let place = at..at + line.len();
        if let Some(rest) = line.strip_prefix(b"clock ") {
            return Some((place, time(words(rest.trim_ascii_end())?)?));
        }
        at = place.end;
    }
    None
}

/// One path of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tools) struct Record {
    /// What is known of it.
    pub(in crate::tools) facts: FileFacts,
    /// The lines of a file of configuration, each with its end.
    pub(in crate::tools) text: Option<Vec<u8>>,
    /// The script found it; false: it was asked for.
    pub(in crate::tools) is_found: bool,
}

/// Parses the script's output for these paths: one entry a path, in the same order.
pub fn parse(paths: &[String], output: &Output) -> Result<Vec<FileFacts>, OutputError> {
    let frame = frame(paths, output)?;
    if frame.no_openssl
        || !frame.named.is_empty()
        || !frame.odd.is_empty()
        || frame.records.iter().any(|record| record.is_found)
    {
        return Err(shape("it tells more than was asked"));
    }
    Ok(frame.records.into_iter().map(|record| record.facts).collect())
}

/// Parses the script's output, where these paths were asked for; a path that it found and that is no UTF-8 is odd.
pub(in crate::tools) fn frame(asked: &[String], output: &Output) -> Result<Frame, OutputError> {
    let bytes = whole(super::WHAT, &output.stdout)?;
    let lines = bytes.strip_suffix(b"\n").ok_or_else(|| shape("its last line is cut"))?;
    let mut lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    if lines.first() != Some(&&b"survey 2"[..]) {
        return Err(shape("its first line is missing"));
    }
    let last = lines.pop().and_then(|line| words(line)?.strip_prefix("end ")?.parse::<usize>().ok());
    let count = last.ok_or_else(|| shape("its last line is missing"))?;
    let mut read = Reader::default();
    for line in &lines[1..] {
        let understood = read.line(line);
        understood.ok_or_else(|| shape(format!("`{}`", String::from_utf8_lossy(line))))?;
    }
    read.finish(count, asked)
}

/// The frame while it is read; what belongs together is told by its number.
#[derive(Default)]
struct Reader {
    clock_ns: Option<i128>,
    no_openssl: bool,
    named: Vec<String>,
    odd: Vec<String>,
    /// None: its name is no UTF-8.
    found: BTreeMap<usize, Option<String>>,
    records: BTreeMap<usize, Partial>,
    /// The public half that is being read, in base64.
    pem: Vec<u8>,
    /// What the next lines belong to.
    open: Open,
}

struct Partial {
    facts: FileFacts,
    text: Option<Vec<u8>>,
    keys: Vec<KeyFacts>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Head,
    Path(usize),
    Text(usize),
    Kubeconfig(usize),
    Key(usize),
    /// Within the public half of a key.
    Pem(usize),
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Option<()> {
        if let Some(text) = line.strip_prefix(b"|") {
            return self.text_line(text);
        }
        if let Open::Pem(number) = self.open {
            return self.pem_line(number, line);
        }
        if let (Open::Key(number), BEGIN) = (self.open, line) {
            self.open = Open::Pem(number);
            self.pem.clear();
            return Some(());
        }
        let (word, rest) = match line.iter().position(|byte| *byte == b' ') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        match word {
            b"no-openssl" if rest.is_empty() => self.no_openssl = true,
            b"clock" if self.clock_ns.is_none() => self.clock_ns = Some(time(words(rest)?)?),
            b"found" => {
                let (number, path) = numbered(rest)?;
                path.starts_with(b"/").then_some(())?;
                let path = String::from_utf8(path.to_vec())
                    .map_err(|error| self.odd.push(odd(error.as_bytes())))
                    .ok();
                self.found.insert(number, path).is_none().then_some(())?;
            }
            b"named" if rest.starts_with(b"/") => self.named.extend(words(rest).map(str::to_owned)),
            b"odd" if rest.starts_with(b"/") => self.odd.push(odd(rest)),
            b"path" => {
                let (number, facts) = head(words(rest)?)?;
                let partial = Partial { facts, text: None, keys: Vec::new() };
                self.records.insert(number, partial).is_none().then_some(())?;
                self.open = Open::Path(number);
            }
            b"key" => self.key(words(rest)?)?,
            b"pem" | b"kubeconfig" | b"text" => self.content(word, words(rest)?)?,
            _ => return None,
        }
        Some(())
    }

    /// What is in the file whose record was the last line.
    fn content(&mut self, word: &[u8], rest: &str) -> Option<()> {
        let Open::Path(number) = self.open else { return None };
        let record = self.records.get_mut(&number)?;
        if record.facts.kind != FileKind::File {
            return None;
        }
        self.open = match (word, rest) {
            (b"pem", blocks) => {
                record.facts.certificates = pem_lines(blocks)?;
                Open::Head
            }
            (b"kubeconfig", "opaque") => {
                record.facts.kubeconfig = Some(KubeconfigText::Opaque);
                Open::Head
            }
            (b"kubeconfig", "text") => {
                record.facts.kubeconfig = Some(KubeconfigText::Redacted(Vec::new()));
                Open::Kubeconfig(number)
            }
            (b"text", "") => {
                record.text = Some(Vec::new());
                Open::Text(number)
            }
            (_, _) => return None,
        };
        Some(())
    }

    fn text_line(&mut self, line: &[u8]) -> Option<()> {
        let into = match self.open {
            Open::Text(number) => self.records.get_mut(&number)?.text.as_mut()?,
            Open::Kubeconfig(number) => match &mut self.records.get_mut(&number)?.facts.kubeconfig {
                Some(KubeconfigText::Redacted(text)) => text,
                Some(KubeconfigText::Opaque) | None => return None,
            },
            Open::Head | Open::Path(_) | Open::Key(_) | Open::Pem(_) => return None,
        };
        into.extend_from_slice(line);
        into.push(b'\n');
        Some(())
    }

    fn key(&mut self, rest: &str) -> Option<()> {
        let (number, key) = match rest.split_once(' ') {
            Some((number, hex)) => (number, KeyFacts::Public(Digest::from_hex(hex)?)),
            None => (rest, KeyFacts::Unreadable),
        };
        let number = number.parse().ok()?;
        self.records.get_mut(&number)?.keys.push(key);
        self.open = if key == KeyFacts::Unreadable { Open::Key(number) } else { Open::Head };
        Some(())
    }

    /// A line of the public half of a key.
    fn pem_line(&mut self, number: usize, line: &[u8]) -> Option<()> {
        if line == END {
            let der = STANDARD.decode(&self.pem).ok()?;
            *self.records.get_mut(&number)?.keys.last_mut()? = KeyFacts::Public(Digest::of(&der));
            self.open = Open::Head;
        } else {
            self.pem.extend_from_slice(line);
        }
        Some(())
    }

    fn finish(mut self, count: usize, asked: &[String]) -> Result<Frame, OutputError> {
        if matches!(self.open, Open::Pem(_)) || self.records.len() != count {
            return Err(shape(format!("{} records of {count}", self.records.len())));
        }
        let mut asked = asked.iter();
        let mut records = Vec::with_capacity(count);
        for number in 0..count {
            let partial = self.records.remove(&number).ok_or_else(|| shape(format!("no record {number}")))?;
            let found = self.found.remove(&number);
            let is_found = found.is_some();
            let path = match found {
                Some(Some(path)) => path,
                Some(None) => continue,
                None => {
                    asked.next().ok_or_else(|| shape(format!("record {number} was not asked for")))?.clone()
                }
            };
            let facts = FileFacts { path, ..partial.facts };
            // Reading a kubeconfig takes its time, and few are asked for their keys.
            let position = if partial.keys.is_empty() { None } else { facts.key_position() };
            let key = position.and_then(|at| partial.keys.get(at)).copied();
            let facts = FileFacts { key: key.unwrap_or(KeyFacts::Absent), ..facts };
            records.push(Record { facts, text: partial.text, is_found });
        }
        if asked.next().is_some() || !self.found.is_empty() {
            return Err(shape("a path has no record"));
        }
        let Self { clock_ns, no_openssl, named, odd, .. } = self;
        Ok(Frame { clock_ns, no_openssl, records, named, odd })
    }
}

fn words(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(line).ok()
}

/// `NUMBER REST`.
fn numbered(rest: &[u8]) -> Option<(usize, &[u8])> {
    let at = rest.iter().position(|byte| *byte == b' ')?;
    Some((words(&rest[..at])?.parse().ok()?, &rest[at + 1..]))
}

fn head(rest: &str) -> Option<(usize, FileFacts)> {
    let mut facts = FileFacts::missing("");
    let mut words = rest.split(' ');
    let mut next = || words.next();
    let number = next()?.parse().ok()?;
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
        facts.mtime_ns = time(next()?)?;
        facts.sha256 = match next()? {
            "-" => None,
            hex => Some(Digest::from_hex(hex)?),
        };
    }
    next().is_none().then_some((number, facts))
}

/// `SECONDS.NANOSECONDS`, with as many places as the node's stat knows.
fn time(text: &str) -> Option<i128> {
    let (seconds, fraction) = text.split_once('.')?;
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ns: i128 = format!("{fraction:0<9}").parse().ok()?;
    Some(i128::from(seconds.parse::<i64>().ok()?) * NS + ns)
}

/// The lines of certificates that came as one; None for anything but whole certificates.
fn pem_lines(blocks: &str) -> Option<Vec<u8>> {
    let text = blocks.replace('.', "\n").into_bytes();
    (cut::certificates(&text) == text).then_some(text)
}
