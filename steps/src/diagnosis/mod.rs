//! What known texts mean: evidence in, causes and cures out.
//!
//! Evidence is what programs and components wrote (log lines, last words of commands); each line that a [`SIGNATURES`]
//! entry knows becomes a [`Diagnosis`]. Invariant: pure, and a text that nothing is wrong with means nothing. Where one
//! text has two meanings (`has expired or is not yet valid`) the dates in it decide. Deliberately absent: hosts,
//! asking, and any text of our own making as evidence.

mod clue;

mod signature;

mod files;

mod servers;

mod trust;

#[cfg(test)]
mod tests;

use certwright_engine::text::escape;

pub(crate) use clue::instant;
pub use clue::{Source, Text};
pub use signature::{Grade, Signature};
pub use trust::RENEW;

use crate::tools::output::cut;
use clue::Clue;

/// Characters of a line that are kept as evidence.
const LINE_MAX: usize = 300;

/// Every known text: the specific ones before the general ones, since the first that knows a line has it.
pub static SIGNATURES: &[&[Signature]] =
    &[files::DISK, trust::KUBELET, trust::DATES, trust::OTHERS, servers::ALL, files::KUBEADM];

/// What was found in the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The signature's stable name.
    pub id: &'static str,
    /// How bad it is.
    pub grade: Grade,
    /// The host whose text it was.
    pub host: String,
    /// What is wrong, in one line that names the object; escaped.
    pub cause: String,
    /// Who wrote it, for people: `log of etcd`, `kubectl`.
    pub source: String,
    /// The last line that shows it, escaped and cut.
    pub line: String,
    /// How many lines show it.
    pub count: usize,
    /// What mends it: commands, or a sentence where none does; a line each.
    pub cure: Vec<String>,
}

/// Reads all evidence; `now` in seconds since 1970. The worst comes first, equals in the order of [`SIGNATURES`].
pub fn read(texts: &[Text<'_>], now: i64) -> Vec<Diagnosis> {
    let mut found: Vec<(usize, Diagnosis)> = Vec::new();
    for text in texts {
        let mut in_this: Vec<(usize, Diagnosis)> = Vec::new();
        for line in text.text.lines() {
            let clue = Clue::new(text, line, now);
            in_this.retain(|(at, _)| !signature_at(*at).is_over(&clue));
            let Some((at, signature, cause)) = known(&clue) else { continue };
            note(&mut in_this, at, signature, &clue, &cause);
        }
        for (at, diagnosis) in in_this {
            add(&mut found, at, diagnosis);
        }
    }
    found.sort_by_key(|(at, diagnosis)| (diagnosis.grade, *at));
    found.into_iter().map(|(_, diagnosis)| diagnosis).collect()
}

/// The first signature that knows a line, its place and the cause.
fn known(clue: &Clue<'_>) -> Option<(usize, &'static Signature, String)> {
    let all = SIGNATURES.iter().flat_map(|group| group.iter()).enumerate();
    all.filter(|(_, signature)| signature.fits(clue))
        .find_map(|(at, signature)| Some((at, signature, (signature.cause)(clue)?)))
}

fn signature_at(at: usize) -> &'static Signature {
    SIGNATURES.iter().flat_map(|group| group.iter()).nth(at).expect("a place that was counted")
}

fn note(found: &mut Vec<(usize, Diagnosis)>, at: usize, signature: &Signature, clue: &Clue<'_>, cause: &str) {
    let diagnosis = Diagnosis {
        id: signature.id,
        grade: signature.grade,
        host: clue.host().to_owned(),
        cause: escape(cause),
        source: clue.source(),
        line: cut(escape(clue.line).trim(), LINE_MAX),
        count: 1,
        cure: (signature.cure)(clue),
    };
    add(found, at, diagnosis);
}

/// One cause is told once, with its last line.
fn add(found: &mut Vec<(usize, Diagnosis)>, at: usize, new: Diagnosis) {
    let same = |(_, old): &&mut (usize, Diagnosis)| {
        old.id == new.id && old.host == new.host && old.cause == new.cause
    };
    match found.iter_mut().find(same) {
        Some((_, old)) => {
            let count = old.count + new.count;
            *old = Diagnosis { count, ..new };
        }
        None => found.push((at, new)),
    }
}
