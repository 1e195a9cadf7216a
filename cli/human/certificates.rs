//! The table of every certificate: when it ended before, and when it ends now.

use super::table::{Cell, table};
use crate::terminal::{Paint, Tone};
use crate::view::Change;
use crate::when;

/// Every certificate, before and after, as of `now_ms`.
pub(crate) fn certificate_table(certificates: &[Change], now_ms: u64, paint: Paint) -> String {
    let cell = |ms: Option<u64>| match ms {
        None => (Tone::Warn, "absent".to_owned()),
        Some(ms) if ms <= now_ms => (Tone::Bad, when::date(ms)),
        Some(ms) => (Tone::Normal, when::date(ms)),
    };
    let rows: Vec<Vec<Cell>> = certificates
        .iter()
        .map(|change| {
            let (before_tone, before) = cell(change.before_ms);
            let (after_tone, after) = match cell(change.after_ms) {
                _ if change.unsure => (Tone::Warn, "not known (change unfinished)".to_owned()),
                (tone, _) if change.restored => (tone, "restored".to_owned()),
                (tone, _) if change.after_ms == change.before_ms => (tone, "unchanged".to_owned()),
                (Tone::Normal, date) => (Tone::Good, date),
                expired_or_absent => expired_or_absent,
            };
            vec![
                Cell::plain(&change.host),
                Cell::plain(&change.certificate),
                Cell { text: before, tone: before_tone },
                Cell { text: after, tone: after_tone },
            ]
        })
        .collect();
    table(&["HOST", "CERTIFICATE", "ENDED BEFORE", "ENDS NOW (UTC)"], &rows, 0, paint)
}
