//! Files of a node, through commands on it: constant scripts, paths only as arguments.
//!
//! Invariant: paths are absolute, and a path that is not there is told apart from one that cannot be read by
//! the scripts' own exit status, never by the text of a message.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Command, Host, HostError, Output, Stat, StatKind};
use crate::text::{KEPT, Secret};

/// The scripts' exit status for: nothing is there.
const ABSENT: i32 = 44;

const READ: &str = r#"test -e "$1" || exit 44
test -f "$1" || { echo 'is not a regular file' >&2; exit 1; }
exec head -c "$2" -- "$1""#;

/// One line a file, in the order of the arguments; of a file that is too large nothing is sent.
const READ_ALL: &str = r#"for path; do
    if test ! -e "$path"; then echo absent; continue; fi
    test -f "$path" && test "$(wc -c <"$path")" -le 1048576 || exit 1
    printf 'file '
    base64 -w 0 <"$path" || exit 1
    echo
done"#;

/// New file in the same folder, 0600 (umask 077, mktemp) until it is complete; `dd` syncs the data. A symlink's
/// target is replaced, not the symlink; an owner that was there stays.
const WRITE: &str = r#"case $1 in */) echo 'is a folder' >&2; exit 1 ;; esac
mkdir -p -- "${1%/*}/" || exit 1
path=$(readlink -f -- "$1" && echo .) || { echo 'cannot be resolved' >&2; exit 1; }
path=${path%??}
test ! -d "$path" || { echo 'is a folder' >&2; exit 1; }
folder=${path%/*}/
new=$(mktemp -- "$folder.certwright.XXXXXXXXXX") || exit 1
trap 'rm -f -- "$new"' EXIT
dd "of=$new" bs=64k conv=notrunc,fsync status=none || exit 1
test ! -e "$path" || chown --reference="$path" -- "$new" || exit 1
chmod "$2" -- "$new" || exit 1
sync -- "$new" && mv -fT -- "$new" "$path" && trap - EXIT && sync -- "$folder""#;

const STAT: &str = r#"test -e "$1" || test -L "$1" || exit 44
exec stat -c '%f %u %g %s %.9Y' -- "$1""#;

const LIST: &str = r#"test -e "$1" || exit 44
test -d "$1" || { echo 'is not a folder' >&2; exit 1; }
exec find "$1/" -mindepth 1 -maxdepth 1 -printf '%f\0'"#;

/// Reads a file of at most [`KEPT`] bytes.
pub(super) async fn read(host: &dyn Host, path: &str) -> Result<Option<Vec<u8>>, HostError> {
    let limit = (KEPT + 1).to_string();
    let Some(output) = ask(host, "read", READ, path, Some(&limit)).await? else { return Ok(None) };
    if output.stdout.is_cut() || output.stdout.bytes().len() > KEPT {
        return Err(refused(host, "read", path, "is larger than 1 MiB"));
    }
    Ok(Some(output.stdout.bytes().to_vec()))
}

/// Reads several files in one call. Where one of them cannot be read, or they are too much together, they are read one
/// after the other: that says which, and why.
pub(super) async fn read_all(host: &dyn Host, paths: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
    let [first, others @ ..] = paths else { return Ok(Vec::new()) };
    if let Some(path) = others.iter().find(|path| !path.starts_with('/')) {
        return Err(refused(host, "read", path, "is not an absolute path"));
    }
    let mut command = script(host, "read", READ_ALL, first, None)?;
    command.argv.extend(others.iter().map(|path| (*path).to_owned()));
    let output = host.run(&command).await?;
    let whole = output.success() && !output.stdout.is_cut();
    if let Some(all) = whole.then(|| parse_all(output.stdout.bytes(), paths.len())).flatten() {
        return Ok(all);
    }
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        all.push(read(host, path).await?);
    }
    Ok(all)
}

/// Reads a line a file: `absent`, or `file` and its content in base64.
fn parse_all(stdout: &[u8], count: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let text = std::str::from_utf8(stdout).ok()?.strip_suffix('\n')?;
    let one = |line: &str| match line.strip_prefix("file ") {
        Some(content) => Some(Some(STANDARD.decode(content).ok()?)),
        None => (line == "absent").then_some(None),
    };
    text.split('\n').map(one).collect::<Option<Vec<_>>>().filter(|all| all.len() == count)
}

/// Puts a file in place.
pub(super) async fn write(host: &dyn Host, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
    let mode = format!("{mode:04o}");
    let command = script(host, "write", WRITE, path, Some(&mode))?;
    let command = Command { effect: super::Effect::Mutates, ..command }.stdin(Secret::new(bytes.to_vec()));
    let output = host.run(&command.deadline(Duration::from_secs(60))).await?;
    checked(host, "write", path, output).map(drop)
}

/// Facts about what is at a path.
pub(super) async fn stat(host: &dyn Host, path: &str) -> Result<Option<Stat>, HostError> {
    let Some(output) = ask(host, "stat", STAT, path, None).await? else { return Ok(None) };
    let text = output.stdout.lossy();
    parse_stat(text.trim_end())
        .map(Some)
        .ok_or_else(|| refused(host, "stat", path, &format!("stat printed `{}`", output.stdout.escaped())))
}

/// Names in a folder.
pub(super) async fn list(host: &dyn Host, path: &str) -> Result<Option<Vec<String>>, HostError> {
    let Some(output) = ask(host, "list", LIST, path, None).await? else { return Ok(None) };
    if output.stdout.is_cut() {
        return Err(refused(host, "list", path, "holds more than 1 MiB of names"));
    }
    let mut names = Vec::new();
    for name in output.stdout.bytes().split(|&b| b == 0).filter(|name| !name.is_empty()) {
        let name = std::str::from_utf8(name)
            .map_err(|_not_utf8| refused(host, "list", path, "holds a name that is not UTF-8"))?;
        names.push(name.to_owned());
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// Runs a reading script; None when it says that nothing is there.
async fn ask(
    host: &dyn Host,
    verb: &'static str,
    text: &str,
    path: &str,
    more: Option<&str>,
) -> Result<Option<Output>, HostError> {
    let output = host.run(&script(host, verb, text, path, more)?).await?;
    if output.status == ABSENT {
        return Ok(None);
    }
    checked(host, verb, path, output).map(Some)
}

fn script(
    host: &dyn Host,
    verb: &'static str,
    text: &str,
    path: &str,
    more: Option<&str>,
) -> Result<Command, HostError> {
    if !path.starts_with('/') {
        return Err(refused(host, verb, path, "is not an absolute path"));
    }
    Ok(Command::reads(["/bin/sh", "-c", text, "certwright", path].into_iter().chain(more)).script(verb))
}

fn checked(host: &dyn Host, verb: &str, path: &str, output: Output) -> Result<Output, HostError> {
    if output.success() {
        return Ok(output);
    }
    let words = output.stderr.last_lines(1).pop();
    Err(refused(host, verb, path, &words.unwrap_or_else(|| format!("exit status {}", output.status))))
}

fn refused(host: &dyn Host, verb: &str, path: &str, why: &str) -> HostError {
    HostError::Refused {
        host: host.name().to_owned(),
        why: format!("cannot {verb} `{}`: {why}", crate::text::escape(path)),
    }
}

/// Reads `%f %u %g %s %.9Y`: raw mode in hex, owner, group, size, seconds with nine decimals.
fn parse_stat(line: &str) -> Option<Stat> {
    let mut words = line.split(' ');
    let raw = u32::from_str_radix(words.next()?, 16).ok()?;
    let uid = words.next()?.parse().ok()?;
    let gid = words.next()?.parse().ok()?;
    let size = words.next()?.parse().ok()?;
    let mtime_ns = words.next()?.replace(['.', ','], "").parse().ok()?;
    Some(Stat { kind: kind_of(raw), mode: raw & 0o7777, uid, gid, size, mtime_ns })
}

/// The kind in a raw mode.
pub(super) fn kind_of(raw: u32) -> StatKind {
    match raw & 0o170_000 {
        0o100_000 => StatKind::File,
        0o040_000 => StatKind::Folder,
        0o120_000 => StatKind::Symlink,
        _other => StatKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_stat_is_read_to_the_nanosecond() {
        let stat = parse_stat("81a4 0 4 1180 1719822000.000000042").expect("a regular file");
        let expected = Stat {
            kind: StatKind::File,
            mode: 0o644,
            uid: 0,
            gid: 4,
            size: 1180,
            mtime_ns: 1_719_822_000_000_000_042,
        };
        assert_eq!(stat, expected);
        assert_eq!(parse_stat("41ed 0 0 4096"), None);
    }
}
