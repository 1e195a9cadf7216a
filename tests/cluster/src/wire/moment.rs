//! Moments as Kubernetes writes them, and ages as its tables show them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Now, to the second: `2026-11-24T20:45:14Z`.
pub fn seconds() -> String {
    render_seconds(OffsetDateTime::now_utc())
}

/// A moment to the second.
pub fn render_seconds(moment: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    moment.format(form).unwrap_or_default()
}

/// Now, to the microsecond: `2026-11-24T20:45:14.210481Z`.
pub fn micros() -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::now_utc().format(form).unwrap_or_default()
}

/// A moment read back from either form.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// The age of something made at `text`, as a table shows it: `30s`, `2m45s`, `106s`, `29m`, `5h`, `364d`.
pub fn age_since(text: &str) -> String {
    parse(text).map_or_else(
        || "<unknown>".to_owned(),
        |made| age((OffsetDateTime::now_utc() - made).whole_seconds()),
    )
}

fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let pair = |big: i64, unit: &str, small: i64, part: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{part}"),
    };
    match seconds {
        i64::MIN..120 => format!("{}s", seconds.max(0)),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => pair(days / 365, "y", days % 365, "d"),
        252_288_000.. => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    /// The ages of the real node's tables.
    #[test]
    fn ages_are_those_of_kubectl() {
        let of =
            [(30, "30s"), (106, "106s"), (165, "2m45s"), (144, "2m24s"), (1740, "29m"), (11_100, "3h5m")];
        for (seconds, text) in of {
            assert_eq!(age(seconds), text);
        }
        assert_eq!(age(31_449_600), "364d");
    }
}
