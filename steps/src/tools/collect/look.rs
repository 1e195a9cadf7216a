//! What one look tells, and how it is told: the frame of the survey, some of its paths files of configuration.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::host::Output;

use super::request::Request;
use crate::tools::survey::{self, FileFacts, FileKind, Frame, Record};
use crate::tools::{OutputError, kubelet};

/// An answer to one [`Request`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// The node's clock, ns since 1970; None for a tree in a folder.
    pub clock_ns: Option<i128>,
    /// The node could not be asked for keys.
    pub no_openssl: bool,
    /// The files of configuration that are there, by path.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// What was looked at, by path.
    pub files: BTreeMap<String, FileFacts>,
    /// The files that are in the folders.
    pub names: BTreeSet<String>,
    /// Files in the folders that cannot be looked at for their names, told on one line each.
    pub odd: BTreeSet<String>,
    /// Why a file's content, the names in a folder or the key beside a certificate are not known; only of a tree in a folder.
    pub refused: BTreeMap<String, String>,
}

/// Parses the script's output.
pub fn parse(request: &Request, output: &Output) -> Result<Look, OutputError> {
    let frame = survey::frame(&request.asked(), output)?;
    let mut look = Look { clock_ns: frame.clock_ns, no_openssl: frame.no_openssl, ..Look::default() };
    for (at, Record { facts, text, is_found }) in frame.records.into_iter().enumerate() {
        let is_text = if is_found { kubelet::is_unit(&facts.path) } else { at < request.texts.len() };
        if is_text {
            look.texts.extend(text.map(|text| (facts.path, text)));
            continue;
        }
        if is_found {
            look.names.insert(facts.path.clone());
        }
        look.files.insert(facts.path.clone(), facts);
    }
    look.names.extend(frame.named);
    look.odd.extend(frame.odd);
    Ok(look)
}

/// Prints a look as the script does; [`parse`] reads it back equal.
pub fn render(request: &Request, look: &Look) -> Vec<u8> {
    let text = |path: &String, is_found| {
        let text = look.texts.get(path).cloned();
        let mut facts = FileFacts::missing(path.clone());
        if text.is_some() {
            facts.kind = FileKind::File;
        }
        Record { facts, text, is_found }
    };
    let file = |facts: &FileFacts, is_found| Record { facts: facts.clone(), text: None, is_found };
    let mut records: Vec<Record> = request.texts.iter().map(|path| text(path, false)).collect();
    records.extend(request.files.iter().map(|path| match look.files.get(path) {
        Some(facts) => file(facts, false),
        None => file(&FileFacts::missing(path.clone()), false),
    }));
    let units = look.texts.keys().filter(|path| !request.texts.contains(path));
    records.extend(units.map(|path| text(path, true)));
    let found = look.files.values().filter(|facts| !request.files.contains(&facts.path));
    records.extend(found.map(|facts| file(facts, true)));
    let named = look.names.iter().filter(|path| !look.files.contains_key(*path)).cloned().collect();
    let odd = look.odd.iter().cloned().collect();
    survey::render_frame(&Frame { clock_ns: look.clock_ns, no_openssl: look.no_openssl, records, named, odd })
}
