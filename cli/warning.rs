//! Something that did not work beside what was asked for, which did.

use serde_json::json;

use crate::args::Format;
use crate::json::document;
use crate::terminal::{err, out};

/// What did not work, and what to do about it.
#[derive(Debug)]
pub(crate) struct Warning {
    /// Stable name for programs.
    pub(crate) code: &'static str,
    /// One line, lower-case, without a full stop.
    pub(crate) message: String,
    /// What the operator should do.
    pub(crate) hint: String,
}

impl Warning {
    /// Tells it: people on standard error, programs among the results.
    pub(crate) fn tell(&self, format: Format) {
        let Self { code, message, hint } = self;
        match format {
            Format::Human => err(&format!("warning: {message}\n  {hint}\n")),
            Format::Json => {
                out(&document("warning", json!({ "code": code, "message": message, "hints": [hint] })));
            }
        }
    }
}
