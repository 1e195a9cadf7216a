//! Seconds as people read them.

/// In the largest unit that says enough; the sign is dropped.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match seconds {
        0..180 => format!("{seconds}s"),
        180..10_800 => format!("{}m", seconds / 60),
        10_800..259_200 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
