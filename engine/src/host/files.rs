//! Files of a node, through commands on it: constant scripts, paths only as arguments.
//!
//! Invariant: paths are absolute, and a path that is not there is told apart from one that cannot be read by
//! the scripts' own exit status, never by the text of a message.

use std::time::Duration;

use super::{Command, Host, HostError, Output, Stat, StatKind};
use crate::text::{KEPT, Secret};

/// The scripts' exit status for: nothing is there.
const ABSENT: i32 = 44;

const READ: &str = r#"test -e "$1" || exit 44
test -f "$1" || { echo 'is not a regular file' >&2; exit 1; }
exec head -c "$2" -- "$1""#;

/// A line a path: whether a file is there. Then a line a file: its size, and what changes with it. Then all that they hold,
/// and those lines once more: between equal ones no file was another one. Three programs, however many files; of more than
/// 1 MiB in all nothing is sent.
const READ_ALL: &str = r#"for path; do
    shift
    if test -f "$path"; then
        echo file
        set -- "$@" "$path"
    else
        test ! -e "$path" || exit 1
        echo absent
    fi
done
test $# != 0 || exit 0
facts=$(stat -Lc '%s %i %.9Z' -- "$@") || exit 1
size=0 n=0
for word in $facts; do
    test $((n % 3)) != 0 || size=$((size + word))
    n=$((n + 1))
done
test $size -le 1048576 || exit 1
echo "$facts"
cat -- "$@" && exec stat -Lc '%s %i %.9Z' -- "$@""#;

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

/// Reads several files in one call. Where one of them cannot be read or changes meanwhile, or they are too much together,
/// they are read one after the other: that says which, and why.
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

/// Reads what the script prints of so many paths; None where a file was changed meanwhile, or it makes no sense.
fn parse_all(stdout: &[u8], count: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let mut rest = stdout;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, others) = rest.split_at(end);
        rest = &others[1..];
        std::str::from_utf8(line).ok()
    };
    let mut there = Vec::with_capacity(count);
    for _path in 0..count {
        there.push(match line()? {
            "file" => true,
            "absent" => false,
            _odd => return None,
        });
    }
    let mut facts = Vec::new();
    let mut sizes = Vec::new();
    for _file in there.iter().filter(|there| **there) {
        let told = line()?;
        sizes.push(told.split(' ').next()?.parse::<usize>().ok()?);
        facts.extend_from_slice(told.as_bytes());
        facts.push(b'\n');
    }
    let mut held = Vec::with_capacity(sizes.len());
    for size in sizes {
        let (content, others) = rest.split_at_checked(size)?;
        held.push(content.to_vec());
        rest = others;
    }
    let mut held = held.into_iter();
    (rest == facts).then(|| there.into_iter().map(|there| there.then(|| held.next()).flatten()).collect())
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
    fn several_files_are_told_apart_and_one_that_changed_meanwhile_makes_no_answer() {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        let (one, two) = ("3 7 1.5", "4 8 2.5");
        let good = format!("file\nabsent\nfile\n{one}\n{two}\na\nbfile{one}\n{two}\n");
        assert_eq!(parse_all(good.as_bytes(), 3), Some(vec![some("a\nb"), None, some("file")]));
        assert_eq!(parse_all(b"absent\n", 1), Some(vec![None]));
        assert_eq!(parse_all(b"", 0), Some(Vec::new()));
        let empty = "0 7 1.5";
        assert_eq!(parse_all(format!("file\n{empty}\n{empty}\n").as_bytes(), 1), Some(vec![some("")]));
        for cut in 0..good.len() {
            assert_eq!(parse_all(&good.as_bytes()[..cut], 3), None, "{cut}");
        }
        for (from, to) in [("bfile3 7", "bfile3 9"), ("2.5\na", "2.6\na"), ("file\nabsent", "file\nodd")] {
            assert!(good.contains(from));
            assert_eq!(parse_all(good.replacen(from, to, 1).as_bytes(), 3), None, "{from}");
        }
        let longer = format!("{good}x");
        assert_eq!(parse_all(longer.as_bytes(), 3), None);
    }

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
