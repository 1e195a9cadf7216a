//! date: a node's clock.

use certwright_engine::host::{Command, Output};

use super::OutputError;

/// `date +%s`.
pub fn seconds() -> Command {
    Command::reads(["date", "+%s"])
}

/// Parses seconds since 1970.
pub fn parse_seconds(output: &Output) -> Result<i64, OutputError> {
    let text = output.stdout.lossy();
    text.trim().parse().map_err(|_| OutputError::shape("`date +%s`", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{printed, run};

    #[test]
    fn a_clock_is_read_and_nonsense_refused() {
        assert_eq!(parse_seconds(&printed("1795553100\n")), Ok(1_795_553_100));
        assert!(parse_seconds(&run(&seconds().argv)).unwrap() > 1_700_000_000, "a real date");
        for bad in ["", "now", "1 2", "99999999999999999999"] {
            assert!(parse_seconds(&printed(bad)).is_err(), "{bad}");
        }
    }
}
