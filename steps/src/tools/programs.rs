//! Which programs a host has on its PATH.

use certwright_engine::host::{Command, Output};

use super::script;

/// Prints the place (from 1) of every program that is not on PATH, one a line. Arguments: ROOT (not used), then
/// program names.
pub const SCRIPT: &str = "\
shift
n=0
for program in \"$@\"; do
    n=$((n + 1))
    command -v -- \"$program\" >/dev/null 2>&1 || printf '%s\\n' \"$n\"
done
";

/// The command that looks for `programs`.
pub fn missing(programs: &[String]) -> Command {
    Command::reads(script(SCRIPT, "", programs)).script("look-for-programs")
}

/// Those of `programs` that are not there.
pub fn parse_missing(programs: &[String], output: &Output) -> Vec<String> {
    let places = output.stdout.lossy();
    let at = |line: &str| programs.get(line.trim().parse::<usize>().ok()?.checked_sub(1)?).cloned();
    places.lines().filter_map(at).collect()
}
