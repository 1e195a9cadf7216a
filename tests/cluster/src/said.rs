//! What programs of a host say, and how they end.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use certwright_steps::lab::Played;

/// Status of a program that cannot do its work at all.
const BROKEN: u8 = 125;

/// Now, ms since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An error and its causes on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend([": ", &error.to_string()]);
        cause = error.source();
    }
    text
}

/// Says a line on stderr; whoever closed it does not hear it.
pub fn line(text: &str) {
    let _told = writeln!(std::io::stderr(), "{text}");
}

/// The end of a program that cannot do its work.
pub fn broken(program: &str, error: &dyn Error) -> ExitCode {
    line(&format!("certwright-cluster: {program}: {}", chain(error)));
    ExitCode::from(BROKEN)
}

/// Prints what a program prints, and ends as it ends.
pub fn printed(status: i32, stdout: &[u8], stderr: &[u8]) -> ExitCode {
    let mut out = std::io::stdout();
    if out.write_all(stdout).and_then(|()| out.flush()).is_err() {
        return ExitCode::from(BROKEN);
    }
    let _told = std::io::stderr().write_all(stderr);
    ExitCode::from(u8::try_from(status).unwrap_or(BROKEN))
}

/// The same for a program that the lab played.
pub fn played(played: Played) -> ExitCode {
    match played {
        Played::Ended { status, stdout, stderr, takes_ms: _ } => printed(status, &stdout, &stderr),
        Played::Elsewhere => ExitCode::from(BROKEN),
    }
}
