//! Times and durations as people read them, always in UTC: certificates are dated in UTC.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

const DATE: StaticFormatDescription = format_description!("[year]-[month]-[day] [hour]:[minute]");
const SECONDS: StaticFormatDescription = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const INSTANT: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const CLOCK: StaticFormatDescription = format_description!("[hour]:[minute]:[second]");

fn format(wall_ms: u64, format: StaticFormatDescription) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(wall_ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| format!("{wall_ms} ms"))
}

/// `2027-11-24 20:45`.
pub(crate) fn date(wall_ms: u64) -> String {
    format(wall_ms, DATE)
}

/// The same of seconds since 1970.
pub(crate) fn date_of(seconds: i64) -> String {
    of_seconds(seconds, DATE)
}

/// `2027-11-24T20:45:07Z`, of seconds since 1970.
pub(crate) fn instant(seconds: i64) -> String {
    of_seconds(seconds, INSTANT)
}

fn of_seconds(seconds: i64, format: StaticFormatDescription) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| format!("{seconds} s"))
}

/// `2027-11-24 20:45:07`.
pub(crate) fn seconds(wall_ms: u64) -> String {
    format(wall_ms, SECONDS)
}

/// `20:45:07`.
pub(crate) fn clock(wall_ms: u64) -> String {
    format(wall_ms, CLOCK)
}

/// `1.8 s`, `42 s`, `3 min 12 s`, `2 h 05 min`, `30 d`.
pub(crate) fn lasted(duration: Duration) -> String {
    let ms = duration.as_millis();
    let s = duration.as_secs();
    match s {
        _ if ms < 10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_utc_and_without_seconds() {
        assert_eq!(date(1_795_560_307_000), "2026-11-24 22:45");
        assert_eq!(seconds(1_795_560_307_000), "2026-11-24 22:45:07");
        assert_eq!(clock(1_795_560_307_000), "22:45:07");
    }

    #[test]
    fn a_time_out_of_range_is_shown_and_does_not_panic() {
        assert_eq!(date(u64::MAX), "18446744073709551615 ms");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown: Vec<String> = [0, 1_850, 42_000, 192_000, 7_500_000, 2_592_000_000]
            .into_iter()
            .map(|ms| lasted(Duration::from_millis(ms)))
            .collect();
        assert_eq!(shown, ["0.0 s", "1.8 s", "42 s", "3 min 12 s", "2 h 05 min", "30 d"]);
    }
}
