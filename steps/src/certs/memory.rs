//! What is remembered of a node between two looks of a watch.
//!
//! It is asked for everything each time, and nearly always says the same again: then its certificates and kubeconfigs are
//! not read again. Invariant: a report is remembered only where one answer told all of it, and only that very answer, but
//! for the node's clock, brings it back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::node::Report;
use crate::pki::Digest;
use crate::tools::collect::First;

/// Of one node, for looks that ask the same.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<(Digest, Report)>>);

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Option<(Digest, Report)>> {
        // It is replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The report of the last look that was answered so.
    pub(super) fn recall(&self, said: &First) -> Option<Report> {
        let said = said.digest()?;
        self.kept().as_ref().filter(|(digest, _)| *digest == said).map(|(_, report)| report.clone())
    }

    /// Remembers the report that was made of an answer.
    pub(super) fn keep(&self, said: Option<Digest>, report: &Report) {
        *self.kept() = said.map(|digest| (digest, report.clone()));
    }
}
