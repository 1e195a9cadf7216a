//! Whether a kubeconfig may take the place of the workstation's, and in which order they are tried.
//!
//! Invariant: what may take its place leads to the same API server through the same CAs, its certificate is valid now and
//! ends later, and its key is its own.

use std::collections::BTreeSet;

use super::{Difference, Held, Source, Unfit};
use crate::pki::Digest;

/// How much later than the present one a certificate must end to be worth replacing one that works, s.
///
/// The secret's controller and kubeadm issue within minutes of each other; those two are as good as each other.
const MUCH: i64 = 86_400;

/// What is measured against.
#[derive(Debug, Clone)]
pub enum Reference<'a> {
    /// The present file.
    Present(&'a Held),
    /// Where it has no certificate to compare with: where it leads, if that is known, and the CAs that it trusts, else
    /// those of the nodes.
    Place {
        /// The server, in one spelling.
        server: Option<String>,
        /// Public keys of the CAs.
        authorities: BTreeSet<Digest>,
    },
}

/// That a kubeconfig may take the place of the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// How much later it ends, seconds; [`i64::MAX`] where there is no present certificate.
    pub by_s: i64,
    /// The subject of its certificate, where that is another than the present one's.
    pub as_subject: Option<String>,
}

/// What is said of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Where it stands.
    pub source: Source,
    /// Whether it may be taken.
    pub verdict: Result<Newer, Unfit>,
}

impl Held {
    /// Whether it may take the place of the present file at `now`, seconds since 1970.
    pub fn replaces(&self, present: &Reference<'_>, now: i64) -> Result<Newer, Unfit> {
        self.valid(now)?;
        match present {
            Reference::Place { server, authorities } => {
                if let Some(expected) = server.as_ref().filter(|server| **server != self.server) {
                    return Err(self.elsewhere(expected));
                }
                if self.trusts() != *authorities {
                    return Err(Unfit::Authorities);
                }
                Ok(Newer { by_s: i64::MAX, as_subject: None })
            }
            Reference::Present(present) => match self.difference(present) {
                Difference::Server => Err(self.elsewhere(&present.server)),
                Difference::Authorities => Err(Unfit::Authorities),
                Difference::Certificate { later_s } if later_s > 0 => {
                    let own = &self.certificate.subject;
                    let as_subject = (*own != present.certificate.subject).then(|| own.clone());
                    Ok(Newer { by_s: later_s, as_subject })
                }
                Difference::Nothing | Difference::Certificate { .. } => Err(Unfit::NotNewer),
            },
        }
    }

    fn elsewhere(&self, expected: &str) -> Unfit {
        Unfit::Server { found: self.server.clone(), expected: expected.to_owned() }
    }
}

impl Judged {
    /// Judges what a source holds.
    pub fn new(source: Source, held: Result<&Held, Unfit>, present: &Reference<'_>, now: i64) -> Self {
        let verdict = match &source {
            Source::SuperAdminConf { .. } => Err(Unfit::Reserved),
            Source::Secret { .. } | Source::AdminConf { .. } => {
                held.and_then(|held| held.replaces(present, now))
            }
        };
        Self { source, verdict }
    }

    /// True when it is worth replacing a file that works.
    pub fn is_much_newer(&self) -> bool {
        self.verdict.as_ref().is_ok_and(|newer| newer.by_s > MUCH)
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        match &self.verdict {
            Ok(Newer { as_subject: Some(subject), .. }) => {
                format!("{} is newer (for {subject})", self.source)
            }
            Ok(Newer { as_subject: None, .. }) => format!("{} is newer", self.source),
            Err(unfit) => format!("{} {unfit}", self.source),
        }
    }
}

/// All of them in a line, in the order in which they are tried.
pub fn order<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> String {
    judged.into_iter().map(Judged::describe).collect::<Vec<_>>().join("; ")
}
