//! Times and durations as the real programs print them.

use super::mint::instant;

/// `2026-11-24T21:06:53Z` from s since 1970.
pub(super) fn rfc3339(seconds: i64) -> String {
    let t = instant(seconds);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `2026-11-24T21:08:12.747541Z` from ms since 1970.
pub(super) fn rfc3339_us(ms: u64) -> String {
    with_fraction(ms, &format!("{:06}", ms % 1000 * 1000))
}

/// `2026-11-24T20:45:09.713880129Z` from ms since 1970.
pub(super) fn rfc3339_ns(ms: u64) -> String {
    with_fraction(ms, &format!("{:09}", ms % 1000 * 1_000_000))
}

fn with_fraction(ms: u64, fraction: &str) -> String {
    let text = rfc3339((ms / 1000).cast_signed());
    format!("{}.{fraction}Z", text.trim_end_matches('Z'))
}

/// The head of a klog line: `W1124 20:45:34.856392     923`.
pub(super) fn klog(level: char, ms: u64, pid: u32) -> String {
    let t = instant((ms / 1000).cast_signed());
    format!(
        "{level}{:02}{:02} {:02}:{:02}:{:02}.{:06} {pid:>7}",
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        ms % 1000 * 1000
    )
}

/// kubeadm's date: `Nov 24, 2027 20:45 UTC`.
pub(super) fn kubeadm_date(seconds: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let t = instant(seconds);
    let month = MONTHS[usize::from(u8::from(t.month())) - 1];
    format!("{month} {:02}, {:04} {:02}:{:02} UTC", t.day(), t.year(), t.hour(), t.minute())
}

/// kubeadm's residual time: `364d`, `9y`, `<invalid>` (apimachinery's ShortHumanDuration).
pub(super) fn short_duration(seconds: i64) -> String {
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..31_536_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// kubectl's age: `106s`, `2m45s`, `29m`, `3h`, `5d` (apimachinery's HumanDuration).
pub(super) fn age(seconds: u64) -> String {
    let (m, h, d) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => pair(m, "m", seconds % 60, "s"),
        600..10_800 => format!("{m}m"),
        10_800..28_800 => pair(h, "h", m % 60, "m"),
        28_800..172_800 => format!("{h}h"),
        172_800..691_200 => pair(d, "d", h % 24, "h"),
        691_200..63_072_000 => format!("{d}d"),
        _ => pair(d / 365, "y", d % 365, "d"),
    }
}

/// crictl's age: `15 seconds ago`, `About a minute ago` (docker's units.HumanDuration).
pub(super) fn ago(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    let text = match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 730 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    };
    format!("{text} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_the_real_programs_print_them() {
        assert_eq!(rfc3339(1_795_554_413), "2026-11-24T21:06:53Z");
        assert_eq!(kubeadm_date(1_795_554_413), "Nov 24, 2026 21:06 UTC");
        assert_eq!(klog('W', 1_795_553_134_856, 923), "W1124 20:45:34.856000     923");
        assert_eq!(short_duration(31_535_970), "364d");
        assert_eq!(short_duration(315_359_970), "9y");
        assert_eq!(short_duration(-83), "<invalid>");
        assert_eq!([age(30), age(106), age(165), age(1740)], ["30s", "106s", "2m45s", "29m"]);
        assert_eq!([ago(15), ago(75), ago(130)], ["15 seconds ago", "About a minute ago", "2 minutes ago"]);
    }
}
