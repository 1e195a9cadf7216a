//! When a line of a control-plane log was written, by the stamp in the line itself.
//!
//! Known stamps: klog's (`E1124 21:06:58.792314`, no year), etcd's JSON (`"ts":"2026-11-24T21:05:28.584192Z"`) and etcd's
//! before 3.5 (`2026-11-24 21:05:28.584192 W | `).

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};

/// The time of a line, ns since 1970; None when it has no known stamp. `near_ns` gives klog's year.
pub(crate) fn nanoseconds(line: &str, near_ns: i128) -> Option<i128> {
    json(line).or_else(|| klog(line, near_ns)).or_else(|| capnslog(line))
}

/// etcd before 3.5 writes local time, which is UTC in the containers of kubeadm.
fn capnslog(line: &str) -> Option<i128> {
    let (stamp, rest) = line.split_at_checked(26)?;
    if !rest.starts_with(' ') || !rest.get(2..)?.starts_with(" | ") {
        return None;
    }
    let (day, clock) = stamp.split_once(' ')?;
    Some(OffsetDateTime::parse(&format!("{day}T{clock}Z"), &Rfc3339).ok()?.unix_timestamp_nanos())
}

fn json(line: &str) -> Option<i128> {
    let (_, rest) = line.split_once("\"ts\":\"")?;
    let (stamp, _) = rest.split_once('"')?;
    Some(OffsetDateTime::parse(stamp, &Rfc3339).ok()?.unix_timestamp_nanos())
}

/// klog writes local time, which is UTC in the containers of kubeadm.
fn klog(line: &str, near_ns: i128) -> Option<i128> {
    let rest = line.strip_prefix(['I', 'W', 'E', 'F'])?;
    let (day, rest) = rest.split_once(' ')?;
    let number = |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
    if day.len() != 4 {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(day.get(..2)?)?).ok()?).ok()?;
    let day = u8::try_from(number(day.get(2..)?)?).ok()?;
    let clock = rest.split(' ').next()?;
    let mut parts = clock.split([':', '.']).map(number);
    let mut next = || parts.next().flatten();
    let (hour, minute, second, micros): (u32, u32, u32, u32) = (next()?, next()?, next()?, next()?);
    let clock = Time::from_hms_micro(
        u8::try_from(hour).ok()?,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
        micros,
    )
    .ok()?;
    let near = OffsetDateTime::from_unix_timestamp_nanos(near_ns).ok()?;
    // The line is of the year that puts it nearest to the container's start.
    (near.year() - 1..=near.year() + 1)
        .filter_map(|year| Date::from_calendar_date(year, month, day).ok())
        .map(|date| date.with_time(clock).assume_utc().unix_timestamp_nanos())
        .min_by_key(|at| (at - near_ns).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i128 {
        OffsetDateTime::parse(text, &Rfc3339).expect("a time").unix_timestamp_nanos()
    }

    #[test]
    fn lines_of_klog_and_of_etcd_are_dated() {
        let near = at("2026-11-24T21:00:00Z");
        for (line, expected) in [
            (
                r#"E1124 21:06:58.792314       1 leaderelection.go:461] "Error""#,
                Some("2026-11-24T21:06:58.792314Z"),
            ),
            (
                r#"{"level":"warn","ts":"2026-11-24T21:05:28.584192Z","msg":"x"}"#,
                Some("2026-11-24T21:05:28.584192Z"),
            ),
            (r#"{"level":"warn","ts":"2026-11-24T22:05:28.584192+0100"}"#, None),
            (
                r#"2026-11-25 08:26:18.912596 I | embed: rejected connection from "10.200.0.3:60674""#,
                Some("2026-11-25T08:26:18.912596Z"),
            ),
            ("2026-11-25 08:26:18.912596 without a level", None),
            ("Error: 1124 without a stamp", None),
            ("E1324 21:06:58.792314 month 13", None),
            ("E+1-2 21:06:58.792314 signs", None),
            ("", None),
        ] {
            assert_eq!(nanoseconds(line, near), expected.map(at), "{line}");
        }
    }

    #[test]
    fn a_line_written_after_new_year_is_of_the_new_year() {
        let near = at("2026-12-31T23:59:00Z");
        assert_eq!(nanoseconds("I0101 00:00:01.000000 x", near), Some(at("2027-01-01T00:00:01Z")));
    }
}
